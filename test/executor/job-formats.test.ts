/** Formats that the job program does, and those of the configuration, by real processes. */
import test from 'ava'
import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { promisify } from 'node:util'
import { packFiles } from '../../src/api/file-tree.ts'
import { concatBytes, toText, utf8 } from '../../src/base/bytes.ts'
import { encodeCbor } from '../../src/base/codec.ts'
import { limits } from '../../src/base/limits.ts'
import { createFormats } from '../../src/executor/system-formats.ts'
import { parseInstalls } from '../../src/executor/jobs/package-plan.ts'
import { builtInFormats } from '../../src/record/format-options.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { openWorkbench, orderFrom, type Workbench } from './workbench.ts'
import type { StatementBody } from '../../src/record/statement.ts'

const run = promisify(execFile)
const textOf = (output: StatementBody['stdout'] | undefined): string => toText(output?.head ?? new Uint8Array())

const give = async (bench: Workbench, format: string, payload: Uint8Array, change: Parameters<typeof orderFrom>[1] = {}): Promise<StatementBody> => {
  const order = orderFrom(payload, { format, ...change })
  await bench.agent.send({ kind: 'order', bundle: order.bundle })
  return bench.agent.outcome(order.id)
}

test('every format that is named as built in is there, and those of the configuration besides', (t) => {
  const formats = createFormats({ program: { directory: '/nowhere', runtime: process.execPath }, configured: { ansible: { command: ['/usr/local/bin/writ-ansible'] } }, searchPath: '', launcher: null, leftMark: '' })
  t.deepEqual([...formats.keys()].sort(), [...builtInFormats, 'ansible'].sort())
  for (const [name, format] of formats) t.is(format.name, name)
})

test('a format of the configuration is run with the path of the payload', async (t) => {
  const bench = await openWorkbench(t, { formats: { upper: { command: ['sh', '-c', 'tr a-z A-Z <"$1"; echo "$WRIT_PARAM_WHO"', 'upper', '{payload}'] }, gone: { command: ['/no/such/program'] } } })
  const outcome = await give(bench, 'upper', utf8('shout\n'), { parameters: { who: 'me' } })
  t.is(textOf(outcome.stdout), 'SHOUT\nme\n')
  t.like(await give(bench, 'gone', utf8('')), { state: 'rejected', code: 'prerequisite-missing' })
  t.like(await give(bench, 'upper', utf8(''), { options: { to: '/x' } }), { state: 'rejected', code: 'bad-options' })
  t.like(await give(bench, 'unknown', utf8('')), { state: 'rejected', code: 'unknown-format' })
})

test('facts are told as one line of JSON', async (t) => {
  const outcome = await give(await openWorkbench(t), 'facts', new Uint8Array())
  t.is(outcome.state, 'succeeded', textOf(outcome.stderr))
  const facts = JSON.parse(textOf(outcome.stdout)) as Record<string, unknown>
  t.is(facts['platform'], process.platform)
  for (const name of ['hostname', 'kernel', 'memoryBytes', 'addresses', 'load', 'uptimeSeconds']) t.true(Object.hasOwn(facts, name), name)
})

test('a node that leaves is marked before the order has succeeded, and then told to end', async (t) => {
  const bench = await openWorkbench(t)
  t.like(await give(bench, 'leave', utf8('a payload')), { state: 'rejected', code: 'bad-payload' })
  t.is(bench.left.length, 0)
  t.is((await give(bench, 'leave', new Uint8Array())).state, 'succeeded')
  t.is(bench.left.length, 1)
  t.regex(await readFile(path.join(bench.directory, 'left.json'), 'utf8'), /"indication":"[a-z2-7]{52}"/)
})

const logs = (...paths: string[]): Uint8Array => encodeCbor({ paths })
const captures = ['logs.tar.gz']

test('logs come as one bundle, the newest first, with names of any length', async (t) => {
  const directory = await temporaryDirectory(t)
  const bench = await openWorkbench(t)
  const long = `${'ä'.repeat(60)}/${'long'.repeat(40)}.log`
  await mkdir(path.join(directory, 'logs', path.dirname(long)), { recursive: true })
  await writeFile(path.join(directory, 'logs/old.log'), 'old\n')
  await utimes(path.join(directory, 'logs/old.log'), 1000, 1000)
  await writeFile(path.join(directory, 'logs', long), 'long\n')
  await writeFile(path.join(directory, 'single'), 'x'.repeat(600))
  await utimes(path.join(directory, 'single'), 2000, 2000)
  const outcome = await give(bench, 'collect-logs', logs(path.join(directory, 'logs'), path.join(directory, 'single'), path.join(directory, 'single'), '/no/such/log'), { captures })
  t.is(outcome.state, 'succeeded', textOf(outcome.stderr))
  const names = [path.join(directory, 'logs', long), path.join(directory, 'single'), path.join(directory, 'logs/old.log')]
  t.deepEqual(textOf(outcome.stdout).trim().split('\n').map((line) => (JSON.parse(line) as { path: string }).path), names)
  const output = outcome.files?.[0]?.output
  const bundle = output?.cid === null || output === undefined ? (output?.head ?? new Uint8Array()) : (bench.agent.outputs.get(output.cid) ?? new Uint8Array())
  await writeFile(path.join(directory, 'logs.tar.gz'), bundle)
  await mkdir(path.join(directory, 'out'))
  await run('tar', ['--extract', '--gzip', '--file', path.join(directory, 'logs.tar.gz'), '--directory', path.join(directory, 'out')])
  for (const [index, text] of ['long\n', 'x'.repeat(600), 'old\n'].entries()) t.is(await readFile(path.join(directory, 'out', names[index] ?? ''), 'utf8'), text)
})

test('a bundle is never larger than what is captured: files are cut at their beginning, or left out', async (t) => {
  const directory = await temporaryDirectory(t)
  const bench = await openWorkbench(t)
  const large = randomBytes(limits.output.streamBytesMax)
  for (const [index, name] of ['older', 'newer'].entries()) {
    await writeFile(path.join(directory, name), large)
    await utimes(path.join(directory, name), 1000 + index, 1000 + index)
  }
  const outcome = await give(bench, 'collect-logs', logs(directory), { captures })
  t.is(outcome.state, 'succeeded', textOf(outcome.stderr))
  const rows = textOf(outcome.stdout).trim().split('\n').map((line) => JSON.parse(line) as { path: string; takenBytes: number })
  t.deepEqual(rows.map((row) => path.basename(row.path)), ['newer', 'older'])
  const taken = rows[0]?.takenBytes ?? 0
  t.true(taken > 0.95 * large.length)
  const output = outcome.files?.[0]?.output
  t.is(output?.keptBytes, output?.sizeBytes, 'nothing of the bundle is cut off')
  await writeFile(path.join(directory, 'logs.tar.gz'), bench.agent.outputs.get(output?.cid ?? '') ?? new Uint8Array())
  const { stdout } = await run('tar', ['--extract', '--gzip', '--to-stdout', '--file', path.join(directory, 'logs.tar.gz'), path.join(directory, 'newer').slice(1)], { encoding: 'buffer', maxBuffer: 2 ** 26 })
  t.true(stdout.equals(large.subarray(large.length - taken)), 'the end of the newest file')
})

test('an order for logs that are not there fails, and one that is no list of paths is refused', async (t) => {
  const bench = await openWorkbench(t)
  t.regex(textOf((await give(bench, 'collect-logs', logs('/no/such/log'), { captures })).stderr), /\[no-logs\]/)
  for (const payload of [utf8('/var/log'), logs(), logs('var/log')]) t.like(await give(bench, 'collect-logs', payload, { captures }), { state: 'rejected', code: 'bad-payload' })
})

/** apt and dpkg over a file of installed packages: `nginx` brings `libx` along, `broken` cannot be set up, the rest is unknown. */
const fakePrograms = (state: string): Readonly<Record<string, string>> => ({
  'apt-get': `#!/bin/sh
simulate=; wanted=
for word in "$@"; do case $word in --simulate) simulate=1;; nginx*|broken|./*) wanted="$wanted $word";; -*|install|*::*) ;; *) echo "E: Unable to locate package $word" >&2; exit 100;; esac; done
for word in $wanted; do
  case $word in nginx*) set -- libx 2.0 nginx "$(echo "$word=1.2" | cut -d= -f2)";; ./*) set -- own "$(cat "$word")";; broken) set -- broken 1;; esac
  while [ $# -gt 0 ]; do
    if [ -n "$simulate" ]; then echo "Inst $1 [0.9] ($2 Debian:12 [amd64])"; echo "Conf $1 ($2 Debian:12 [amd64])"
    else grep -v "^installed $1 " ${state} >${state}.new; echo "installed $1 $2" >>${state}.new; mv ${state}.new ${state}; fi
    shift 2
  done
  [ -z "$simulate" ] && echo "Setting up $word" && [ "$word" = broken ] && exit 100
done
exit 0
`,
  'dpkg-query': `#!/bin/sh\nshift 2\nmissing=0\nfor name in "$@"; do grep "^installed $name " ${state} || { echo "no packages found matching $name" >&2; missing=1; }; done\nexit $missing\n`,
  'dpkg-deb': '#!/bin/sh\necho own\n'
})

const openDebian = async (t: Parameters<typeof openWorkbench>[0]) => {
  const directory = await temporaryDirectory(t)
  const state = path.join(directory, 'installed')
  await writeFile(state, 'installed nginx 1.0\ninstalled other 5\n')
  for (const [name, text] of Object.entries(fakePrograms(state))) {
    await writeFile(path.join(directory, name), text)
    await chmod(path.join(directory, name), 0o755)
  }
  const bench = await openWorkbench(t)
  const install = async (names: readonly string[], debs: readonly string[] = []) => {
    const payload = concatBytes(await Array.fromAsync((await packFiles(debs)).bytes))
    const outcome = await give(bench, 'package', payload, { environment: { PATH: `${directory}:${process.env['PATH'] ?? ''}` }, ...(names.length === 0 ? {} : { options: { packages: names.join(' ') } }) })
    return { outcome, rows: textOf(outcome.stdout).trim().split('\n').filter((line) => line !== '').map((line): unknown => JSON.parse(line)) }
  }
  return { directory, state, install }
}

test('packages are installed with what they bring along, and the versions before and after are told', async (t) => {
  const { directory, install } = await openDebian(t)
  const { outcome, rows } = await install(['nginx'])
  t.is(outcome.state, 'succeeded', textOf(outcome.stderr))
  t.deepEqual(rows, [{ package: 'libx', before: null, after: '2.0' }, { package: 'nginx', before: '1.0', after: '1.2' }])
  t.regex(textOf(outcome.stderr), /Setting up nginx/)
  await writeFile(path.join(directory, 'own_3.deb'), '3')
  const both = await install(['nginx=1.3'], [path.join(directory, 'own_3.deb')])
  t.deepEqual(both.rows, [{ package: 'libx', before: '2.0', after: '2.0' }, { package: 'nginx', before: '1.2', after: '1.3' }, { package: 'own', before: null, after: '3' }])
})

test('where the dry run fails nothing is done', async (t) => {
  const { state, install } = await openDebian(t)
  const { outcome, rows } = await install(['nginx', 'unknown'])
  t.is(outcome.state, 'failed')
  t.regex(textOf(outcome.stderr), /Unable to locate package unknown[^]*\[dry-run-failed\]/)
  t.deepEqual(rows, [])
  t.is(await readFile(state, 'utf8'), 'installed nginx 1.0\ninstalled other 5\n')
})

test('where the installation fails the versions that came of it are told all the same', async (t) => {
  const { install } = await openDebian(t)
  const { outcome, rows } = await install(['broken'])
  t.is(outcome.state, 'failed')
  t.deepEqual(rows, [{ package: 'broken', before: null, after: '1' }])
  t.regex(textOf(outcome.stderr), /\[install-failed\]/)
})

const isRefused = test.macro({
  async exec(t, names: readonly string[], code: string) {
    const { install } = await openDebian(t)
    t.like((await install(names)).outcome, { state: 'rejected', code })
  },
  title: (_, names: readonly string[] = []) => `the packages ${JSON.stringify(names)} are refused`
})
test(isRefused, [], 'bad-payload')
test(isRefused, ['nginx-'], 'bad-options')
test(isRefused, ['--purge'], 'bad-options')
test(isRefused, ['./own.deb'], 'bad-options')

test('a dry run of apt is read', (t) => {
  const text = 'NOTE: This is only a simulation!\nReading package lists...\nInst libc6:i386 [2.36-9] (2.36-10 Debian:12.1/stable [i386]) []\nInst nginx (1.22.1-9 Debian:12/stable [amd64])\nConf nginx (1.22.1-9)\nRemv old [1]\n'
  t.deepEqual(parseInstalls(text), ['libc6', 'nginx'])
})
