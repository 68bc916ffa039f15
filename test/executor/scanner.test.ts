/** A scanner between the second verification and the process: a small one of our own, and ClamAV's where it is installed. */
import test from 'ava'
import { access, chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { packTree } from '../../src/api/file-tree.ts'
import { concatBytes } from '../../src/base/bytes.ts'
import { fillCommand } from '../../src/executor/command-line.ts'
import { fileExecutables } from '../../src/executor/file-executables.ts'
import { encodeTree } from '../../src/record/tree.ts'
import { eventually } from '../fixtures/eventually.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { openWorkbench, orderFrom, scriptOrder, type TestOrder } from './workbench.ts'
import type { Scanner } from '../../src/trust/home-config.ts'
import type { ExecutionContext } from 'ava'

/** In two halves, so that no scanner takes this file for it. */
const eicar = String.raw`X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-` + 'STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'
const ownSignature = 'rm -rf --no-preserve-root'

/** Reads each file below what it is given, as `clamscan -r` does: the first is a file of signatures, one a line. */
const scannerText = `#!/bin/sh
signatures=$1; shift
[ -r "$signatures" ] || { echo "no signatures" >&2; exit 2; }
grep -rlF -f "$signatures" "$@" && exit 1
exit 0
`

interface Ended {
  readonly outcome: Awaited<ReturnType<Awaited<ReturnType<typeof openWorkbench>>['agent']['outcome']>>
  readonly hasRun: boolean
}

const scanOrder = async (t: ExecutionContext, directory: string, scanner: Scanner, order: TestOrder, mark: string): Promise<Ended> => {
  const bench = await openWorkbench(t, { scanner })
  await bench.agent.send({ kind: 'order', bundle: order.bundle })
  const outcome = await bench.agent.outcome(order.id)
  await eventually(() => readdir(path.join(bench.directory, 'jobs')), (jobs) => jobs.length === 0)
  return { outcome, hasRun: await access(path.join(directory, mark)).then(() => true, () => false) }
}

const prepare = async (t: ExecutionContext) => {
  const directory = await temporaryDirectory(t)
  const [program, signatures] = [path.join(directory, 'scanner'), path.join(directory, 'signatures')]
  await writeFile(program, scannerText)
  await chmod(program, 0o755)
  await writeFile(signatures, `${eicar}\n${ownSignature}\n`)
  return { directory, scanner: { command: [program, signatures, '{payload}'], infectedExitCodes: [1] } }
}

test('a clean payload runs', async (t) => {
  const { directory, scanner } = await prepare(t)
  const { outcome, hasRun } = await scanOrder(t, directory, scanner, scriptOrder(`touch ${directory}/ran\n`), 'ran')
  t.is(outcome.state, 'succeeded')
  t.true(hasRun)
})

const isInfected = test.macro({
  async exec(t, text: string) {
    const { directory, scanner } = await prepare(t)
    const { outcome, hasRun } = await scanOrder(t, directory, scanner, scriptOrder(`touch ${directory}/ran\n# ${text}\n`), 'ran')
    t.like(outcome, { state: 'rejected', code: 'infected' })
    t.regex(outcome.detail ?? '', /payload/)
    t.false(hasRun)
  },
  title: (name = '') => `a payload with ${name} is deleted, reported and not run`
})
test('the test string of EICAR', isInfected, eicar)
test('a signature of our own', isInfected, ownSignature)

test('what a tree holds is looked at as files of their own', async (t) => {
  const { directory } = await prepare(t)
  const source = path.join(directory, 'source')
  await mkdir(path.join(source, 'sub'), { recursive: true })
  await writeFile(path.join(source, 'a'), 'harmless')
  await writeFile(path.join(source, 'sub/eicar'), eicar)
  await chmod(path.join(source, 'sub/eicar'), 0o400)
  const payload = concatBytes(await Array.fromAsync((await packTree(source, { owner: 'nobody', group: null })).bytes))
  // As scanners do that know where in a file a signature must be.
  const program = path.join(directory, 'strict')
  await writeFile(program, `#!/bin/sh\nfor file in $(find "$@" -type f); do case "$(head -c 68 "$file" | tr -d '\\000')" in X5O*) echo "$file: EICAR"; exit 1;; esac; done\n`)
  await chmod(program, 0o755)
  const order = orderFrom(payload, { format: 'files', options: { to: path.join(directory, 'placed') } })
  const { outcome, hasRun } = await scanOrder(t, directory, { command: [program], infectedExitCodes: [1] }, order, 'placed')
  t.like(outcome, { state: 'rejected', code: 'infected' })
  t.regex(outcome.detail ?? '', /sub\/eicar: EICAR/)
  t.false(hasRun)
})

const isUnknown = test.macro({
  async exec(t, change: (scanner: Scanner) => Scanner) {
    const { directory, scanner } = await prepare(t)
    const { outcome, hasRun } = await scanOrder(t, directory, change(scanner), scriptOrder(`touch ${directory}/ran\n`), 'ran')
    t.like(outcome, { state: 'rejected', code: 'scan-failed' })
    t.false(hasRun)
  },
  title: (name = '') => `nothing runs when the scanner ${name}`
})
test('fails', isUnknown, (scanner) => ({ ...scanner, command: [scanner.command[0] ?? '', '/no/signatures', '{payload}'] }))
test('is not installed', isUnknown, (scanner) => ({ ...scanner, command: ['/no/such/scanner'] }))
test('kills itself', isUnknown, (scanner) => ({ ...scanner, command: ['sh', '-c', 'kill -9 $$', '{payload}'] }))

test('scans follow each other, whatever the number of orders', async (t) => {
  const { directory } = await prepare(t)
  const program = path.join(directory, 'alone')
  await writeFile(program, `#!/bin/sh\nmkdir ${directory}/lock || exit 2\nsleep 0.05\nrmdir ${directory}/lock\n`)
  await chmod(program, 0o755)
  const bench = await openWorkbench(t, { scanner: { command: [program], infectedExitCodes: [1] } })
  const orders = Array.from({ length: 4 }, () => scriptOrder('true\n'))
  await Promise.all(orders.map((order) => bench.agent.send({ kind: 'order', bundle: order.bundle })))
  for (const { id } of orders) t.is((await bench.agent.outcome(id)).state, 'succeeded')
})

test('a tree whose files are not what it says is no tree to the scanner either', async (t) => {
  const { directory, scanner } = await prepare(t)
  const entry = { kind: 'file' as const, path: 'a', mode: 0o644, owner: null, group: null, sizeBytes: 1, sha256: '0'.repeat(64) }
  const tree = encodeTree({ root: { mode: 0o755, owner: null, group: null }, entries: [entry] })
  if (!tree.ok) return t.fail(tree.detail)
  const order = orderFrom(concatBytes([tree.value.head, Uint8Array.of(1)]), { format: 'files', options: { to: path.join(directory, 'placed') } })
  const { outcome, hasRun } = await scanOrder(t, directory, scanner, order, 'placed')
  t.like(outcome, { state: 'rejected', code: 'bad-tree' })
  return t.false(hasRun)
})

test('paths take the place of {payload}, or come last', (t) => {
  t.deepEqual(fillCommand(['scan', '--file={payload}', '-q'], ['/a', '/$&b']), ['scan', '--file=/a', '--file=/$&b', '-q'])
  t.deepEqual(fillCommand(['scan', '-q'], ['/a']), ['scan', '-q', '/a'])
})

test('clamscan, where it is installed, finds what a signature file of our own describes', async (t) => {
  if ((await fileExecutables.find('clamscan', process.env['PATH'] ?? '')) === undefined) return t.pass('it is not installed')
  const directory = await temporaryDirectory(t)
  const database = path.join(directory, 'own.ndb')
  await writeFile(database, `Own.Test:0:*:${Buffer.from(ownSignature).toString('hex')}\n`)
  const scanner = { command: ['clamscan', '--no-summary', '--infected', '--recursive', `--database=${database}`], infectedExitCodes: [1] }
  t.like((await scanOrder(t, directory, scanner, scriptOrder(`# ${ownSignature}\n`), 'ran')).outcome, { state: 'rejected', code: 'infected' })
  t.is((await scanOrder(t, directory, scanner, scriptOrder('true\n'), 'ran')).outcome.state, 'succeeded')
  return undefined
})
