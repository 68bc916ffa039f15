/** The endpoint's side of `/writ/submit/1`: nothing is accepted that could not be carried out later without the admin. */
import { decodeShape } from '../../base/schema.ts'
import { encodeCbor } from '../../base/codec.ts'
import { WritError } from '../../base/errors.ts'
import { limits } from '../../base/limits.ts'
import { decodeRecord, type Sealed } from '../../record/record.ts'
import { entryKind, type EntryBody } from '../../record/entry.ts'
import { describeAsked, isAuthorised, isTarget, judgeFreshness, judgeIndication, openIndication, type Indication } from '../../trust/order.ts'
import { knownLivesOf } from './endpoint-pull.ts'
import { submitRequestSchema, type SubmitAnswer } from '../protocol/submit.ts'
import type { Admission } from '../network/network.ts'
import type { Announcement } from '../protocol/announcement.ts'
import type { Charters } from '../charters.ts'
import type { Clock } from '../../base/clock.ts'
import type { Content } from '../../content/content.ts'
import type { KeyId } from '../../base/brand.ts'
import type { Queue } from '../../queue/queue.ts'

export interface SubmitDeps {
  readonly queue: Queue
  readonly content: Content
  readonly charters: Charters
  readonly clock: Clock
  /** Puts accepted entries on the topic. */
  readonly announce: (announcement: Announcement) => void
}

/** Errors: `malformed`, `oversized`, `not-permitted`, `wrong-author`, those of `judgeIndication`, `not-authorised`, `payload-unavailable`, and of merging. */
export const answerSubmit = async (deps: SubmitDeps, from: Admission, message: Uint8Array, signal: AbortSignal): Promise<Uint8Array> => {
  const decoded = decodeShape(submitRequestSchema, message, limits.network.messageBytesMax)
  if (!decoded.ok) throw new WritError(decoded.code, decoded.detail)
  if (from.admin === null) throw new WritError('not-permitted', 'only an admin may submit')
  const request = decoded.value
  switch (request.kind) {
    case 'charters': {
      const learned = deps.charters.learn(request.charters)
      if (!learned.ok) throw new WritError(learned.code, learned.detail)
      return answer({ kind: 'charter', version: deps.charters.chain.current.version })
    }
    case 'lives':
      return answer({ kind: 'lives', lives: knownLivesOf(await deps.queue.headsOf(from.admin)) })
    case 'entries':
      return answer(await acceptEntries(deps, from.admin, from.peer, request.entries, request.payload, signal))
  }
}

const acceptEntries = async (deps: SubmitDeps, admin: KeyId, peer: KeyId, entries: readonly Uint8Array[], payload: Uint8Array | null, signal: AbortSignal): Promise<SubmitAnswer> => {
  const opened = entries.map((bytes) => openOwnEntry(bytes, admin))
  const last = opened.at(-1)?.body
  // What comes before the last is history: it was judged when it was submitted, and its own command brings its payload.
  if (last?.content.kind === 'indication') {
    const indication = openIndication(last.content.indication)
    if (!indication.ok) throw new WritError(indication.code, indication.detail)
    if (indication.value.body.admin !== admin) throw new WritError('wrong-author', 'the order is that of another admin')
    judgeSubmission(deps, indication.value)
    await holdPayload(deps, indication.value, payload, peer, signal)
  }
  const report = await deps.queue.merge(entries, peer, { durable: true })
  const refusal = report.rejections.find(({ entry }) => entry === null || opened.some(({ id }) => id === entry))
  if (refusal !== undefined) throw new WritError(refusal.code, refusal.detail)
  const head = last === undefined ? undefined : await deps.queue.head(admin, last.incarnation)
  for (const entry of report.accepted) {
    const indication = entry.body.content.kind === 'indication' ? openIndication(entry.body.content.indication) : undefined
    deps.announce({ entry: entry.bytes, payload: indication?.ok === true ? await deps.content.readInline(indication.value.body.payload) : null })
  }
  return { kind: 'head', sequence: head?.sequence ?? 0 }
}

const openOwnEntry = (bytes: Uint8Array, admin: KeyId): Sealed<EntryBody> => {
  const entry = decodeRecord(entryKind, bytes)
  if (!entry.ok) throw new WritError(entry.code, entry.detail)
  if (entry.value.body.author !== admin) throw new WritError('not-permitted', 'an admin submits entries of its own log only')
  return entry.value
}

const judgeSubmission = (deps: SubmitDeps, indication: Indication): void => {
  const { body } = indication
  const { chain } = deps.charters
  const now = deps.clock.now()
  for (const verdict of [judgeIndication(chain, body, now), judgeFreshness(body, now)]) if (!verdict.ok) throw new WritError(verdict.code, verdict.detail)
  const targets = deps.queue.profiles().filter((node) => isTarget(body.target, { ...node, peer: node.key }))
  const forbidden = targets.filter((node) => !isAuthorised(chain.current, body.admin, body, node)).map(({ name }) => name)
  if (forbidden.length === 0) return
  const shown = forbidden.slice(0, 5).join(', ')
  throw new WritError('not-authorised', `the charter does not let you order ${describeAsked(body)} on ${shown}${forbidden.length > 5 ? ` and ${forbidden.length - 5} more` : ''}; nothing was ordered`, { details: { nodes: forbidden.slice(0, 100) } })
}

const holdPayload = async (deps: SubmitDeps, indication: Indication, payload: Uint8Array | null, peer: KeyId, signal: AbortSignal): Promise<void> => {
  const ref = indication.body.payload
  if (await deps.content.has(ref)) return
  const held = payload === null ? await deps.content.retrieve(ref, () => [peer], { signal, deadlineMs: limits.fetch.deadlineMs }) : await deps.content.addInline(ref, payload)
  if (!held.ok) throw new WritError(held.code, `the endpoint could not take the payload: ${held.detail}`)
}

const answer = (value: SubmitAnswer): Uint8Array => encodeCbor(value)
