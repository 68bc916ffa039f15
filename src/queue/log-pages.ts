/**
 * Entries of many logs in one page: each log's in their order, those kept as evidence of a fork beside the entries whose
 * number they share. A page never ends between two entries of one number, so that log and number say where it ended.
 */
import { ranges } from './queue-store.ts'
import type { EntryBounds } from './arrivals.ts'
import type { KeyValueStore } from '../base/key-value-store.ts'
import type { LogName } from './log.ts'

/** All of a log above `after`. */
export interface WantedLog extends LogName {
  readonly after: number
}

export interface LogPage {
  readonly entries: readonly Uint8Array[]
  /** How many of the wanted logs are in it to their end. */
  readonly served: number
  /** How far the next one is in it. */
  readonly after: number
  /** A log does not go on where it was asked for, but higher up: what lies between is no longer held. */
  readonly isTrimmed: boolean
}

/** All entries of one number. */
interface Step {
  readonly sequence: number
  readonly entries: Uint8Array[]
}

/** At least one entry where there is one, however large. */
export const readLogs = async (store: KeyValueStore, wanted: readonly WantedLog[], bounds: EntryBounds): Promise<LogPage> => {
  const entries: Uint8Array[] = []
  let room = bounds.sizeBytesMax
  let isTrimmed = false
  for (const [served, log] of wanted.entries()) {
    let { after } = log
    for await (const step of stepsOf(store, log, bounds.countMax)) {
      room -= step.entries.reduce((total, { length }) => total + length, 0)
      const isFull = room < 0 || entries.length + step.entries.length > bounds.countMax
      if (isFull && entries.length > 0) return { entries, served, after, isTrimmed }
      if (step.sequence > after + 1) isTrimmed = true
      entries.push(...step.entries)
      after = step.sequence
    }
  }
  return { entries, served: wanted.length, after: 0, isTrimmed }
}

async function* stepsOf(store: KeyValueStore, log: WantedLog, countMax: number): AsyncIterable<Step> {
  let step: Step | undefined
  // One more than fits: the last step counts only when the next one has begun, or the log has ended.
  for await (const [key, bytes] of store.entries({ ...ranges.entriesFrom(log, log.after + 1), limit: countMax + 1 })) {
    const sequence = sequenceOf(key)
    if (step?.sequence === sequence) {
      step.entries.push(bytes)
      continue
    }
    if (step !== undefined) yield step
    step = { sequence, entries: [bytes] }
  }
  if (step !== undefined) yield step
}

const sequenceOf = (key: string): number => Number(key.split('/')[4])
