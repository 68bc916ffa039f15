/**
 * Receipts of a fleet merged by one endpoint over LevelDB, in one process: decode, verify, fold, store. Beside it, turn
 * by turn, the bare verification of the same signatures on all cores: what else the machine does falls on both alike.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { createPublicKey, verify, type KeyObject } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { limits } from '../src/base/limits.ts'
import { LevelStore } from '../src/base/level-store.ts'
import { silentLog } from '../src/base/log.ts'
import { systemRandom } from '../src/base/system-random.ts'
import { rawKeyOf } from '../src/record/keys.ts'
import { Queue } from '../src/queue/queue.ts'
import { median, round, tabulate, type Goal, type Report, type Tell } from './report.ts'
import { measureOrbitDb } from './orbitdb.ts'
import { benchTime, signFleet, type Fleet, type ReceiptKind } from './signed-logs.ts'
import type { EntryBody } from '../src/record/entry.ts'
import type { KeyId } from '../src/base/brand.ts'
import type { Sealed } from '../src/record/record.ts'

const agents = 2000
const runLength = 8
/** Each agent's log holds one run; a turn feeds as many entries as there are agents. */
const turns = runLength
/** The first turns warm the engine up. */
const turnsSkipped = 2
const batchSize = 250
const batchesInFlight = 8
const verificationsInFlight = 500
const putsPerBatch = 500

interface Case {
  readonly name: string
  readonly receipts: ReceiptKind
  /** Entries of one log that come one after another. */
  readonly run: 1 | typeof runLength
  readonly batchSize: number
  readonly inFlight: number
  /** Of the bare verification rate, where one was set. */
  readonly goal: number | null
}

const cases: readonly Case[] = [
  { name: 'receipts, single entries', receipts: 'transport', run: 1, batchSize, inFlight: batchesInFlight, goal: 0.6 },
  { name: 'receipts, runs of 8', receipts: 'transport', run: runLength, batchSize, inFlight: batchesInFlight, goal: 1.5 },
  { name: 'receipts, one by one', receipts: 'transport', run: 1, batchSize: 1, inFlight: 256, goal: null },
  { name: 'statements, single entries', receipts: 'statements', run: 1, batchSize, inFlight: batchesInFlight, goal: null },
  { name: 'statements, runs of 8', receipts: 'statements', run: runLength, batchSize, inFlight: batchesInFlight, goal: null }
]

/** What is fed in one turn: the entry of this number of every log, or the next run of some logs. */
const takeTurn = ({ logs }: Fleet, turn: number, run: Case['run']): readonly Sealed<EntryBody>[] => {
  if (run === 1) return logs.flatMap((log) => log.slice(turn, turn + 1))
  const logsEach = logs.length / run
  return logs.slice(turn * logsEach, (turn + 1) * logsEach).flat()
}

export const chunk = <Item>(items: readonly Item[], size: number): Item[][] => Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size))

interface Cost {
  readonly seconds: number
  /** Of all threads, and of the main one: what a busy machine does not blur as much as rates. */
  readonly cpuMicros: number
  readonly mainMicros: number
}

const sumOf = ({ user, system }: NodeJS.CpuUsage): number => user + system

/** Runs the tasks in their order, so many at once. */
export const timeTasks = async (tasks: readonly (() => Promise<unknown>)[], inFlight: number): Promise<Cost> => {
  const waiting = tasks.values()
  const [startedAt, cpu, main] = [performance.now(), process.cpuUsage(), process.threadCpuUsage()]
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (const task of waiting) await task()
    })
  )
  return { seconds: (performance.now() - startedAt) / 1000, cpuMicros: sumOf(process.cpuUsage(cpu)), mainMicros: sumOf(process.threadCpuUsage(main)) }
}

const openQueue = async (directory: string, { chain, beginning }: Fleet): Promise<{ queue: Queue; store: LevelStore }> => {
  const store = await LevelStore.open(directory, { writeBufferBytes: limits.store.queueWriteBufferBytes })
  const queue = await Queue.open({ store, chain: () => chain, clock: { now: () => benchTime }, random: systemRandom, log: silentLog }, { retention: { mode: 'label', ageMs: 0 } })
  for (const batch of chunk(beginning, batchSize)) await queue.merge(batch, 'bench')
  return { queue, store }
}

const mergeTurn = async (queue: Queue, { batchSize: size, inFlight }: Case, entries: readonly Sealed<EntryBody>[]): Promise<Cost> => {
  let accepted = 0
  const tasks = chunk(entries, size).map((batch) => async () => {
    const report = await queue.merge(batch.map(({ bytes }) => bytes), 'bench')
    accepted += report.accepted.length
  })
  const cost = await timeTasks(tasks, inFlight)
  if (accepted !== entries.length) throw new Error(`${accepted} of ${entries.length} entries were accepted`)
  return cost
}

const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

/** Each signature with its key imported beforehand. */
const verifyTurn = async (entries: readonly Sealed<EntryBody>[], keys: ReadonlyMap<KeyId, KeyObject>): Promise<Cost> => {
  const tasks = entries.map(({ body, message, signatures }) => {
    const [key, signature] = [keys.get(body.author), signatures[0]?.signature]
    if (key === undefined || signature === undefined) throw new Error('an entry without a signature')
    return () =>
      new Promise<void>((resolve, reject) => {
        verify(null, message, key, signature, (error, valid) => (error === null && valid ? resolve() : reject(error ?? new Error('a signature is not valid'))))
      })
  })
  return timeTasks(tasks, verificationsInFlight)
}

const importKeys = (entries: readonly Sealed<EntryBody>[]): Map<KeyId, KeyObject> =>
  new Map(entries.map(({ body }) => [body.author, createPublicKey({ key: Buffer.concat([spkiPrefix, rawKeyOf(body.author)]), format: 'der', type: 'spki' })]))

/** Puts a second of keys and values as long as those of entries. */
const measurePuts = async (directory: string, entries: readonly Sealed<EntryBody>[]): Promise<number> => {
  const db = new Level<string, Uint8Array>(directory, { keyEncoding: 'utf8', valueEncoding: 'view' })
  await db.open()
  const batches = chunk(entries, putsPerBatch).map((batch) => batch.map(({ id, bytes }) => ({ type: 'put' as const, key: `q/entry/${id}/${id.slice(26)}/0000000000000001`, value: bytes })))
  const { seconds } = await timeTasks(batches.map((batch) => () => db.batch(batch)), 1)
  await db.close()
  return Math.round(entries.length / seconds)
}

interface Measured {
  readonly case: Case
  /** By turn, as those of the bare verification. */
  readonly costs: Cost[]
}

const measureCases = async (directory: string, fleets: Readonly<Record<ReceiptKind, Fleet>>, tell: Tell): Promise<{ measured: Measured[]; bare: Cost[] }> => {
  const measured: Measured[] = cases.map((each) => ({ case: each, costs: [] }))
  const bare: Cost[] = []
  const opened = await Promise.all(cases.map((each, index) => openQueue(join(directory, `case-${index}`), fleets[each.receipts])))
  const keys = importKeys(takeTurn(fleets.transport, 0, 1))
  for (let turn = 0; turn < turns; turn += 1) {
    tell(`turn ${turn + 1} of ${turns}`)
    const verified = await verifyTurn(takeTurn(fleets.transport, turn, 1), keys)
    if (turn >= turnsSkipped) bare.push(verified)
    for (const [index, { case: each, costs }] of measured.entries()) {
      const queue = opened[index]?.queue
      if (queue === undefined) throw new Error('a case without a queue')
      const cost = await mergeTurn(queue, each, takeTurn(fleets[each.receipts], turn, each.run))
      if (turn >= turnsSkipped) costs.push(cost)
    }
  }
  for (const { store } of opened) await store.close()
  return { measured, bare }
}

export const runMerge = async (tell: Tell): Promise<Report> => {
  const directory = await mkdtemp(join(tmpdir(), 'writ-bench-merge-'))
  try {
    tell(`signing the logs of ${agents} agents`)
    const fleets = { transport: signFleet(agents, turns, 'transport'), statements: signFleet(agents, turns, 'statements') }
    const { measured, bare } = await measureCases(directory, fleets, tell)
    const putsPerSecond = await measurePuts(join(directory, 'bare'), fleets.transport.logs.flat())
    tell('OrbitDB')
    return report(measured, bare, putsPerSecond, await measureOrbitDb())
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Of one kind of work, by its turns of as many entries as there are agents. */
const summarise = (costs: readonly Cost[]) => ({
  perSecond: Math.round(agents / median(costs.map(({ seconds }) => seconds))),
  cpuMicros: round(median(costs.map(({ cpuMicros }) => cpuMicros)) / agents),
  mainThreadMicros: round(median(costs.map(({ mainMicros }) => mainMicros)) / agents)
})

const report = (measured: readonly Measured[], bare: readonly Cost[], putsPerSecond: number, orbitDb: Awaited<ReturnType<typeof measureOrbitDb>>): Report => {
  const results = measured.map(({ case: { name, goal }, costs }) => {
    const ratios = costs.map(({ seconds }, turn) => (bare[turn]?.seconds ?? Number.NaN) / seconds)
    return { name, goal, ofBareVerification: round(median(ratios), 2), ...summarise(costs) }
  })
  const goals: Goal[] = results.flatMap(({ name, goal, ofBareVerification }) =>
    goal === null ? [] : [{ name, goal: `at least ${goal} × bare verification`, measured: ofBareVerification, met: ofBareVerification >= goal }]
  )
  const verification = summarise(bare)
  const others = orbitDb === undefined ? [] : [['OrbitDB: append', orbitDb.appendedPerSecond, '', '', ''], ['OrbitDB: join of 1,000 entries', orbitDb.joinedPerSecond, '', '', '']]
  const rows = [
    ['', 'a second', 'of bare verification', 'CPU µs each', 'main thread µs'],
    ...results.map(({ name, perSecond, ofBareVerification, cpuMicros, mainThreadMicros }) => [name, perSecond, ofBareVerification, cpuMicros, mainThreadMicros]),
    ['bare Ed25519 verification, all cores', verification.perSecond, 1, verification.cpuMicros, verification.mainThreadMicros],
    [`bare LevelDB puts, ${putsPerBatch} a batch`, putsPerSecond, '', '', ''],
    ...others
  ]
  const missing = orbitDb === undefined ? ['', 'OrbitDB: not installed (npm install --prefix bench/orbitdb)'] : []
  return {
    measurements: { agents, entriesEach: turns, cases: results.map(({ goal: _goal, ...result }) => result), bareVerification: verification, putsPerSecond, orbitDb: orbitDb ?? null },
    lines: [...tabulate(rows), ...missing],
    goals
  }
}
