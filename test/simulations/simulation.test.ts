/** Small meshes through the simulator, and the same meshes broken on purpose: a checker that never fails proves nothing. */
import test, { type ExecutionContext } from 'ava'
import { decodeOwn, encodeCbor } from '../../src/base/codec.ts'
import { pullProtocol, type PullAnswer, type PullRequest } from '../../src/node/protocol/pull.ts'
import { decodeRecord, type Sealed } from '../../src/record/record.ts'
import { entryKind, type EntryBody } from '../../src/record/entry.ts'
import { createSignatureMemory } from '../../simulations/signature-memory.ts'
import { runSimulation, type RunReport, type SimulationOptions } from '../../simulations/simulation.ts'
import { scenarios, type Scenario } from '../../simulations/scenario.ts'
import type { Handler, Network } from '../../src/node/network/network.ts'
import type { Runner } from '../../src/executor/child-runner.ts'

const checkSignature = createSignatureMemory()
const nodes = 9

const scenarioOf = (t: ExecutionContext, name: string): Scenario => {
  const scenario = scenarios.find((candidate) => candidate.name === name)
  if (scenario === undefined) return t.fail(`no scenario ${name}`) as never
  return scenario
}

const simulate = (t: ExecutionContext, name: string, seed: number, more: Partial<SimulationOptions> = {}): Promise<RunReport> =>
  runSimulation({ scenario: scenarioOf(t, name), seed, nodes, checkSignature, ...more })

for (const { name } of scenarios) {
  test(`${name}: three small meshes hold every rule and come to rest`, async (t) => {
    for (const seed of [101, 102, 103]) {
      const report = await simulate(t, name, seed)
      t.deepEqual(report.violations, [], `seed ${seed}`)
      t.not(report.convergedAfterMs, null)
      t.true(report.events > 200)
    }
  })
}

test('when all that was ordered is over endpoints drop it, one of them begins anew from what is left, and orders come true as before', async (t) => {
  const lines: string[] = []
  const report = await simulate(t, 'endpoint-churn', 10, { nodes: 5, onTrace: (line) => void lines.push(line) })
  t.deepEqual(report.violations, [])
  t.true(report.reached.droppedLogs > 0)
  const told = lines.map((line) => line.replace(/^\d+ /, ''))
  t.true(told.findLastIndex((line) => line.startsWith('wiped endpoint-')) > told.indexOf('aftermath'))
})

test('the same seed gives the same trace, another seed another', async (t) => {
  const [first, again, other] = [await simulate(t, 'lossy', 7), await simulate(t, 'lossy', 7, { checkSignature: createSignatureMemory() }), await simulate(t, 'lossy', 8)]
  t.is(first.traceHash, again.traceHash)
  t.is(first.events, again.events)
  t.not(first.traceHash, other.traceHash)
})

test('a seed draws its own fleet where none is asked for', async (t) => {
  const { nodes: drawn } = await runSimulation({ scenario: scenarioOf(t, 'calm'), seed: 4, checkSignature })
  t.true(drawn >= 10 && drawn <= 60)
})

test('the trace tells what was lost, who went away and that all was healed', async (t) => {
  const lines: string[] = []
  await simulate(t, 'lossy', 9, { onTrace: (line) => void lines.push(line) })
  for (const what of [/^\d+ lost agent-\d+ > endpoint-\d ask \/writ\/pull\/1 \d+ B$/, /^\d+ away /, /^\d+ heal$/, /^\d+ link agent-/]) t.true(lines.some((line) => what.test(line)), String(what))
})

const violatedCheckers = ({ violations }: RunReport): string[] => [...new Set(violations.map(({ checker }) => checker))]

const startsTwice = (runner: Runner): Runner => ({
  start(request) {
    runner.start(request)
    return runner.start(request)
  }
})

test('a runner that starts each process twice is caught', async (t) => {
  const report = await simulate(t, 'calm', 1, { sabotage: { runner: startsTwice } })
  t.true(violatedCheckers(report).includes('started-once'))
})

test('a runner that says it ran what it never started is caught', async (t) => {
  const startsNothing: Runner = { start: () => ({ signal: () => undefined, ended: Promise.resolve({ exitCode: 0, signal: null, spawnError: null, stdout: null, stderr: null, files: [] }) }) }
  t.true(violatedCheckers(await simulate(t, 'calm', 1, { sabotage: { runner: () => startsNothing } })).includes('orders-end'))
})

const entryOf = (bytes: Uint8Array): Sealed<EntryBody> => {
  const entry = decodeRecord(entryKind, bytes)
  if (!entry.ok) throw new Error(entry.detail)
  return entry.value
}

/** An endpoint's answer to a pull that acknowledges receipts which it threw away. */
const forgetReceipts = (handler: Handler): Handler => async (from, message, signal) => {
  const request = decodeOwn(message) as PullRequest
  const isReceipt = (bytes: Uint8Array): boolean => entryOf(bytes).body.content.kind === 'receipts'
  const answer = handler(from, encodeCbor({ ...request, entries: request.entries.filter((bytes) => !isReceipt(bytes)) }), signal)
  if (Symbol.asyncIterator in answer) throw new Error('a pull has one answer')
  const bytes = await answer
  if (!(bytes instanceof Uint8Array)) return bytes
  const claimed = request.entries.map(entryOf).map(({ id, body: { incarnation, sequence } }) => ({ incarnation, sequence, id, frozenAt: null }))
  const honest = decodeOwn(bytes) as PullAnswer
  return encodeCbor({ ...honest, acknowledged: [...honest.acknowledged, ...claimed] })
}

const claiming = (inner: Network): Network => ({
  self: inner.self,
  start: () => inner.start(),
  stop: () => inner.stop(),
  addresses: () => inner.addresses(),
  connect: (peer, addresses, options) => inner.connect(peer, addresses, options),
  disconnect: (peer) => inner.disconnect(peer),
  peers: () => inner.peers(),
  onPeer: (listener) => inner.onPeer(listener),
  request: (peer, protocol, message, options) => inner.request(peer, protocol, message, options),
  follow: (peer, protocol, message, options) => inner.follow(peer, protocol, message, options),
  handle: (protocol, who, handler) => inner.handle(protocol, who, protocol === pullProtocol ? forgetReceipts(handler) : handler),
  blame: (peer, code, detail) => inner.blame(peer, code, detail),
  subscribe: (topic, judge, deliver) => inner.subscribe(topic, judge, deliver),
  publish: (topic, message) => inner.publish(topic, message)
})

test('endpoints that acknowledge receipts without keeping them are caught', async (t) => {
  const report = await simulate(t, 'gossip-off', 1, { sabotage: { network: claiming } })
  t.is(report.convergedAfterMs, null)
  t.deepEqual(violatedCheckers(report), ['orders-end'])
})
