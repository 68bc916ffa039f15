/**
 * What the queues show to a reader: rows that operators, the library and the endpoint's protocols speak of.
 */
import type { IndicationId, KeyId, Millis } from '../base/brand.ts'
import type { HeldLimits } from '../record/isolation.ts'
import type { CapturedFile, Output } from '../record/statement.ts'
import type { Labels, Role } from '../record/invite.ts'

/** In the order in which an instruction passes through them; from `succeeded` on it has ended. */
export const states = ['queued', 'received', 'retrieving', 'validated', 'running', 'succeeded', 'failed', 'rejected', 'expired', 'cancelled', 'interrupted', 'skipped'] as const
export type State = (typeof states)[number]

const notAttemptedStates: ReadonlySet<State> = new Set<State>(['queued', 'received', 'retrieving', 'validated'])
const openStates: ReadonlySet<State> = new Set<State>([...notAttemptedStates, 'running'])

export const isNotAttempted = (state: State): boolean => notAttemptedStates.has(state)
export const hasEnded = (state: State): boolean => !openStates.has(state)

/** One indication on one agent. */
export interface QueueRow {
  readonly agent: KeyId
  readonly agentName: string
  readonly indication: IndicationId
  /** The order's name. */
  readonly name: string
  readonly state: State
  /** When that state began, by the clock of who said so; the order's creation while it is `queued`. */
  readonly at: Millis
  readonly startedAt: Millis | null
  readonly exitCode: number | null
  readonly signal: string | null
  readonly code: string | null
  readonly detail: string | null
  readonly stdout: Output | null
  readonly stderr: Output | null
  /** Absent where no files were captured. */
  readonly files?: CapturedFile[]
  /** What the run was held to; absent where nothing ran, or without limits. */
  readonly limits?: HeldLimits
}

/** One indication over all of its targets. */
export interface OrderRow {
  readonly indication: IndicationId
  readonly name: string
  readonly format: string
  readonly admin: KeyId
  readonly createdAt: Millis
  readonly expiresAt: Millis
  readonly payloadSizeBytes: number
  readonly targeted: number
  /** Every state is present. */
  readonly counts: Readonly<Record<State, number>>
  readonly cancelled: boolean
}

/** One node that was enrolled, whether or not it is there. */
export interface NodeProfile {
  readonly key: KeyId
  /** The name, or `name~id` when several nodes share it. */
  readonly name: string
  readonly role: Role
  readonly labels: Labels
  readonly enrolledAt: Millis
  readonly release: string | null
  readonly addresses: readonly string[]
  /** When an endpoint last heard from it. */
  readonly lastContactAt: Millis | null
}

export interface NodeRow extends NodeProfile {
  /** Indications of its queue that have not ended. */
  readonly queueLength: number
}
