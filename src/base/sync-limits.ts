/** The bounds of sync between endpoints, each with the sum that justifies it; part of `limits`. */
import { KiB, MiB, minute, second } from './units.ts'

export const syncLimits = {
  intervalMs: 5 * second,
  entriesBytesMax: 1 * MiB,
  entriesMax: 4096,
  /** In one answer, of a pull or a query too: sixteen at their largest, thousands of the usual ones; the next question brings more. */
  chartersBytesMax: 1 * MiB,
  /** 0.4 KiB each; with entries and charters at their bounds an answer stays below the message limit. */
  presencesMax: 1024,
  presencesBytesMax: 512 * KiB,
  /** Rounds without news in which two digests may differ before heads are compared; doubled each time that brings nothing. */
  idleRoundsMin: 3,
  /** The same where there is news in every round: on a busy mesh digests differ by what is under way. */
  busyRoundsMin: 24,
  idleRoundsMax: 1024,
  /** Ranges of arrivals that came from one endpoint: 80 bytes each, 5 MiB for 64 endpoints; what is forgotten is sent back to it. */
  arrivalRangesMax: 1024,
  /** The first cut of the heads is paid once: 1 KiB. The next two then cut in 9 at 10,000 logs, which is paid for each log that differs. */
  firstPartsMax: 64,
  partsMax: 32,
  /** Logs for each part of the last cut, and how many are told instead of cut once more: 0.15 KiB each. */
  leafLogs: 2,
  listedLogsMax: 4,
  /** Of 12 bytes, with a bound of some 5: a question that asks for every second log of 16,000 takes 140 KiB. */
  askedPrintsMax: 8192,
  answerPrintsMax: 16_384,
  /** 10,000 authors fit in one answer: 2.4 MiB. */
  headsMax: 16_384,
  /** 0.1 KiB each. */
  wantedMax: 16_384,
  /** Ranges that wait to be compared, 0.1 KiB each; a million logs make some 40,000. */
  partsHeldMax: 131_072,
  /** Answers in a row that bring nothing new before a peer is left alone; comparing many logs takes one more for each 512 of them. */
  barrenAnswersMax: 16,
  logsPerBarrenAnswer: 512,
  /** Heads are compared with one endpoint at a time, so that nothing is fetched twice; one that takes longer gives way to the next. */
  turnMsMax: 5 * minute
} as const
