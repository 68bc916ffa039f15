/**
 * Drives the machine of conduct: tells it what connections do, waits where it says so, closes the connections of whoever
 * is cut off, and says so in the log once for each episode.
 */
import { limits } from '../../base/limits.ts'
import { systemTimers } from '../../base/system-clock.ts'
import { TokenBucket } from '../../base/token-bucket.ts'
import { accountOf, Conduct, type CutOff } from './conduct.ts'
import type { SteadyClock } from '../../base/clock.ts'
import type { KeyId } from '../../base/brand.ts'
import type { Log, LogFields } from '../../base/log.ts'
import type { Rejected, Result } from '../../base/result.ts'
import type { Admission } from './network.ts'
import type { Meter } from './libp2p-frames.ts'

export interface WardenDeps {
  readonly clock: SteadyClock
  readonly log: Log
  /** Closes all connections of an account. */
  readonly hangUp: (account: KeyId) => void
}

export class Warden {
  readonly #deps: WardenDeps
  readonly #conduct = new Conduct()
  readonly #refusalLines: TokenBucket
  #unloggedRefusals = 0

  constructor(deps: WardenDeps) {
    this.#deps = deps
    this.#refusalLines = new TokenBucket({ perSecond: limits.network.refusalsLoggedPerSecond, burst: limits.network.refusalsLoggedBurst }, deps.clock.monotonic())
  }

  /** Errors: `cut-off`. */
  admit(id: KeyId): Result<unknown> {
    return this.#conduct.admit(id, this.#deps.clock.monotonic())
  }

  /** A refused connection is worth a line, a flood of them is not. */
  logRefusal(fields: LogFields): void {
    if (fields['code'] === 'cut-off' || !this.#refusalLines.tryTake(this.#deps.clock.monotonic())) {
      this.#unloggedRefusals += 1
      this.#deps.log.debug('connection refused', fields)
      return
    }
    this.#deps.log.info('connection refused', { ...fields, ...(this.#unloggedRefusals > 0 ? { unlogged: this.#unloggedRefusals } : {}) })
    this.#unloggedRefusals = 0
  }

  connect(admission: Admission): boolean {
    return this.#rule(this.#conduct.connect(accountOf(admission), this.#deps.clock.monotonic()))
  }

  disconnect(admission: Admission): void {
    this.#conduct.disconnect(accountOf(admission), this.#deps.clock.monotonic())
  }

  openStream(admission: Admission): boolean {
    return this.#rule(this.#conduct.openStream(accountOf(admission), this.#deps.clock.monotonic()))
  }

  beginQuestion(admission: Admission): boolean {
    return this.#rule(this.#conduct.beginQuestion(accountOf(admission), this.#deps.clock.monotonic()))
  }

  endQuestion(admission: Admission): void {
    this.#conduct.endQuestion(accountOf(admission), this.#deps.clock.monotonic())
  }

  beginJudging(admission: Admission): boolean {
    return this.#conduct.beginJudging(accountOf(admission), this.#deps.clock.monotonic())
  }

  endJudging(admission: Admission): void {
    this.#conduct.endJudging(accountOf(admission), this.#deps.clock.monotonic())
  }

  meter(admission: Admission): Meter {
    const account = accountOf(admission)
    const { clock } = this.#deps
    return {
      hold: (sizeBytes) => this.#conduct.hold(account, sizeBytes, clock.monotonic()),
      release: (sizeBytes) => this.#conduct.release(account, sizeBytes, clock.monotonic())
    }
  }

  /** Resolves when a question may be answered, at once when its asker goes away. */
  async turn(admission: Admission, protocol: string, sizeBytes: number, signal: AbortSignal): Promise<void> {
    const delayMs = this.#conduct.pace(accountOf(admission), protocol, sizeBytes, this.#deps.clock.monotonic())
    if (delayMs === 0) return
    await new Promise<void>((resolve) => {
      const cancel = systemTimers.after(delayMs, done)
      function done(): void {
        cancel()
        signal.removeEventListener('abort', done)
        resolve()
      }
      signal.addEventListener('abort', done)
    })
    signal.throwIfAborted()
  }

  blame(admission: Admission, fault: Pick<Rejected, 'code' | 'detail'>): void {
    this.#cutOff(this.#conduct.blame(accountOf(admission), fault, this.#deps.clock.monotonic()))
  }

  #rule({ isAllowed, cutOff }: { readonly isAllowed: boolean; readonly cutOff: CutOff | null }): boolean {
    this.#cutOff(cutOff)
    return isAllowed
  }

  #cutOff(cutOff: CutOff | null): void {
    if (cutOff === null) return
    const { account, reason, forMs } = cutOff
    this.#deps.log.warn('a peer is cut off', { name: account.name, peer: account.id, reason, forMs })
    this.#deps.hangUp(account.id)
  }
}
