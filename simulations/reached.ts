/** How often a run came to what is rare: a rule that is never put to the test is not checked. */
import { withPrefix } from '../src/base/key-value-store.ts'
import { countTrimmed } from './queue-state.ts'
import { livesKey } from '../src/queue/own-keys.ts'
import { readRow } from '../src/queue/queue-store.ts'
import type { Disk } from './disk.ts'
import type { Ledger } from './ledger.ts'
import type { Lives } from '../src/queue/own-lives.ts'

export interface Reached {
  /** Entries, in the queues of one endpoint. */
  readonly checkpoints: number
  /** Logs of nodes whose beginning was dropped by the node itself. */
  readonly trimmedLogs: number
  /** Logs whose beginning was dropped, in the queues of one endpoint. */
  readonly droppedLogs: number
  /** Choices between the branches of a fork, in the queues of one endpoint. */
  readonly thaws: number
  /** Versions of the charter after the first, rivals included. */
  readonly charters: number
  readonly lostJournals: number
}

export const noneReached: Reached = { checkpoints: 0, trimmedLogs: 0, droppedLogs: 0, thaws: 0, charters: 0, lostJournals: 0 }

export const addReached = (left: Reached, right: Reached): Reached => ({
  checkpoints: left.checkpoints + right.checkpoints,
  trimmedLogs: left.trimmedLogs + right.trimmedLogs,
  droppedLogs: left.droppedLogs + right.droppedLogs,
  thaws: left.thaws + right.thaws,
  charters: left.charters + right.charters,
  lostJournals: left.lostJournals + right.lostJournals
})

export const readReached = async (ledger: Ledger, endpoint: Pick<Disk, 'peek'> | undefined, nodes: readonly Pick<Disk, 'peek'>[]): Promise<Reached> => ({
  checkpoints: await countRows(endpoint, 'q/checkpoint/'),
  trimmedLogs: (await Promise.all(nodes.map(isTrimmed))).filter(Boolean).length,
  droppedLogs: endpoint === undefined ? 0 : await countTrimmed(endpoint.peek()),
  thaws: await countRows(endpoint, 'q/thaw/'),
  charters: ledger.charters.length,
  lostJournals: ledger.lostJournals
})

export const describeReached = ({ checkpoints, trimmedLogs, droppedLogs, thaws, charters, lostJournals }: Reached): string =>
  `${checkpoints} checkpoints, ${trimmedLogs} trimmed and ${droppedLogs} dropped logs, ${thaws} thaws, ${charters} new charters, ${lostJournals} lost journals`

const countRows = async (disk: Pick<Disk, 'peek'> | undefined, prefix: string): Promise<number> => {
  let count = 0
  if (disk !== undefined) for await (const _ of disk.peek().entries(withPrefix(prefix))) count += 1
  return count
}

const isTrimmed = async (disk: Pick<Disk, 'peek'>): Promise<boolean> => {
  const row = await disk.peek().get(livesKey)
  return row !== undefined && readRow<Lives>(row).some(({ first }) => first > 1)
}
