/** `npm run sim`. Exit codes: 0 when every rule held, 1 when one was violated, 2 for bad usage. */
import { availableParallelism } from 'node:os'
import { readFileSync, writeFileSync } from 'node:fs'
import { drawChart } from './chart.ts'
import { describeFleets, fleetSizesUpTo, measureFleet, type FleetFigures } from './fleet-sizes.ts'
import { describeReached } from './reached.ts'
import { readOptions, usage } from './options.ts'
import { createSignatureMemory } from './signature-memory.ts'
import { openLanes, type Lanes } from './suite-lanes.ts'
import { performRun, planRuns, runSuite, type KeptSeed } from './suite.ts'
import type { RunReport } from './simulation.ts'

const violationsShownMax = 10

const reproduce = ({ scenario, seed, nodes }: RunReport): string => `npm run sim -- --scenario ${scenario} --seed ${seed} --nodes ${nodes}`

const print = (report: RunReport, write: (line: string) => void): void => {
  const { scenario, seed, nodes, events, convergedAfterMs, violations, traceHash } = report
  const rest = convergedAfterMs === null ? 'no rest' : `at rest ${convergedAfterMs / 1000} s after healing`
  write(`${violations.length === 0 ? 'ok  ' : 'FAIL'} ${scenario} seed ${seed}: ${nodes} nodes, ${events} events, ${rest}, trace ${traceHash.slice(0, 16)}`)
  for (const { atMs, checker, detail } of violations.slice(0, violationsShownMax)) write(`     ${atMs / 1000} s ${checker}: ${detail}`)
  if (violations.length > violationsShownMax) write(`     and ${violations.length - violationsShownMax} more`)
  if (violations.length > 0) write(`     again: ${reproduce(report)} --trace`)
}

const chartFleets = async (file: string, largest: number | undefined): Promise<number> => {
  const fleets: FleetFigures[] = []
  for (const nodes of fleetSizesUpTo(largest)) {
    const fleet = await measureFleet(nodes, () => performance.now())
    fleets.push(fleet)
    console.error(`${nodes} nodes: ${fleet.eventsPerSecond} events per second, ${fleet.violations} violations`)
  }
  const chart = drawChart({
    title: 'One order to a whole fleet',
    xLabel: 'nodes, three of them endpoints',
    xs: fleets.map(({ nodes }) => nodes),
    left: { label: 'messages per node', color: '#1565c0', values: fleets.map(({ gossipPerNode, questionsPerNode }) => gossipPerNode + questionsPerNode) },
    right: { label: 'seconds until all endpoints held all outcomes', color: '#c62828', values: fleets.map(({ convergenceMs }) => convergenceMs / 1000) }
  })
  writeFileSync(file, chart)
  console.log(describeFleets(fleets))
  return fleets.every(({ violations }) => violations === 0) ? 0 : 1
}

/** On this thread. */
const openHere = (isTraced: boolean): Lanes => {
  const deps = { checkSignature: createSignatureMemory(), stopwatch: () => performance.now(), ...(isTraced ? { onTrace: (line: string) => console.error(line) } : {}) }
  return { perform: (assignment, isRepeated) => performRun(deps, assignment, isRepeated), close: async () => undefined }
}

const main = async (args: readonly string[]): Promise<number> => {
  const options = readOptions(args)
  if (!options.ok) {
    console.error(`${options.detail}\n\n${usage}`)
    return 2
  }
  const { withKept, json, trace, chart, ...wanted } = options.value
  if (chart !== undefined) return chartFleets(chart, wanted.nodes)
  const kept = withKept ? (JSON.parse(readFileSync(new URL('./seeds.json', import.meta.url), 'utf8')) as KeptSeed[]) : []
  const runs = planRuns({ ...wanted, kept })
  // A few are over before threads have started, and a trace is told in the order of its run.
  const count = trace || runs.length < availableParallelism() ? 1 : availableParallelism()
  const lanes = count === 1 ? openHere(trace) : openLanes(count)
  const summary = await runSuite(runs, {
    perform: lanes.perform,
    lanes: count,
    // With --json standard output is for the one line alone; what failed is told beside it.
    onRun: (report) => (json ? report.violations.length > 0 && print(report, (line) => console.error(line)) : print(report, (line) => console.log(line)))
  })
  await lanes.close()
  if (json) console.log(JSON.stringify(summary))
  else console.log(`${summary.runs} runs, ${summary.violations} violations, ${summary.eventsPerSecond} events per second; reached: ${describeReached(summary.reached)}`)
  return summary.violations === 0 ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
