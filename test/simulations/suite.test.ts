import test from 'ava'
import { spawnSync } from 'node:child_process'
import { addReached, noneReached } from '../../simulations/reached.ts'
import { createSignatureMemory } from '../../simulations/signature-memory.ts'
import { compareRuns, performRun, planRuns, runSuite } from '../../simulations/suite.ts'
import { readOptions } from '../../simulations/options.ts'
import { scenarios } from '../../simulations/scenario.ts'
import type { RunReport } from '../../simulations/simulation.ts'

const report: RunReport = { scenario: 'calm', seed: 1, nodes: 10, events: 5, convergedAfterMs: 0, lastChangeMs: 0, messages: { gossip: 0, ask: 0, answer: 0, end: 0 }, traceHash: 'a', reached: noneReached, violations: [] }

test('two runs of one seed with other traces are a violation', (t) => {
  t.deepEqual(compareRuns(report, { ...report }).violations, [])
  t.deepEqual(compareRuns(report, { ...report, traceHash: 'b' }).violations.map(({ checker }) => checker), ['same-seed-same-trace'])
})

test('seeds that ever failed are run again, with their fleets, where their scenario is', (t) => {
  const kept = [
    { scenario: 'lossy', seed: 77, nodes: 12, reason: 'once' },
    { scenario: 'calm', seed: 78, nodes: 13, reason: 'once' }
  ]
  const wanted = scenarios.filter(({ name }) => name === 'lossy')
  const runs = planRuns({ scenarios: wanted, seeds: [1, 2], nodes: undefined, kept })
  t.deepEqual(runs.map(({ scenario, seed, nodes }) => [scenario.name, seed, nodes]), [['lossy', 77, 12], ['lossy', 1, undefined], ['lossy', 2, undefined]])
})

test('a suite adds up what its runs came to', async (t) => {
  const runs: RunReport[] = []
  let now = 0
  const suite = planRuns({ scenarios: scenarios.slice(0, 1), seeds: [1, 2], nodes: 5, kept: [] })
  const deps = { checkSignature: createSignatureMemory(), stopwatch: () => (now += 500) }
  const summary = await runSuite(suite, { onRun: (run) => void runs.push(run), lanes: 1, perform: (assignment, isRepeated) => performRun(deps, assignment, isRepeated) })
  t.is(runs.length, 2)
  const events = runs.reduce((total, run) => total + run.events, 0)
  t.deepEqual(summary, { runs: 2, violations: 0, reached: runs.map(({ reached }) => reached).reduce(addReached), eventsPerSecond: events, scenarios: [{ name: 'calm', runs: 2, violations: 0, eventsPerSecond: events }] })
})

const isRead = test.macro({
  exec(t, args: string[], expected: unknown) {
    const options = readOptions(args)
    t.deepEqual(options.ok ? { ...options.value, scenarios: options.value.scenarios.map(({ name }) => name) } : options.code, expected)
  },
  title: (_, args: string[]) => `options: ${args.join(' ') || 'none'}`
})
const all = scenarios.map(({ name }) => name)
test(isRead, [], { scenarios: all, seeds: [1], nodes: 53, withKept: true, json: false, trace: false, chart: undefined })
test(isRead, ['--seeds', '3', '--json'], { scenarios: all, seeds: [1, 2, 3], nodes: undefined, withKept: true, json: true, trace: false, chart: undefined })
test(isRead, ['--scenario', 'lossy', '--seed', '9', '--nodes', '12', '--trace'], { scenarios: ['lossy'], seeds: [9], nodes: 12, withKept: false, json: false, trace: true, chart: undefined })
test(isRead, ['--seed', '1', '--seeds', '2'], 'bad-usage')
test(isRead, ['--seeds', '0'], 'bad-usage')
test(isRead, ['--seeds', '1.5'], 'bad-usage')
test(isRead, ['--nodes', '3'], 'bad-usage')
test(isRead, ['--scenario', 'nothing'], 'bad-usage')
test(isRead, ['--unknown'], 'bad-usage')
test(isRead, ['extra'], 'bad-usage')

test('the command says how it is used, or prints one line of JSON', (t) => {
  const run = (...args: string[]) => spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', 'simulations/main.ts', ...args], { encoding: 'utf8' })
  const wrong = run('--unknown')
  t.is(wrong.status, 2)
  t.is(wrong.stdout, '')
  t.regex(wrong.stderr, /usage: npm run sim/)
  const right = run('--scenario', 'calm', '--seed', '1', '--nodes', '5', '--json')
  t.is(right.status, 0, right.stderr)
  t.is(right.stdout.trim().split('\n').length, 1)
  t.like(JSON.parse(right.stdout), { runs: 1, violations: 0 })
})
