/** Brings an admin's entry to the endpoints: returns when min(2, endpoints) hold it, or all that can be reached do. */
import { compareText } from '../base/bytes.ts'
import { isWritError, WritError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { systemTimers } from '../base/system-clock.ts'
import { withAdminLog, type AdminLogOptions } from './admin-log.ts'
import type { AdminConnection } from './admin-connection.ts'
import type { EntryBody, EntryContent } from '../record/entry.ts'
import type { KeyId, Millis } from '../base/brand.ts'
import type { KnownLife } from '../queue/own-lives.ts'
import type { SubmitProgress } from './types.ts'
import type { Verified } from '../record/record.ts'

export interface Submission {
  readonly entry: Verified<EntryBody>
  /** The order's payload, when it is small enough to travel along. */
  readonly payload: Uint8Array | null
  /** Of the payload, however it travels; 0 for an entry without one. */
  readonly payloadSizeBytes: number
}

/** What one append asks of endpoints: how far each connected one knows the lives of the admin's log. */
export type AskLives = () => Promise<readonly KnownLife[]>

export const askLives = ({ session }: AdminConnection): AskLives => async () => {
  const answers = await Promise.all(
    session.connected().map((endpoint) =>
      session.submit(endpoint, { kind: 'lives' }).then(
        (answer) => (answer.kind === 'lives' ? answer.lives : []),
        () => [] // one that went away meanwhile cannot hold the order back
      )
    )
  )
  return answers.flat()
}

/**
 * Appends to the admin's log. A restored home knows less of that log than an endpoint does: it goes on in a new life of
 * the log, not in a fork. Endpoints are asked while the log is not held.
 */
export const appendEntry = async (ask: AskLives, log: AdminLogOptions, content: EntryContent): Promise<Verified<EntryBody>> => {
  const known = await ask()
  return withAdminLog(log, async (own) => {
    if (await own.isBehind(known)) {
      await own.startIncarnation()
      await own.note(known)
    }
    await own.checkpoint()
    return own.append(content, { durable: true })
  })
}

/** The names of the endpoints that hold it. Errors: those of `AdminSession.contact`, and an endpoint's refusal when none accepted. */
export const submitEntry = async (
  connection: AdminConnection,
  log: AdminLogOptions,
  submission: Submission,
  options: { readonly signal?: AbortSignal; readonly onProgress?: (progress: SubmitProgress) => void }
): Promise<string[]> => {
  const held = new Set<KeyId>()
  const failures: unknown[] = []
  const begin = (endpoint: KeyId): Promise<void> =>
    submitTo(connection, log, endpoint, submission, limitsOf(submission, options.signal)).then(
      () => {
        held.add(endpoint)
        options.onProgress?.({ kind: 'accepted', endpoint: nameOf(connection, endpoint) })
      },
      (error: unknown) => {
        failures.push(error)
      }
    )
  const sending = new Map<KeyId, Promise<void>>()
  for (const endpoint of (await connection.session.contact()).slice(0, limits.submit.holdersWanted)) sending.set(endpoint, begin(endpoint))
  await Promise.race(sending.values())
  const { signal: patience, cancel } = startTimer(limits.submit.nextHolderMs + (submission.payloadSizeBytes / limits.submit.bytesPerSecondMin) * 1000)
  for (const endpoint of await connection.session.settle(patience)) {
    if (sending.size - failures.length >= limits.submit.holdersWanted) break
    if (!sending.has(endpoint)) sending.set(endpoint, begin(endpoint))
  }
  await waitFor(Promise.all(sending.values()), held.size > 0 ? patience : undefined)
  cancel()
  if (held.size === 0) throw failures.find((error) => isWritError(error)) ?? failures[0] ?? new WritError('no-endpoint-reachable', 'no endpoint took the order; try again')
  return [...held].map((endpoint) => nameOf(connection, endpoint)).sort(compareText)
}

const startTimer = (delayMs: Millis): { readonly signal: AbortSignal; readonly cancel: () => void } => {
  const controller = new AbortController()
  return { signal: controller.signal, cancel: systemTimers.after(delayMs, () => controller.abort()) }
}

const waitFor = (work: Promise<unknown>, signal: AbortSignal | undefined): Promise<unknown> =>
  signal === undefined ? work : Promise.race([work, new Promise((resolve) => (signal.aborted ? resolve(null) : signal.addEventListener('abort', resolve, { once: true })))])

type SubmitBounds = NonNullable<Parameters<AdminConnection['session']['submit']>[2]>

/** Only an endpoint that has a payload to fetch may take long. */
const limitsOf = ({ payloadSizeBytes }: Submission, signal: AbortSignal | undefined): SubmitBounds => ({
  timeoutMs: payloadSizeBytes > limits.payload.inlineBytesMax ? limits.submit.timeoutMs : limits.network.requestTimeoutMs,
  ...(signal === undefined ? {} : { signal })
})

/** Sends the entry, and before it whatever of the log that endpoint lacks. */
const submitTo = async ({ session }: AdminConnection, log: AdminLogOptions, endpoint: KeyId, { entry, payload }: Submission, bounds: SubmitBounds): Promise<void> => {
  const { sequence } = entry.body
  let answer = await session.submit(endpoint, { kind: 'entries', entries: [entry.bytes], payload }, bounds)
  for (let known = -1; answer.kind === 'head' && answer.sequence < sequence && answer.sequence > known; ) {
    known = answer.sequence
    const after = known
    const missing = await withAdminLog(log, (own) => own.entriesAfter(after, limits.sync.entriesBytesMax))
    const entries = missing.slice(0, sequence - after) // others' later ones are theirs to submit
    answer = await session.submit(endpoint, { kind: 'entries', entries, payload: null }, bounds)
  }
  if (answer.kind !== 'head' || answer.sequence < sequence) throw new WritError('not-accepted', 'the endpoint did not take the order: it lacks earlier entries of this admin and cannot take them')
}

const nameOf = ({ network }: AdminConnection, endpoint: KeyId): string =>
  network.peers().find(({ admission }) => admission.peer === endpoint)?.admission.membership?.credential.body.name ?? endpoint
