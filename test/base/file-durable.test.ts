import test from 'ava'
import fs, { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import path from 'node:path'
import { makeDirectory, readFileGuarded, statGuarded, writeFileDurable } from '../../src/base/file-durable.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'

const isRoot = process.getuid?.() === 0
const asRoot = isRoot ? test : test.skip

test('a file is written whole, with its mode, and nothing is left beside it', async (t) => {
  const file = path.join(await temporaryDirectory(t), 'file')
  writeFileDurable(file, 'first', 0o644)
  writeFileDurable(file, new Uint8Array(100_000).fill(7), 0o600)
  t.is(statSync(file).size, 100_000)
  t.is(statSync(file).mode & 0o777, 0o600)
  t.deepEqual(readdirSync(path.dirname(file)), ['file'])
})

test('a link at the place of a file is replaced, never followed', async (t) => {
  const folder = await temporaryDirectory(t)
  writeFileSync(path.join(folder, 'target'), 'untouched')
  symlinkSync('target', path.join(folder, 'link'))
  writeFileDurable(path.join(folder, 'link'), 'new', 0o600)
  t.is(readFileSync(path.join(folder, 'target'), 'utf8'), 'untouched')
  t.is(statGuarded(path.join(folder, 'link')).isFile(), true)
})

test('a file that cannot be written is named', async (t) => {
  const folder = await temporaryDirectory(t)
  const error = t.throws(() => writeFileDurable(path.join(folder, 'missing', 'file'), '', 0o600), { code: 'home-unwritable' })
  t.like(error, { details: { path: path.join(folder, 'missing', 'file') } })
  writeFileSync(path.join(folder, 'plain'), '')
  t.throws(() => makeDirectory(path.join(folder, 'plain', 'sub')), { code: 'home-unwritable' })
})

/** Lets writes fail as on a full disk while `action` runs; nothing else here may run meanwhile. */
const withFullDisk = (code: string, action: () => void): void => {
  const { writeSync } = fs
  const fail = (): never => {
    throw Object.assign(new Error(`${code}: no space left on device`), { code })
  }
  Object.assign(fs, { writeSync: fail })
  syncBuiltinESMExports()
  try {
    action()
  } finally {
    Object.assign(fs, { writeSync })
    syncBuiltinESMExports()
  }
}

for (const code of ['ENOSPC', 'EDQUOT']) {
  test.serial(`a full disk (${code}) is told as such, and the file stays as it was`, async (t) => {
    const file = path.join(await temporaryDirectory(t), 'file')
    writeFileDurable(file, 'before', 0o600)
    withFullDisk(code, () => t.throws(() => writeFileDurable(file, 'after', 0o600), { code: 'disk-full', message: /no space left to write .*file; free some/ }))
    t.is(readFileSync(file, 'utf8'), 'before')
    t.deepEqual(readdirSync(path.dirname(file)), ['file'])
  })
}

test('a directory is made for its owner alone, and may be there already', async (t) => {
  const folder = path.join(await temporaryDirectory(t), 'a', 'b')
  makeDirectory(folder)
  makeDirectory(folder)
  t.is(statSync(folder).mode & 0o777, 0o700)
})

test('a file that is not there is missing', async (t) => {
  t.throws(() => readFileGuarded('/nowhere/at/all', { secret: false }), { code: 'file-missing' })
  t.throws(() => statGuarded(path.join('/nowhere', 'x')), { code: 'file-missing' })
})

test('a directory where a file should be cannot be read, nor what lies below a file', async (t) => {
  const folder = await temporaryDirectory(t)
  t.throws(() => readFileGuarded(folder, { secret: false }), { code: 'home-unreadable' })
  writeFileSync(path.join(folder, 'plain'), '')
  t.throws(() => readFileGuarded(path.join(folder, 'plain', 'below'), { secret: false }), { code: 'home-unreadable' })
})

test('a link is refused, dangling or not', async (t) => {
  const folder = await temporaryDirectory(t)
  writeFileSync(path.join(folder, 'target'), '')
  for (const target of ['target', 'nowhere']) {
    symlinkSync(target, path.join(folder, `to-${target}`))
    t.throws(() => readFileGuarded(path.join(folder, `to-${target}`), { secret: false }), { code: 'home-symlink', message: /is a symbolic link/ })
  }
})

const refusesMode = test.macro({
  async exec(t, mode: number) {
    const file = path.join(await temporaryDirectory(t), 'key')
    writeFileDurable(file, 'secret', 0o600)
    chmodSync(file, mode)
    t.throws(() => readFileGuarded(file, { secret: true }), { code: 'key-permissions', message: new RegExp(`mode ${mode.toString(8)}\\); run: chmod 600 `) })
    t.notThrows(() => readFileGuarded(file, { secret: false }))
  },
  title: (_, mode: number) => `a secret of mode ${mode.toString(8)} is refused, and how to mend it is said`
})
for (const mode of [0o644, 0o640, 0o604, 0o620, 0o601]) test(refusesMode, mode)

test('a secret for its owner alone is read', async (t) => {
  const file = path.join(await temporaryDirectory(t), 'key')
  for (const mode of [0o600, 0o400]) {
    writeFileDurable(file, 'secret', mode)
    t.is(Buffer.from(readFileGuarded(file, { secret: true })).toString(), 'secret')
  }
})

asRoot('a file of another user is refused, and how to mend it is said', async (t) => {
  const folder = await temporaryDirectory(t)
  const file = path.join(folder, 'file')
  writeFileSync(file, '')
  chownSync(file, 12_345, 12_345)
  t.throws(() => readFileGuarded(file, { secret: false }), { code: 'home-foreign-owner', message: /belongs to user 12345.*chown/ })
  mkdirSync(path.join(folder, 'sub'))
  chownSync(path.join(folder, 'sub'), 12_345, 12_345)
  t.throws(() => statGuarded(path.join(folder, 'sub')), { code: 'home-foreign-owner' })
})
