/** The bounds of the command line, each with its reason; part of `limits`. */
import { second } from './units.ts'

export const cliLimits = {
  /** A summary of one line or more per agent still fits on a screen or two; above it only what did not succeed is shown. */
  summaryAgentsMax: 20,
  /** Of each agent's output, when there are several. */
  summaryLinesMax: 10,
  summaryLinesOfOneMax: 50,
  /** Agents that are named while they are waited for. */
  waitingNamesMax: 4,
  /** Where progress is plain lines, as in a log of a pipeline. */
  plainProgressMs: 1 * second,
  nameColumnMax: 40,
  /** An order that expires sooner reaches nobody. */
  expiresMsMin: 1 * second
} as const
