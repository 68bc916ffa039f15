/**
 * The answering side of sync: keeps nothing of an asker but which arrivals came from it, and does bounded work for each
 * question.
 */
import { isEqualBytes } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import { chartersAfter, knownVersions, type CharterChain } from '../trust/charter-chain.ts'
import { answerRanges } from './reconciliation.ts'
import type { KeyId } from '../base/brand.ts'
import type { Queue } from './queue.ts'
import type { CursorAnswer, CursorQuestion, SyncAnswer, SyncQuestion } from './sync-message.ts'

const entryBounds = { sizeBytesMax: limits.sync.entriesBytesMax, countMax: limits.sync.entriesMax }
const presenceBounds = { countMax: limits.sync.presencesMax, sizeBytesMax: limits.sync.presencesBytesMax }

export const answerSync = async (queue: Queue, chain: CharterChain, asker: KeyId, question: SyncQuestion): Promise<SyncAnswer> => {
  const { history } = queue
  switch (question.kind) {
    case 'cursor':
      return answerCursor(queue, chain, asker, question)
    case 'ranges': {
      const { parts, covered } = await answerRanges(question.spans, (from, to) => history.marks(from, to))
      return { kind: 'ranges', parts: parts.map((part) => (part.kind === 'split' ? { ...part, bounds: [...part.bounds] } : { ...part, heads: [...part.heads] })), covered }
    }
    case 'logs': {
      const page = await history.entriesOfLogs(question.wanted, entryBounds)
      return { kind: 'logs', ...page, entries: [...page.entries] }
    }
  }
}

const answerCursor = async (queue: Queue, chain: CharterChain, asker: KeyId, question: CursorQuestion): Promise<CursorAnswer> => {
  const { history } = queue
  history.watchSource(asker)
  const charters = chartersAfter(chain, knownVersions(chain, question), limits.sync.chartersBytesMax)
  const { storeId, arrival, digest } = history
  const isOurs = question.storeId === storeId
  const isEqual = isEqualBytes(question.digest, digest)
  // A cursor beyond what this store has taken in is one from before a crash that undid its last writes.
  const isLost = !isEqual && !(isOurs && question.cursor <= arrival)
  const about = { kind: 'cursor' as const, storeId, isLost, charters, digest }
  // Nodes are known by their logs: presences are of no use before these.
  if (isLost) return { ...about, entries: [], next: arrival, presences: [], presenceNext: 0, more: false, isTrimmed: false }
  const presences = queue.presencesAfter(isOurs ? question.presenceCursor : 0, presenceBounds)
  const page = isEqual ? { entries: [], next: arrival, more: false, isTrimmed: false } : await history.entriesAfter(question.cursor, entryBounds, asker)
  return {
    ...about,
    entries: [...page.entries],
    next: page.next,
    presences: [...presences.presences],
    presenceNext: presences.next,
    more: page.more || presences.more,
    isTrimmed: page.isTrimmed
  }
}
