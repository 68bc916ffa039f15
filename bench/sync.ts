/**
 * Sync between two endpoints over LevelDB: what it takes to bring across entries that one of them lacks, by cursor and
 * by comparing heads, and how fast and in how much memory a new endpoint catches up on all of a history.
 */
import { cp, rm } from 'node:fs/promises'
import { bundle } from './bundle.ts'
import { decodeOwn, encodeCbor } from '../src/base/codec.ts'
import { encodeFrame, FrameDecoder } from '../src/base/framing.ts'
import { agentEnvironment, agentFlagsOf } from '../src/executor/engine-flags.ts'
import { isEqualBytes } from '../src/base/bytes.ts'
import { limits } from '../src/base/limits.ts'
import { answerTo, clientOf, talk, type Talk } from './sync-talk.ts'
import { atMost, round, tabulate, type Goal, type Report, type Tell } from './report.ts'
import { drawSigner } from './signed-logs.ts'
import { openQueue, SyncSource } from './sync-source.ts'
import { Scope } from './processes.ts'

/** A smaller history has fewer authors, so that their logs stay as long; 1,000 at least, whose logs are shorter then. */
const authorsMax = 10_000
const authorsMin = 1000
const entriesPerAuthor = 100
const entriesDefault = 1_000_000
const singlesMeasured = 30_000
const MiB = 1024 * 1024

const cases = [
  { missing: 0, authors: 0 },
  { missing: 10, authors: 1 },
  { missing: 10, authors: 10 },
  { missing: 1000, authors: 1 },
  { missing: 1000, authors: 10 },
  { missing: 1000, authors: 100 },
  { missing: 1000, authors: 1000 }
] as const

interface Measured extends Talk {
  readonly entries: number
  readonly by: 'cursor' | 'heads'
  readonly missing: number
  readonly authors: number
  readonly missingBytes: number
  readonly bytesMax: number
}

/** Both endpoints in this process; the one that asks verifies what it gets. */
const measureCases = async (source: SyncSource, directory: string): Promise<Measured[]> => {
  const { chain } = source.mesh
  const behind = await openQueue(directory, chain)
  const carry = answerTo(source.queue, chain, drawSigner().key)
  const client = clientOf(behind, chain)
  const met = drawSigner().key
  await talk(behind, client, met, carry)
  const measured: Measured[] = []
  for (const { missing, authors } of cases) {
    for (const by of ['cursor', 'heads'] as const) {
      const entries = source.count
      const missingBytes = missing === 0 ? 0 : await source.add(missing, authors)
      const bytesMax = missing === 0 ? 1024 : missingBytes * 1.5 + 4096 + (by === 'heads' ? 700 * authors : 0)
      const took = await talk(behind, client, by === 'cursor' ? met : drawSigner().key, carry)
      if (took.accepted !== missing || !isEqualBytes(source.queue.digest(), behind.queue.digest())) throw new Error(`${took.accepted} of ${missing} entries came`)
      measured.push({ ...took, entries, by, missing, authors, missingBytes, bytesMax })
      await talk(behind, client, met, carry)
    }
  }
  await behind.store.close()
  await rm(directory, { recursive: true })
  return measured
}

interface Asked {
  readonly seconds: number
  readonly entries: number
  readonly bytes: number
  readonly roundTrips: number
  readonly digest: Uint8Array
  /** At most, both of these together. */
  readonly residentBytesMax: number
  /** The process's own memory. */
  readonly ownBytesMax: number
  /** Pages of files, which the kernel may take back: the program, and LevelDB's tables. */
  readonly mappedBytesMax: number
}

type Said = { readonly kind: 'question'; readonly question: Uint8Array } | { readonly kind: 'page'; readonly after: number } | ({ readonly kind: 'result' } & Asked)

/** Answers an endpoint in a process of its own until it tells its result. */
const serve = async (scope: Scope, source: SyncSource, program: string, args: readonly string[]): Promise<Asked> => {
  const { chain } = source.mesh
  const asker = scope.node('asker', [...agentFlagsOf('endpoint'), program, scope.path(`asker-${args[0] ?? ''}`), ...args], { stdin: 'pipe', env: agentEnvironment })
  const { stdin, stdout } = asker.child
  if (stdin === null || stdout === null) throw new Error('a process without pipes')
  const tell = (message: Uint8Array): boolean => stdin.write(encodeFrame(message))
  const carry = answerTo(source.queue, chain, drawSigner().key)
  const decoder = new FrameDecoder(2 * limits.network.messageBytesMax)
  tell(encodeCbor({ mesh: chain.mesh, charter: chain.versions[0]?.bytes ?? null }))
  for await (const bytes of stdout as AsyncIterable<Uint8Array>) {
    const frames = decoder.push(bytes)
    if (!frames.ok) throw new Error(frames.detail)
    for (const frame of frames.value) {
      const said = decodeOwn(frame) as Said
      if (said.kind === 'result') {
        await asker.ended()
        return said
      }
      if (said.kind === 'question') tell(await carry(said.question))
      else tell(encodeCbor(await source.queue.history.entriesAfter(said.after, { sizeBytesMax: limits.sync.entriesBytesMax, countMax: limits.sync.entriesMax })))
    }
  }
  throw new Error(`the endpoint that asks ended too early:\n${asker.log()}`)
}

export const runSync = async (tell: Tell, options: { readonly entries: number | null }): Promise<Report> => {
  const entries = options.entries ?? entriesDefault
  const authors = Math.max(authorsMin, Math.min(authorsMax, Math.floor(entries / entriesPerAuthor)))
  await using scope = new Scope('sync')
  const directory = scope.path('source')
  tell(`signing the beginnings of ${authors} logs`)
  let source = await SyncSource.create(directory, authors, 100)
  const measured: Measured[] = []
  for (const size of [entries / 10, entries].filter((count) => count >= 2 * authors)) {
    tell(`signing and storing, up to ${size} entries`)
    await source.grow(size)
    source = await source.reopened(directory, () => cp(directory, scope.path('behind'), { recursive: true }))
    tell('entries that one side lacks')
    measured.push(...(await measureCases(source, scope.path('behind'))))
  }
  tell('single entries')
  const program = await bundle('sync-asker')
  const singles = await serve(scope, source, program, ['merge', String(authors + 100), String(singlesMeasured)])
  await rm(scope.path('asker-merge'), { recursive: true })
  tell(`a new endpoint catches up on ${source.count} entries`)
  const caughtUp = await serve(scope, source, program, ['catch-up'])
  if (!isEqualBytes(caughtUp.digest, source.queue.digest())) throw new Error('the new endpoint holds something else')
  await source.close()
  return report(authors, measured, singles, caughtUp)
}

const perSecond = ({ entries, seconds }: Asked): number => Math.round(entries / seconds)

const report = (authors: number, measured: readonly Measured[], singles: Asked, caughtUp: Asked): Report => {
  const [singleRate, catchUpRate] = [perSecond(singles), perSecond(caughtUp)]
  const [residentMiB, ownMiB, mappedMiB] = [caughtUp.residentBytesMax, caughtUp.ownBytesMax, caughtUp.mappedBytesMax].map((bytes) => round(bytes / MiB)) as [number, number, number]
  const share = (by: Measured['by']): number => round(Math.max(...measured.filter((each) => each.by === by && each.missing > 0).map(({ bytes, bytesMax }) => bytes / bytesMax)), 2)
  const most = (some: readonly Measured[], of: 'bytes' | 'roundTrips'): number => Math.max(...some.map((each) => each[of]))
  const goals: Goal[] = [
    atMost('equal state', most(measured.filter(({ missing }) => missing === 0), 'bytes'), 1024, 'bytes'),
    atMost('by cursor', share('cursor'), 1, '× (1.5 × missing + 4 KiB)'),
    atMost('by cursor, round trips', most(measured.filter(({ by }) => by === 'cursor'), 'roundTrips'), 1, ''),
    atMost('by heads', share('heads'), 1, '× (1.5 × missing + 4 KiB + 700 for each author)'),
    atMost('by heads, round trips', most(measured.filter(({ by }) => by === 'heads'), 'roundTrips'), 5, ''),
    { name: 'catch-up', goal: 'at least 2 × the rate of single entries', measured: round(catchUpRate / singleRate, 2), met: catchUpRate >= 2 * singleRate },
    atMost('catch-up, resident at most', residentMiB, 300, 'MiB')
  ]
  const rows = measured.map(({ entries, missing, authors: of, by, missingBytes, bytes, bytesMax, roundTrips, ms }) => [entries, missing, of, by, missingBytes, bytes, Math.floor(bytesMax), roundTrips, round(ms)])
  return {
    measurements: { authors, cases: measured.map((each) => ({ ...each, ms: round(each.ms) })), singleMergesPerSecond: singleRate, catchUp: { entries: caughtUp.entries, seconds: round(caughtUp.seconds), perSecond: catchUpRate, bytes: caughtUp.bytes, roundTrips: caughtUp.roundTrips, residentMiB, ownMiB, mappedMiB } },
    lines: [
      ...tabulate([['entries held', 'missing', 'authors', 'by', 'their bytes', 'bytes, both ways', 'at most', 'round trips', 'ms'], ...rows]),
      '',
      `single entries merged: ${singleRate} a second`,
      `catch-up: ${caughtUp.entries} entries in ${round(caughtUp.seconds)} s, ${catchUpRate} a second, ${caughtUp.roundTrips} round trips, ${round(caughtUp.bytes / MiB)} MiB, ${residentMiB} MiB resident at most, ${ownMiB} MiB of it own memory, ${mappedMiB} MiB of files`
    ],
    goals
  }
}
