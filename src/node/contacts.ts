/** Performs what the contact machine decides: dials, and wakes it when a peer may be tried again. */
import { describeError } from '../base/errors.ts'
import { ContactMachine, type ContactEffect, type ContactEvent, type ContactOptions } from './contact-machine.ts'
import type { SteadyClock, Timers } from '../base/clock.ts'
import type { KeyId } from '../base/brand.ts'
import type { Log } from '../base/log.ts'
import type { Network } from './network/network.ts'
import type { Random } from '../base/random.ts'

export interface ContactsDeps {
  readonly network: Network
  readonly clock: SteadyClock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
}

export class Contacts {
  readonly #deps: ContactsDeps
  readonly #machine: ContactMachine
  #cancelWake: (() => void) | undefined
  #stopped = false

  constructor(deps: ContactsDeps, options: ContactOptions) {
    this.#deps = deps
    this.#machine = new ContactMachine(deps.random, options)
  }

  handle(event: ContactEvent): void {
    if (this.#stopped) return
    for (const effect of this.#machine.step(event, this.#deps.clock.monotonic())) this.#perform(effect)
  }

  stop(): void {
    this.#stopped = true
    this.#cancelWake?.()
  }

  #perform(effect: ContactEffect): void {
    if (effect.kind === 'wake') {
      this.#cancelWake?.()
      this.#cancelWake = this.#deps.timers.after(effect.delayMs, () => this.handle({ kind: 'tick' }))
    } else {
      this.#dial(effect.peer, effect.addresses)
    }
  }

  #dial(peer: KeyId, addresses: readonly string[]): void {
    this.#deps.network.connect(peer, addresses).then(
      () => this.handle({ kind: 'dialled', peer }),
      (error: unknown) => {
        this.#deps.log.info('a peer was not reached and is tried again', { peer, addresses, error: describeError(error) })
        this.handle({ kind: 'dial-failed', peer })
      }
    )
  }
}
