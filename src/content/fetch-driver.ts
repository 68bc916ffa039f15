/**
 * Performs a fetch plan: one effect, then the event it led to, until the plan ends. Time comes in as a dependency.
 */
import { accept, reject, type Result } from '../base/result.ts'
import type { SteadyClock, Timers } from '../base/clock.ts'
import type { KeyId, Millis } from '../base/brand.ts'
import type { FetchEvent, FetchPlan } from './fetch-plan.ts'

/** What an attempt reports while it lasts; each restarts its timeout. */
export type SignOfLife = 'attempt-begun' | 'progressed'

export interface FetchDeps {
  readonly clock: SteadyClock
  readonly timers: Timers
  /** One attempt. `payload-unavailable` is worth another one, any other rejection is final. It must end soon after the signal. */
  attempt(providers: readonly KeyId[], signal: AbortSignal, report: (sign: SignOfLife) => void): Promise<Result<null>>
  providers(): readonly KeyId[]
}

/** Errors: those of the plan, and the final ones of `attempt`. What `attempt` throws passes through. */
export const driveFetch = async (deps: FetchDeps, plan: FetchPlan, signal: AbortSignal): Promise<Result<null>> => {
  let event: FetchEvent = signal.aborted ? { kind: 'cancelled' } : { kind: 'started', providers: deps.providers() }
  for (;;) {
    const effect = plan.step(event, deps.clock.monotonic())
    switch (effect.kind) {
      case 'attempt':
        event = await runAttempt(deps, plan, effect.providers, effect.timeoutMs, signal)
        break
      case 'wait':
        await pause(deps.timers, effect.delayMs, signal)
        event = signal.aborted ? { kind: 'cancelled' } : { kind: 'waited', providers: deps.providers() }
        break
      case 'done':
        return accept(null)
      case 'failed':
        return reject(effect.code, effect.detail)
      case 'continue':
        throw new Error('assertion failed: only progress is answered by continue')
    }
  }
}

const runAttempt = async (deps: FetchDeps, plan: FetchPlan, providers: readonly KeyId[], timeoutMs: Millis, signal: AbortSignal): Promise<FetchEvent> => {
  const stop = new AbortController()
  const cancel = (): void => stop.abort()
  let ended = false
  let disarm = deps.timers.after(timeoutMs, cancel)
  const report = (kind: SignOfLife): void => {
    if (ended || stop.signal.aborted) return
    const effect = plan.step({ kind }, deps.clock.monotonic())
    disarm()
    if (effect.kind === 'continue') disarm = deps.timers.after(effect.timeoutMs, cancel)
  }
  signal.addEventListener('abort', cancel)
  try {
    const result = await deps.attempt(providers, stop.signal, report)
    if (result.ok) return { kind: 'attempt-succeeded' }
    if (signal.aborted) return { kind: 'cancelled' }
    if (result.code !== 'payload-unavailable') return { kind: 'refused', code: result.code, detail: result.detail }
    return { kind: 'attempt-failed', detail: result.detail, providers: deps.providers() }
  } finally {
    ended = true
    disarm()
    signal.removeEventListener('abort', cancel)
  }
}

const pause = (timers: Timers, delayMs: Millis, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      disarm()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const disarm = timers.after(delayMs, end)
    signal.addEventListener('abort', end)
  })
