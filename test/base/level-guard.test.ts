import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openGuarded, openOrReplace, openSnapshot } from '../../src/base/level-guard.ts'
import { isSetAside, markPath } from '../../src/base/set-aside.ts'
import { LevelStore } from '../../src/base/level-store.ts'
import { put } from '../../src/base/key-value-store.ts'
import { silentLog } from '../../src/base/log.ts'
import { isEqualBytes, utf8 } from '../../src/base/bytes.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'

const clock = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5) }
const noBegin = async (): Promise<void> => undefined

/** Values that no compression makes equal again. */
const value = (seed: number): Uint8Array => Uint8Array.from({ length: 500 }, (_, index) => (Math.imul(seed * 500 + index + 1, 2_654_435_761) >>> 24) & 0xff)

const fill = async (store: LevelStore, from: number, count: number, durable = true): Promise<void> => {
  for (let number = from; number < from + count; number += 50) {
    await store.write(Array.from({ length: 50 }, (_, index) => put(`key/${String(number + index).padStart(8, '0')}`, value(number + index))), { durable })
  }
}

/** A store of tables and a log, as it lies there after a kill: a copy of the files of an open one. */
const killedStore = async (t: ExecutionContext): Promise<string> => {
  const folder = await temporaryDirectory(t)
  const [live, directory] = [path.join(folder, 'live'), path.join(folder, 'state')]
  const store = await openGuarded(live)
  await fill(store, 0, 6000)
  await fill(store, 6000, 200)
  cpSync(live, directory, { recursive: true })
  cpSync(markPath(live), markPath(directory))
  await store.close()
  return directory
}

const closedStore = async (t: ExecutionContext): Promise<string> => {
  const directory = path.join(await temporaryDirectory(t), 'state')
  const store = await openGuarded(directory)
  await fill(store, 0, 6000)
  await store.close()
  return directory
}

const largest = (directory: string, pattern: RegExp): string => {
  const [name] = readdirSync(directory).filter((candidate) => pattern.test(candidate)).sort((left, right) => statSync(path.join(directory, right)).size - statSync(path.join(directory, left)).size)
  if (name === undefined) throw new Error(`nothing in ${directory} is like ${pattern.source}`)
  return path.join(directory, name)
}

const flip = (file: string, share: number): void => {
  const bytes = readFileSync(file)
  const at = Math.floor(bytes.length * share)
  bytes[at] = (bytes[at] ?? 0) ^ 0x10
  writeFileSync(file, bytes)
}

test('a store that was killed opens again with all that was durable', async (t) => {
  const directory = await killedStore(t)
  const store = await openGuarded(directory)
  t.teardown(() => store.close())
  for (const number of [0, 3000, 6199]) t.true(isEqualBytes((await store.get(`key/${String(number).padStart(8, '0')}`)) ?? new Uint8Array(), value(number)))
})

test('a process that is killed while it writes leaves a store that opens', async (t) => {
  const directory = path.join(await temporaryDirectory(t), 'state')
  const source = `import { openGuarded } from ${JSON.stringify(import.meta.resolve('../../src/base/level-guard.ts'))}
    const store = await openGuarded(process.argv[1])
    for (let n = 0; ; n += 1) { await store.write([{ kind: 'put', key: 'n', value: Buffer.from(String(n)) }, { kind: 'put', key: 'big' + n % 100, value: Buffer.alloc(20000, n) }], { durable: n % 3 === 0 }); console.log(n) }`
  for (let round = 0; round < 3; round += 1) {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', source, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => child.kill('SIGKILL'))
    let said = ''
    for await (const chunk of child.stdout) {
      said += String(chunk)
      if (said.split('\n').length > 40 + round * 37) break
    }
    child.kill('SIGKILL')
    await once(child, 'exit')
    const store = await openGuarded(directory)
    const last = Number(said.trim().split('\n').at(-1) ?? 0)
    t.true(Number(Buffer.from((await store.get('n')) ?? utf8('-1')).toString()) >= last - 1)
    await store.close()
  }
})

const isFound = test.macro({
  async exec(t, make: (t: ExecutionContext) => Promise<string>, harm: (directory: string) => void, what: RegExp) {
    const directory = await make(t)
    harm(directory)
    const before = existsSync(directory) ? readdirSync(directory) : []
    const error = await t.throwsAsync(openGuarded(directory), { code: 'store-damaged' })
    t.regex(error?.message ?? '', what)
    const begun: string[] = []
    const { store, setAside } = await openOrReplace(directory, { clock, log: silentLog, begin: async (fresh, at) => {
      begun.push(`${at}`)
      await fresh.write([put('begun', Uint8Array.of(1))], { durable: true })
    } })
    t.teardown(() => store.close())
    t.deepEqual(begun, [`${clock.now()}`])
    t.regex(setAside ?? '', /state\.(damaged|missing)-20260102T030405Z$/)
    t.true(isSetAside(path.basename(setAside ?? '')))
    if (before.length > 0 && !/writes are missing/.test(what.source)) t.deepEqual(readdirSync(setAside ?? '').sort(), before.sort())
    t.is(await store.get('key/00000000'), undefined)
    await store.close()
    const again = await openGuarded(directory)
    t.deepEqual([...((await again.get('begun')) ?? [])], [1])
    await again.close()
  },
  title: (name = '') => `${name} is found, set aside and begun anew`
})
test('a table that was cut off', isFound, closedStore, (directory) => truncateSync(largest(directory, /ldb$/), 1000), /had/)
test('a table that is gone', isFound, closedStore, (directory) => rmSync(largest(directory, /ldb$/)), /is missing/)
test('a table with a bit changed', isFound, closedStore, (directory) => flip(largest(directory, /ldb$/), 0.5), /was changed/)
test('a table with a bit of its end changed', isFound, closedStore, (directory) => flip(largest(directory, /ldb$/), 0.999999), /was changed/)
test('a log with a bit changed', isFound, killedStore, (directory) => flip(largest(directory, /log$/), 0.4), /was changed/)
test('a log that was cut off', isFound, killedStore, (directory) => truncateSync(largest(directory, /log$/), 1000), /writes are missing/)
test('a log that is gone', isFound, killedStore, (directory) => rmSync(largest(directory, /log$/)), /is missing/)
test('a manifest with a bit changed', isFound, closedStore, (directory) => flip(largest(directory, /^MANIFEST/), 0.3), /MANIFEST/)
test('a manifest that is gone', isFound, closedStore, (directory) => rmSync(largest(directory, /^MANIFEST/)), /MANIFEST-\d+ is missing/)
test('a manifest that was emptied', isFound, closedStore, (directory) => truncateSync(largest(directory, /^MANIFEST/), 0), /is damaged/)
test('a CURRENT that is gone', isFound, closedStore, (directory) => rmSync(path.join(directory, 'CURRENT')), /CURRENT is missing/)
test('a CURRENT that is empty', isFound, closedStore, (directory) => truncateSync(path.join(directory, 'CURRENT'), 0), /CURRENT/)
test('a directory that is gone', isFound, closedStore, (directory) => rmSync(directory, { recursive: true }), /missing/)
test('a directory that was emptied', isFound, closedStore, (directory) => {
  for (const name of readdirSync(directory)) rmSync(path.join(directory, name))
}, /writes are missing/)

test('a log that ends in the middle of a record is sound', async (t) => {
  const directory = path.join(await temporaryDirectory(t), 'state')
  const store = await openGuarded(directory)
  await fill(store, 0, 100)
  await store.write([put('last', value(1))], { durable: false })
  const copy = `${directory}-copy`
  cpSync(directory, copy, { recursive: true })
  cpSync(markPath(directory), markPath(copy))
  await store.close()
  const log = largest(copy, /log$/)
  truncateSync(log, statSync(log).size - 100)
  const after = await openGuarded(copy)
  t.is(await after.get('last'), undefined)
  t.true(isEqualBytes((await after.get('key/00000099')) ?? new Uint8Array(), value(99)))
  await after.close()
})

test('a start that is cut short before the new store is begun finds the damage again', async (t) => {
  const directory = await closedStore(t)
  rmSync(directory, { recursive: true })
  await t.throwsAsync(openOrReplace(directory, { clock, log: silentLog, begin: () => Promise.reject(new Error('killed')) }), { message: 'killed' })
  t.true(LevelStore.isHeld(directory) === false)
  const { store, setAside } = await openOrReplace(directory, { clock, log: silentLog, begin: noBegin })
  t.not(setAside, null)
  await store.close()
})

test('a store that is open elsewhere is never looked at, let alone set aside', async (t) => {
  const directory = await closedStore(t)
  const source = `import { openGuarded } from ${JSON.stringify(import.meta.resolve('../../src/base/level-guard.ts'))}
    await openGuarded(process.argv[1]); console.log('open'); setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', source, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  rmSync(largest(directory, /ldb$/))
  await t.throwsAsync(openOrReplace(directory, { clock, log: silentLog, begin: noBegin }), { code: 'store-locked' })
  child.kill('SIGKILL')
  await once(child, 'exit')
  await t.throwsAsync(openGuarded(directory), { code: 'store-damaged' })
})

test('a store of a release that kept no mark is taken as it is', async (t) => {
  const directory = await closedStore(t)
  rmSync(markPath(directory))
  const store = await openGuarded(directory)
  t.true(isEqualBytes((await store.get('key/00000001')) ?? new Uint8Array(), value(1)))
  await store.close()
  t.true(existsSync(markPath(directory)))
})

test('a snapshot of a store in which its owner has laid links has none', async (t) => {
  const directory = await killedStore(t)
  const target = path.join(path.dirname(directory), 'copy')
  const table = readdirSync(directory).find((name) => name.endsWith('.ldb')) ?? ''
  renameSync(path.join(directory, table), path.join(directory, '..', 'elsewhere'))
  symlinkSync('../elsewhere', path.join(directory, table))
  const snapshot = await openSnapshot(directory, target)
  t.is(snapshot?.damage, null)
  await snapshot?.store.close()
  t.deepEqual(readdirSync(target).filter((name) => !lstatSync(path.join(target, name)).isFile()), [])
})

test('a store whose owner names another file as its manifest is not copied there', async (t) => {
  const directory = await killedStore(t)
  const folder = path.dirname(directory)
  mkdirSync(path.join(folder, 'deep'))
  writeFileSync(path.join(folder, 'planted'), 'planted')
  writeFileSync(path.join(directory, 'CURRENT'), '../planted\n')
  const snapshot = await openSnapshot(directory, path.join(folder, 'deep', 'copy'))
  await snapshot?.store.close()
  t.regex(snapshot?.damage ?? '', /CURRENT names no manifest/)
  t.false(existsSync(path.join(folder, 'deep', 'planted')))
})
