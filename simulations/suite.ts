/**
 * Many runs: each wanted scenario under each wanted seed, and before them the seeds that ever failed. Every tenth run is
 * made twice, and must come to the same trace.
 */
import { addReached, noneReached, type Reached } from './reached.ts'
import { runSimulation, type RunReport } from './simulation.ts'
import { scenarios, type Scenario } from './scenario.ts'
import type { CheckSignature } from '../src/record/keys.ts'
import type { TraceListener } from './trace.ts'

/** One run to be made. */
export interface Assignment {
  readonly scenario: Scenario
  readonly seed: number
  readonly nodes: number | undefined
}

/** A run that failed once, and why. */
export interface KeptSeed {
  readonly scenario: string
  readonly seed: number
  readonly nodes: number
  readonly reason: string
}

export interface SuiteOptions {
  readonly scenarios: readonly Scenario[]
  readonly seeds: readonly number[]
  readonly nodes: number | undefined
  readonly kept: readonly KeptSeed[]
}

export const planRuns = ({ scenarios: wanted, seeds, nodes, kept }: SuiteOptions): Assignment[] => [
  ...kept.flatMap(({ scenario: name, seed, nodes: keptNodes }) => wanted.filter((scenario) => scenario.name === name).map((scenario) => ({ scenario, seed, nodes: keptNodes }))),
  ...wanted.flatMap((scenario) => seeds.map((seed) => ({ scenario, seed, nodes })))
]

export interface TimedRun {
  readonly report: RunReport
  /** Of real time, the first run alone. */
  readonly tookMs: number
}

/** One or two runs of one seed, on this thread or another. */
export type Perform = (assignment: Assignment, isRepeated: boolean) => Promise<TimedRun>

export interface SuiteDeps {
  readonly onRun: (report: RunReport) => void
  readonly perform: Perform
  /** How many runs are under way at once. */
  readonly lanes: number
}

export interface ScenarioSummary {
  readonly name: string
  readonly runs: number
  readonly violations: number
  /** On one core. */
  readonly eventsPerSecond: number
}

export interface SuiteSummary {
  readonly runs: number
  readonly violations: number
  readonly eventsPerSecond: number
  readonly reached: Reached
  readonly scenarios: readonly ScenarioSummary[]
}

const repeatEvery = 10

export interface PerformDeps {
  readonly checkSignature: CheckSignature
  readonly onTrace?: TraceListener
  /** Milliseconds of real time, from any beginning. */
  readonly stopwatch: () => number
}

export const performRun = async ({ checkSignature, onTrace, stopwatch }: PerformDeps, { scenario, seed, nodes }: Assignment, isRepeated: boolean): Promise<TimedRun> => {
  const options = { scenario, seed, ...(nodes === undefined ? {} : { nodes }), checkSignature }
  const startedAt = stopwatch()
  const first = await runSimulation({ ...options, ...(onTrace === undefined ? {} : { onTrace }) })
  const tookMs = stopwatch() - startedAt
  return { report: isRepeated ? compareRuns(first, await runSimulation(options)) : first, tookMs }
}

export const runSuite = async (assignments: readonly Assignment[], { onRun, perform, lanes }: SuiteDeps): Promise<SuiteSummary> => {
  const runs: TimedRun[] = []
  const waiting = [...assignments.entries()]
  const runLane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, assignment] = next
      const run = await perform(assignment, (index + 1) % repeatEvery === 0)
      runs.push(run)
      onRun(run.report)
    }
  }
  await Promise.all(Array.from({ length: lanes }, runLane))
  const summarise = (name: string): ScenarioSummary => {
    const own = runs.filter(({ report }) => name === '' || report.scenario === name)
    const sum = (of: (run: (typeof own)[number]) => number): number => own.reduce((total, run) => total + of(run), 0)
    return { name, runs: own.length, violations: sum(({ report }) => report.violations.length), eventsPerSecond: Math.round((1000 * sum(({ report }) => report.events)) / sum(({ tookMs }) => tookMs)) }
  }
  const { name: _, ...whole } = summarise('')
  const reached = runs.map(({ report }) => report.reached).reduce(addReached, noneReached)
  return { ...whole, reached, scenarios: scenarios.map(({ name }) => name).filter((name) => runs.some(({ report }) => report.scenario === name)).map(summarise) }
}

export const compareRuns = (first: RunReport, second: RunReport): RunReport =>
  first.traceHash === second.traceHash
    ? first
    : { ...first, violations: [...first.violations, { atMs: 0, checker: 'same-seed-same-trace', detail: `two runs with one seed came to the traces ${first.traceHash} and ${second.traceHash}` }] }
