/** The figures of `update`, as a table and against their goals. */
import { atMost, median, round, spreadOf, tabulate, type Goal, type Report, type Spread } from './report.ts'
import type { MadeRelease } from './releases.ts'

export interface Single {
  /** From the spawn of `writ update` until the release is staged: sent to endpoints, fetched and verified. */
  readonly stagesAfterMs: number
  readonly tookMs: number
  readonly awayMs: number
  readonly fetchedBytes: number
  readonly changedBytes: number
}

export interface Copied {
  readonly tookMs: number
  readonly bytes: number
}

export interface Figures {
  readonly agents: number
  readonly release: MadeRelease
  readonly changedBytes: number
  /** From the spawn of `writ update`: `madeMs` until the last receipt was made, `tookMs` until all were back at the admin. */
  readonly together: { readonly receipts: number; readonly madeMs: number; readonly tookMs: number; readonly awayMs: Spread; readonly fetchedBytes: readonly number[] }
  readonly single: readonly Single[]
  /** What the sockets of an agent without earlier payloads received while it fetched; null where nothing could count it. */
  readonly link: { readonly bytes: number | null; readonly changedBytes: number }
  /** The release that holds its runtime. */
  readonly whole: MadeRelease
  readonly withRuntime: Single
  readonly rollback: { readonly tookMs: number; readonly awayMs: number; readonly release: string; readonly good: string }
  readonly copied: { readonly bundle: Copied; readonly withRuntime: Copied }
}

const besideBytesMax = 64 * 1024
const awayMsMax = 2000

export const reportUpdate = (figures: Figures): Report => {
  const { agents, release, together, single, link, whole, withRuntime, rollback, copied } = figures
  const sizes = ({ version, sizeBytes }: MadeRelease): object => ({ version, sizeBytes })
  const fetched = Math.max(...together.fetchedBytes)
  const away = spreadOf(single.map(({ awayMs }) => awayMs))
  const took = spreadOf(single.map(({ tookMs }) => tookMs))
  const beside = Math.max(fetched - figures.changedBytes, ...[...single, withRuntime].map(({ fetchedBytes, changedBytes }) => fetchedBytes - changedBytes))
  const worstSingle = Math.max(...single.map(({ fetchedBytes }) => fetchedBytes))
  const bytes = [
    ['bytes for each agent', 'the release', 'changed files', 'fetched', 'on its link'],
    [`${agents} at once`, release.sizeBytes, figures.changedBytes, fetched, ''],
    ['one whose link is watched', release.sizeBytes, link.changedBytes, '', link.bytes ?? 'not counted'],
    ['one alone, after another update', release.sizeBytes, single[0]?.changedBytes ?? '', worstSingle, ''],
    ['one, with the runtime', whole.sizeBytes, withRuntime.changedBytes, withRuntime.fetchedBytes, '']
  ]
  const times = [
    ['milliseconds', 'until the last receipt', 'away, median', 'worst'],
    [`${agents} at once, the last receipt made`, together.madeMs, '', ''],
    [`${agents} at once`, together.tookMs, together.awayMs.median, together.awayMs.worst],
    [`one alone, ${single.length} times`, round(median(took.all)), away.median, away.worst],
    ['one, with the runtime', withRuntime.tookMs, withRuntime.awayMs, ''],
    ['a release that crashes, until the one before is back', rollback.tookMs, rollback.awayMs, ''],
    [`${agents} plain copies, durable`, copied.bundle.tookMs, '', ''],
    ['one plain copy with the runtime, durable', copied.withRuntime.tookMs, '', '']
  ]
  return {
    measurements: { ...figures, release: sizes(release), whole: sizes(whole), bytesOfWholeDownloads: copied.bundle.bytes, bytesFetched: together.fetchedBytes.reduce((sum, value) => sum + value, 0), aloneAwayMs: away, aloneTookMs: took },
    lines: [...tabulate(bytes), '', ...tabulate(times)],
    goals: [
      { name: 'complete', goal: `${agents} receipts`, measured: together.receipts, met: together.receipts === agents },
      atMost('fetched beside what has changed', beside, besideBytesMax, 'B, on the worst agent'),
      ...linkGoal(link),
      atMost('one agent alone is away', away.worst, awayMsMax, 'ms, the worst of them'),
      { name: 'after a release that crashes', goal: `${rollback.good} runs`, measured: rollback.release, met: rollback.release === rollback.good }
    ]
  }
}

const linkGoal = ({ bytes, changedBytes }: Figures['link']): Goal[] => (bytes === null ? [] : [atMost('received beside what has changed', bytes - changedBytes, besideBytesMax, 'B, on the link of one agent')])
