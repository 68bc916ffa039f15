/**
 * `npm run bench -- NAME [--json] [--entries N]`: measures the bundle beside what it is compared with, in one run on this machine.
 * Exit code 0 when it was measured, whether or not the goals were met; 2 for bad usage.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { runFanout } from './fanout.ts'
import { runFootprint } from './footprint.ts'
import { runMerge } from './merge.ts'
import { renderReport, type Report, type Tell } from './report.ts'
import { runSignatures } from './signatures.ts'
import { runSync } from './sync.ts'
import { runUpdate } from './update.ts'

/** `entries`: a smaller history than the bench's own; null for that. */
interface Options {
  readonly entries: number | null
}

const benches: Readonly<Record<string, (tell: Tell, options: Options) => Promise<Report>>> = { fanout: runFanout, footprint: runFootprint, merge: runMerge, signatures: runSignatures, sync: runSync, update: runUpdate }

const usage = `usage: npm run bench -- NAME [--json] [--entries N]\nbenches: ${Object.keys(benches).join(', ')}; --entries is for sync, 10000 at least\n`

const readArguments = (): ({ readonly name: string; readonly json: boolean } & Options) | undefined => {
  try {
    const { values, positionals } = parseArgs({ options: { json: { type: 'boolean', default: false }, entries: { type: 'string' } }, allowPositionals: true })
    const [name] = positionals
    const entries = values.entries === undefined ? null : Number(values.entries)
    const isPossible = entries === null || (name === 'sync' && Number.isInteger(entries) && entries >= 10_000)
    return name !== undefined && positionals.length === 1 && Object.hasOwn(benches, name) && isPossible ? { name, json: values.json, entries } : undefined
  } catch {
    return undefined // an unknown flag
  }
}

const main = async (): Promise<number> => {
  const wanted = readArguments()
  const run = wanted === undefined ? undefined : benches[wanted.name]
  if (wanted === undefined || run === undefined) {
    process.stderr.write(usage)
    return 2
  }
  const machine = { cores: availableParallelism(), node: process.version }
  const report = await run((message) => process.stderr.write(`${message}\n`), wanted)
  const heading = `${wanted.name}, on ${machine.cores} cores with Node ${machine.node}`
  process.stdout.write(wanted.json ? `${JSON.stringify({ bench: wanted.name, machine, ...report.measurements, goals: report.goals })}\n` : `${heading}\n\n${renderReport(report)}`)
  return 0
}

process.exitCode = await main()
