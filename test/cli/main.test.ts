import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { isWritError } from '../../src/base/errors.ts'
import { checkScript } from '../../src/cli/file-source.ts'

const entry = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

const writ = async (args: readonly string[], options: { env?: Record<string, string>; readsStdout?: boolean } = {}) => {
  const child = spawn(process.execPath, [entry, ...args], { env: { PATH: process.env['PATH'], ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  if (options.readsStdout === false) child.stdout.destroy()
  const [stdout, stderr, exitCode] = await Promise.all([options.readsStdout === false ? '' : text(child.stdout), text(child.stderr), exited])
  return { stdout, stderr, exitCode }
}

const temporary = (t: ExecutionContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'writ-cli-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('the real program answers help without colours, and wrong usage with its exit code', async (t) => {
  const help = await writ(['--help'], { env: { FORCE_COLOR: '1' } })
  t.regex(help.stdout, /^Usage: writ /)
  t.false(help.stdout.includes('\u001B'))
  t.is(help.exitCode, 0)
  const wrong = await writ(['rnu'])
  t.deepEqual(wrong, { stdout: '', stderr: "writ: unknown command 'rnu' (Did you mean run?); see: writ --help [bad-usage]\n", exitCode: 2 })
})

test('a reader that has read enough is no error', async (t) => {
  t.deepEqual(await writ(['--help'], { readsStdout: false }), { stdout: '', stderr: '', exitCode: 0 })
})

test('writ start on a home that is missing, or broken, says what is wrong', async (t) => {
  const folder = temporary(t)
  const missing = await writ(['start'], { env: { WRIT_HOME: folder } })
  t.regex(missing.stderr, /^writ: .* is no home of Writ: .* \[home-missing\]\n$/)
  t.is(missing.exitCode, 7)
  writeFileSync(join(folder, 'writ.json'), '{')
  const broken = await writ(['start', '--home', folder])
  t.regex(broken.stderr, /writ\.json is not JSON: .* \[bad-config\]\n$/)
  t.is(broken.exitCode, 7)
})

test('a script must be a file that can be read', (t) => {
  const folder = temporary(t)
  writeFileSync(join(folder, 'ok.sh'), 'true\n')
  t.notThrows(() => checkScript(join(folder, 'ok.sh')))
  t.true(isWritError(t.throws(() => checkScript(join(folder, 'none.sh'))), 'script-unreadable'))
  t.true(isWritError(t.throws(() => checkScript(folder)), 'script-unreadable'))
})
