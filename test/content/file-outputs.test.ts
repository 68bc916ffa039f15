import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { isEqualBytes } from '../../src/base/bytes.ts'
import { limits } from '../../src/base/limits.ts'
import { FileOutputs, parseOutputCid } from '../../src/content/file-outputs.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { readAll } from './content-suite.ts'
import { cidOf } from './memory-blocks.ts'

const open = async (t: Parameters<typeof temporaryDirectory>[0]) => {
  const directory = join(await temporaryDirectory(t), 'outputs')
  return { directory, outputs: await FileOutputs.open(directory) }
}

const store = async (outputs: FileOutputs, bytes: Uint8Array) => {
  const cid = cidOf(0x55, bytes).toString()
  return { cid, result: await outputs.append({ cid, offset: 0, sizeBytes: bytes.length, bytes }) }
}

test('an output that came in parts is read whole and from an offset', async (t) => {
  const { outputs } = await open(t)
  const bytes = new Uint8Array(randomBytes(10_000))
  const cid = cidOf(0x55, bytes).toString()
  const part = (offset: number, end: number) => outputs.append({ cid, offset, sizeBytes: bytes.length, bytes: bytes.subarray(offset, end) })
  t.like(await part(0, 4000), { ok: true, value: { complete: false } })
  t.false(await outputs.has(cid))
  t.is(await outputs.read(cid), undefined)
  t.like(await part(5000, 10_000), { ok: false, code: 'bad-output-part' })
  t.like(await part(4000, 10_000), { ok: true, value: { complete: true } })
  t.true(await outputs.has(cid))
  t.true(isEqualBytes(await readAll((await outputs.read(cid)) ?? (async function* () {})()), bytes))
  t.true(isEqualBytes(await readAll((await outputs.read(cid, 9990)) ?? (async function* () {})()), bytes.subarray(9990)))
  t.like(await part(0, 4000), { ok: true, value: { complete: true } }, 'it is here already')
})

test('an empty output is an output', async (t) => {
  const { outputs } = await open(t)
  const { cid, result } = await store(outputs, new Uint8Array())
  t.like(result, { ok: true, value: { complete: true } })
  t.true(await outputs.has(cid))
})

test('bytes that do not match the CID leave nothing behind', async (t) => {
  const { directory, outputs } = await open(t)
  const cid = cidOf(0x55, randomBytes(8)).toString()
  t.like(await outputs.append({ cid, offset: 0, sizeBytes: 8, bytes: randomBytes(8) }), { ok: false, code: 'bad-output' })
  t.deepEqual(await readdir(directory), [])
})

const digest = cidOf(0x55, randomBytes(3))
const refusesCid = test.macro({
  title: (_, text: string) => `"${text.slice(0, 24)}" names no output`,
  exec: async (t, text: string) => {
    const { outputs } = await open(t)
    t.like(parseOutputCid(text), { ok: false, code: 'bad-output-cid' })
    t.like(await outputs.append({ cid: text, offset: 0, sizeBytes: 1, bytes: new Uint8Array(1) }), { ok: false, code: 'bad-output-cid' })
    t.false(await outputs.has(text))
    t.is(await outputs.read(text), undefined)
  }
})
test(refusesCid, '../../etc/passwd')
test(refusesCid, '')
test(refusesCid, `${digest.toString()}/../x`)
test(refusesCid, cidOf(0x70, randomBytes(3)).toString())
test(refusesCid, digest.toString().toUpperCase())

test('an output over the limit, and a part beyond its end, are refused', async (t) => {
  const { directory, outputs } = await open(t)
  const cid = digest.toString()
  t.like(await outputs.append({ cid, offset: 0, sizeBytes: limits.output.streamBytesMax + 1, bytes: new Uint8Array(1) }), { ok: false, code: 'output-too-large' })
  t.like(await outputs.append({ cid, offset: 0, sizeBytes: 3, bytes: new Uint8Array(4) }), { ok: false, code: 'bad-output-part' })
  t.like(await outputs.append({ cid, offset: 0, sizeBytes: 3, bytes: new Uint8Array() }), { ok: false, code: 'bad-output-part' })
  t.like(await outputs.append({ cid, offset: -1, sizeBytes: 3, bytes: new Uint8Array(1) }), { ok: false, code: 'bad-output-part' })
  t.deepEqual(await readdir(directory), [])
})

test('what is too old goes, half outputs sooner', async (t) => {
  const { outputs } = await open(t)
  const { cid } = await store(outputs, randomBytes(100))
  await outputs.append({ cid: digest.toString(), offset: 0, sizeBytes: 3, bytes: new Uint8Array(1) })
  const now = Date.now()
  t.deepEqual(await outputs.prune(now), { removedOutputs: 0 })
  t.deepEqual(await outputs.prune(now + limits.output.partAgeMsMax + 60_000), { removedOutputs: 1 })
  t.true(await outputs.has(cid))
  t.deepEqual(await outputs.prune(now + limits.output.storeAgeMsMax + 60_000), { removedOutputs: 1 })
  t.false(await outputs.has(cid))
})

test('the oldest outputs go when there is too much', async (t) => {
  const { outputs } = await open(t)
  for (let index = 0; index < 5; index += 1) await store(outputs, randomBytes(100))
  t.deepEqual(await outputs.prune(Date.now(), { storeBytesMax: 250 }), { removedOutputs: 3 })
})
