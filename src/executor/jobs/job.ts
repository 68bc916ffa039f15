/** What each part of the job program is: from its arguments to rows that are printed as JSON lines, or an error. */
export interface JobContext {
  readonly args: readonly string[]
  /** Aborted when the order is to end: what has begun is put right, and nothing new is begun. */
  readonly stopped: AbortSignal
}

export type Job = (context: JobContext) => AsyncIterable<Readonly<Record<string, unknown>>>
