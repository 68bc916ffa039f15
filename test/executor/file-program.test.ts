import test from 'ava'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { shareProgram } from '../../src/executor/file-program.ts'
import { homePaths, type HomePaths } from '../../src/trust/file-home.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import type { ExecutionContext } from 'ava'

const makeSlot = async (t: ExecutionContext): Promise<{ readonly paths: HomePaths; readonly slot: string }> => {
  const paths = homePaths(await temporaryDirectory(t))
  const slot = path.join(paths.releases, '0.2.0-abc')
  mkdirSync(path.join(slot, 'native'), { recursive: true, mode: 0o700 })
  writeFileSync(path.join(slot, 'agent.js'), 'agent', { mode: 0o600 })
  writeFileSync(path.join(slot, 'node'), 'runtime', { mode: 0o700 })
  writeFileSync(path.join(slot, 'native', 'level'), 'native', { mode: 0o640 })
  return { paths, slot }
}

const modeOf = (...parts: readonly string[]): number => statSync(path.join(...parts)).mode & 0o777

test('a release in a slot is linked to where all may read it, with its runtime', async (t) => {
  const { paths, slot } = await makeSlot(t)
  t.deepEqual(shareProgram({ directory: `${slot}/`, runtime: path.join(slot, 'node') }, paths), { directory: paths.program, runtime: path.join(paths.program, 'node') })
  t.deepEqual(['agent.js', 'node', 'native', 'native/level'].map((name) => modeOf(paths.program, name)), [0o644, 0o755, 0o755, 0o644])
  t.is(readFileSync(path.join(paths.program, 'native', 'level'), 'utf8'), 'native')
  t.is(statSync(path.join(paths.program, 'agent.js')).ino, statSync(path.join(slot, 'agent.js')).ino)
  t.is(shareProgram({ directory: slot, runtime: '/usr/bin/node' }, paths).runtime, '/usr/bin/node')
})

test('the installed release is used where it is, and nothing of another is left', async (t) => {
  const { paths, slot } = await makeSlot(t)
  shareProgram({ directory: slot, runtime: '/usr/bin/node' }, paths)
  const installed = { directory: '/opt/writ/', runtime: '/usr/bin/node' }
  t.deepEqual(shareProgram(installed, paths), installed)
  t.false(existsSync(paths.program))
})
