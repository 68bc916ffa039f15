/**
 * Performs what the update machine decides, in order. The work of a release's order is done when its tree is staged; its
 * outcome is known when the release has proved itself, or the one before runs again.
 */
import { assert, describeError } from '../base/errors.ts'
import { Mutex } from '../base/mutex.ts'
import { checkShape } from '../base/schema.ts'
import { releaseOptionsSchema } from '../record/format-options.ts'
import { UpdateMachine, type Update, type UpdateEffect, type UpdateEvent } from './update-machine.ts'
import type { IndicationId } from '../base/brand.ts'
import type { Journal } from './journal.ts'
import type { Order } from './job-events.ts'
import type { Outcome } from './outcome.ts'
import type { ReleaseFiles } from './file-release-files.ts'
import type { Output } from '../record/statement.ts'
import type { Slots } from './file-slots.ts'
import type { SteadyClock, Timers } from '../base/clock.ts'

/** What an executor needs to be replaced. */
export interface Succession {
  readonly slots: Slots
  /** Of the release that runs. */
  readonly files: ReleaseFiles
  /** The launcher is to start what `slots` say: this process ends, its store closed. */
  readonly handOver: () => void
  /** Kept as an output of a job is. */
  readonly keepLog: (bytes: Uint8Array) => Promise<Output>
}

export interface UpdatesDeps extends Succession {
  readonly journal: Pick<Journal, 'update' | 'recordUpdate'>
  readonly clock: SteadyClock
  readonly timers: Timers
  readonly askForContact: () => void
  /** Resolves when the outcome is durable, or waits for the journal to be writable. */
  readonly conclude: (indication: IndicationId, outcome: Outcome, log: Output | null) => Promise<void>
  /** Makes a write now, or once it can be made. */
  readonly insist: (write: () => Promise<void>) => Promise<void>
  readonly fatal: (error: unknown) => void
}

export class Updates {
  readonly #deps: UpdatesDeps
  readonly #machine = new UpdateMachine()
  readonly #mutex = new Mutex()
  #current: Update | null = null
  #cancelTick: () => void = () => undefined

  constructor(deps: UpdatesDeps) {
    this.#deps = deps
  }

  /** The order that an earlier executor was replaced for, if any; first of all. Errors: `journal-unreadable`. */
  async open(): Promise<IndicationId | null> {
    this.#current = await this.#deps.journal.update()
    return this.#current?.indication ?? null
  }

  /** Goes on with what was opened. `isAwaited`: its order has no outcome yet. */
  async takeUp(isAwaited: boolean): Promise<void> {
    const { slots } = this.#deps
    if (this.#current !== null && isAwaited) this.#step({ kind: 'taken-up', update: this.#current, place: slots.placeOf(this.#current) })
    else await this.#forget()
  }

  /** A release's order has done its work. */
  staged({ id, body }: Order): void {
    const options = checkShape(releaseOptionsSchema, body.options)
    assert(options.ok, 'a release was staged whose order says nothing of it')
    const { version, trialSeconds } = options.value
    this.#current = { indication: id, slot: this.#deps.slots.slotOf(version, id), version, trialSeconds: Number(trialSeconds) }
    this.#step({ kind: 'staged', update: this.#current })
  }

  /** Gives the staged release of this order up, if it still can be: whether it did. */
  abandon(id: IndicationId): boolean {
    if (this.#current?.indication !== id || !this.#machine.isWaiting) return false
    this.#step({ kind: 'abandoned' })
    void this.#mutex.run(() => this.#forget()).catch(this.#deps.fatal)
    return true
  }

  agentUp(release: string): void {
    this.#step({ kind: 'agent-up', release })
  }

  contact(): void {
    this.#step({ kind: 'contact' })
  }

  stop(): void {
    this.#cancelTick()
  }

  #step(event: UpdateEvent): void {
    const { clock, timers, fatal } = this.#deps
    const now = clock.monotonic()
    const effects = this.#machine.step(event, now)
    this.#cancelTick()
    const next = this.#machine.nextTickInMs(now)
    if (next !== undefined) this.#cancelTick = timers.after(next, () => this.#step({ kind: 'tick' }))
    if (effects.length > 0) void this.#mutex.run(() => this.#performAll(effects)).catch(fatal)
  }

  async #performAll(effects: readonly UpdateEffect[]): Promise<void> {
    for (const effect of effects) await this.#perform(effect)
  }

  async #perform(effect: UpdateEffect): Promise<void> {
    const { slots, askForContact } = this.#deps
    switch (effect.kind) {
      case 'ask-for-contact': return askForContact()
      case 'note-up': return slots.noteUp(effect.update)
      case 'prove': return slots.prove(effect.update)
      case 'switch': return this.#switch(effect.update)
      case 'conclude': return this.#conclude(effect.update, effect.outcome)
    }
  }

  async #switch(update: Update): Promise<void> {
    const { slots, journal, handOver } = this.#deps
    try {
      await journal.recordUpdate(update)
      slots.beginTrial(update)
    } catch (error) {
      this.#step({ kind: 'abandoned' })
      return this.#conclude(update, { state: 'failed', code: 'not-switched', detail: `the switch could not be written down: ${describeError(error)}` })
    }
    handOver()
  }

  async #conclude({ indication }: Update, outcome: Outcome): Promise<void> {
    const { slots, keepLog, conclude } = this.#deps
    const log = outcome.state === 'succeeded' ? null : await keepLog(slots.readAttemptLog())
    await conclude(indication, outcome, log)
    await this.#forget()
  }

  async #forget(): Promise<void> {
    const { slots, journal, insist } = this.#deps
    const isRecorded = this.#current !== null
    this.#current = null
    if (isRecorded) await insist(() => journal.recordUpdate(null))
    slots.tidy()
  }
}
