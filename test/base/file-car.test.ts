import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { fc } from '../fixtures/properties.ts'
import { CID } from 'multiformats/cid'
import { CarWriter, readCar } from '../../src/base/file-car.ts'
import { decodeOwn, encodeCbor } from '../../src/base/codec.ts'
import { WritError } from '../../src/base/errors.ts'
import { readVarint } from '../../src/base/varint.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'

const write = (file: string, values: readonly unknown[]): void => {
  const writer = new CarWriter(file, encodeCbor({ archive: 'test' }))
  for (const value of values) writer.add(encodeCbor(value))
  writer.finish()
}

const archiveOf = async (t: ExecutionContext, values: readonly unknown[]): Promise<string> => {
  const file = path.join(await temporaryDirectory(t), 'a.car')
  write(file, values)
  return file
}

const read = (file: string): unknown[] => [...readCar(file)].map(decodeOwn)

test('what is written is read, in order, and nobody else may read it', async (t) => {
  const values = Array.from({ length: 300 }, (_, index) => ({ index, bytes: new Uint8Array(index * 100) }))
  const file = await archiveOf(t, values)
  t.deepEqual(read(file), [{ archive: 'test' }, ...values])
  t.is(statSync(file).mode & 0o777, 0o600)
})

test('it is a CAR file: a header with one root, and blocks under their CIDs', async (t) => {
  const bytes = new Uint8Array(readFileSync(await archiveOf(t, [1])))
  const header = readVarint(bytes, 0)
  if (header === null) return t.fail()
  const { roots, version } = decodeOwn(bytes.subarray(header.next, header.next + header.value)) as { roots: CID[]; version: number }
  t.is(version, 1)
  const first = readVarint(bytes, header.next + header.value)
  if (first === null) return t.fail()
  const [cid] = CID.decodeFirst(bytes.subarray(first.next))
  t.true(roots[0]?.equals(cid))
})

test('a file that exists is never written over, and one that was given up leaves nothing', async (t) => {
  const file = await archiveOf(t, [1])
  const before = readFileSync(file)
  t.throws(() => new CarWriter(file, encodeCbor(1)), { code: 'file-exists' })
  t.deepEqual(readFileSync(file), before)
  const other = path.join(path.dirname(file), 'b.car')
  const writer = new CarWriter(other, encodeCbor(1))
  t.false(existsSync(other))
  writer.abandon()
  t.deepEqual(readdirSync(path.dirname(file)), ['a.car'])
})

test('a folder that is not there, and a file that is not there, are named', async (t) => {
  const folder = await temporaryDirectory(t)
  t.throws(() => new CarWriter(path.join(folder, 'no', 'a.car'), encodeCbor(1)), { code: 'home-unwritable' })
  t.throws(() => read(path.join(folder, 'a.car')), { code: 'archive-unreadable' })
  t.throws(() => read(folder), { code: 'archive-unreadable' })
})

test('a file of another kind is foreign', async (t) => {
  const file = path.join(await temporaryDirectory(t), 'a.car')
  for (const content of ['{"name": "writ"}', '', 'x'.repeat(5000)]) {
    writeFileSync(file, content)
    t.throws(() => read(file), { code: 'archive-foreign' }, content)
  }
})

test('wherever an archive is cut off or changed, it is noticed', async (t) => {
  const file = await archiveOf(t, ['one', 'two', new Uint8Array(200), 'three'])
  const whole = readFileSync(file)
  fc.assert(fc.property(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 0, max: 7 }), fc.boolean(), (at, bit, isCut) => {
    const bytes = Buffer.from(isCut ? whole.subarray(0, at) : whole)
    if (!isCut) bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
    writeFileSync(file, bytes)
    // The header's own bytes name the root and nothing that is read.
    if (!isCut && at < 60) return true
    try {
      read(file)
      return false
    } catch (error) {
      return error instanceof Error && 'code' in error && ['archive-damaged', 'archive-foreign'].includes(String(error.code))
    }
  }), { numRuns: 300 })
  writeFileSync(file, Buffer.concat([whole, whole.subarray(60, 120)]))
  t.throws(() => read(file), { instanceOf: WritError })
})

test('a block that was taken out is missed', async (t) => {
  const [long, short] = [await archiveOf(t, ['one', 'two', 'three']), await archiveOf(t, ['one', 'three'])]
  writeFileSync(short, Buffer.concat([readFileSync(short).subarray(0, -sizeOfEnding(short)), readFileSync(long).subarray(-sizeOfEnding(long))]))
  t.throws(() => read(short), { code: 'archive-damaged', message: /missing/ })
})

/** The last block with its length: the header and the others are what comes before. */
const sizeOfEnding = (file: string): number => {
  const bytes = new Uint8Array(readFileSync(file))
  let at = 0
  let last = 0
  while (at < bytes.length) {
    const length = readVarint(bytes, at)
    if (length === null) throw new Error('no length')
    last = length.next + length.value - at
    at += last
  }
  return last
}
