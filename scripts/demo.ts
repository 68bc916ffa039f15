/**
 * `npm run demo`: a mesh of real processes on loopback, driven by the commands that an operator would type. In the end it is
 * given another release, and one that is broken.
 * Two endpoints, four agents and an admin under a temporary folder; nothing is left behind, unless `--keep` is given.
 */
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { appendFileSync, copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { DemoMesh } from './demo/mesh.ts'

interface Outcome {
  readonly name: string
  readonly format: string
  readonly targeted: number
  readonly succeeded: number
  readonly failed: number
  readonly timedOut: number
}

interface RunReport {
  readonly indication: string
  readonly name: string
  readonly format: string
  readonly rows: readonly { readonly agentName: string; readonly state: string; readonly code: string | null; readonly detail: string | null; readonly stdout: string | null; readonly stderr: string | null }[]
}

const { values: flags } = parseArgs({ options: { keep: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } } })
const say = (text: string): void => void process.stderr.write(`${text}\n`)
const scripts = fileURLToPath(new URL('demo/', import.meta.url))
const payloadBytes = 32 * 1024 * 1024

const folder = mkdtempSync(join(tmpdir(), 'writ-demo-'))
const mesh = new DemoMesh(folder, say)
const outcomes: Outcome[] = []

const order = async (title: string, args: readonly string[], verb: 'run' | 'update' = 'run'): Promise<RunReport> => {
  say(`\n# ${title}`)
  const report: RunReport = JSON.parse(await mesh.writ([verb, '--home', mesh.admin, '--json', ...args], { accepted: [0, 3], shown: [verb, ...args] }))
  const count = (holds: (row: RunReport['rows'][number]) => boolean): number => report.rows.filter(holds).length
  const outcome = {
    name: report.name,
    format: report.format,
    targeted: report.rows.length,
    succeeded: count(({ state }) => state === 'succeeded'),
    failed: count(({ state }) => state === 'failed'),
    timedOut: count(({ code }) => code === 'timed-out')
  }
  outcomes.push(outcome)
  say(`  ${outcome.succeeded} of ${outcome.targeted} succeeded, ${outcome.failed} failed${outcome.timedOut > 0 ? `, of which ${outcome.timedOut} ran out of time` : ''}`)
  return report
}

const expect = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(`the demo expected that ${what}`)
}

const runOrders = async (): Promise<void> => {
  const uname = await order('A command on every node', ['--all', '--name', 'kernel', '--', 'uname', '-r'])
  expect(uname.rows.length === 6 && uname.rows.every(({ state }) => state === 'succeeded'), 'the command succeeds on six nodes')

  const inventory = await order('An inventory of each machine, as JSON', ['--all', '--script', join(scripts, 'inventory.sh'), '--param', 'ticket=OPS-7', '--expect-output', '"takenFor":"OPS-7"'])
  const machine: { host: string; cpu: { cores: number }; memory: { totalKb: number } } = JSON.parse(inventory.rows[0]?.stdout ?? '')
  say(`  ${inventory.rows[0]?.agentName}: host ${machine.host}, ${machine.cpu.cores} cores, ${Math.round(machine.memory.totalKb / 1024)} MiB`)

  const web = await order('Only the web servers', ['--on', 'role=web', '--name', 'web-only', '--', 'echo', 'hello from a web server'])
  expect(web.rows.length === 2, 'two nodes are labelled role=web')

  const failing = await order('One that fails on purpose', ['--on', 'role=db', '--name', 'fails', '--', 'ls', '/does/not/exist'])
  expect(failing.rows.every(({ state, code }) => state === 'failed' && code === 'unexpected-exit'), 'it fails on each of its nodes')

  const slow = await order('One that runs out of time', ['--on', 'role=db', '--name', 'too-slow', '--timeout', '1s', '--', 'sleep', '60'])
  expect(slow.rows.every(({ state, code }) => state === 'failed' && code === 'timed-out'), 'it is stopped on each of its nodes')

  const image = join(folder, 'check-image.sh')
  copyFileSync(join(scripts, 'check-image.sh'), image)
  const bytes = randomBytes(payloadBytes)
  appendFileSync(image, bytes)
  const large = await order('A payload of 32 MiB, whose hash the script checks', ['--all', '--script', image, '--param', `sha256=${createHash('sha256').update(bytes).digest('hex')}`])
  expect(large.rows.every(({ state, stdout }) => state === 'succeeded' && stdout?.includes('verified') === true), 'the image arrives whole on six nodes')
}

/** A release of this very code that says it is of that version. */
const buildRelease = async (version: string): Promise<string> => {
  const directory = join(folder, `release-${version}`)
  say(`\n$ npm run release -- --version ${version} --out ${directory}`)
  await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('release.ts', import.meta.url)), '--version', version, '--out', directory])
  return directory
}

/** The same as `version`, but for an executor that crashes at its start. */
const breakRelease = (directory: string, version: string): string => {
  const broken = join(folder, `release-${version}`)
  cpSync(directory, broken, { recursive: true })
  writeFileSync(join(broken, 'executor.js'), 'throw new Error("broken on purpose")\n')
  writeFileSync(join(broken, 'release.json'), JSON.stringify({ ...JSON.parse(readFileSync(join(directory, 'release.json'), 'utf8')), version }))
  return broken
}

const runUpdates = async (): Promise<void> => {
  const next = await buildRelease('0.2.0')
  const update = await order('Another release for every node, endpoints too', ['--release', next, '--all'], 'update')
  expect(update.rows.length === 6 && update.rows.every(({ state }) => state === 'succeeded'), 'six nodes go to the next release')

  const broken = await order('A release that crashes at its start: the one before comes back', ['--release', breakRelease(next, '0.3.0'), '--on', 'role=web'], 'update')
  expect(broken.rows.length === 2 && broken.rows.every(({ state, code }) => state === 'failed' && code === 'release-failed'), 'it is given up on each of its nodes')
  for (const { agentName, detail, stderr } of broken.rows) say(`  ${agentName}: ${detail}; it said: ${stderr?.match(/^Error: .*/m)?.[0]}`)
  expect(broken.rows.every(({ stderr }) => stderr?.includes('broken on purpose') === true), 'the receipts hold what the broken release said')

  say('\n# What each of them runs now')
  say(await mesh.writ(['nodes', '--home', mesh.admin], { shown: ['nodes'] }))
  const after = await order('All of them go on', ['--all', '--name', 'after', '--', 'true'])
  expect(after.rows.length === 6 && after.rows.every(({ state }) => state === 'succeeded'), 'every node takes orders after the updates')
}

const stop = async (): Promise<void> => {
  await mesh.stop()
  rmSync(folder, { recursive: true, force: true })
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void stop().finally(() => process.exit(130))
  })
}

let endpointsAgree = false
let failure: unknown
try {
  say('# A mesh of two endpoints and four agents')
  await mesh.start()
  await runOrders()
  await runUpdates()
  say('\n# The queues, as each endpoint shows them')
  endpointsAgree = await mesh.compareQueues()
  say(`  the endpoints ${endpointsAgree ? 'agree' : 'DO NOT AGREE'}`)
  expect(endpointsAgree, 'both endpoints show the same queues')
} catch (error) {
  failure = error
  say(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`)
  mesh.showLogs()
}

if (flags.keep && failure === undefined) {
  mesh.release()
  say(`\nThe mesh goes on. Talk to it with:\n\n  export WRIT_HOME=${mesh.admin}\n  ${mesh.command} nodes\n  ${mesh.command} run --all -- uptime\n  ${mesh.command} list\n\nStop it and remove everything with:\n\n  kill ${mesh.processIds().join(' ')}; sleep 3; rm -r ${folder}`)
} else {
  await stop()
  say('\nEverything is stopped, and nothing is left behind.')
}
if (flags.json) process.stdout.write(`${JSON.stringify({ nodes: mesh.size, endpointsAgree, instructions: outcomes })}\n`)
process.exit(failure === undefined ? 0 : 1)
