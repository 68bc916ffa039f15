/**
 * The releases of a node on disk, as its launcher knows them: `launcher.sh` says what each file means. Slots are named by
 * version and order, so that no two orders share one. What is written here is durable when the call returns, but for `noteUp`.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { writeFileAtomic, writeFileDurable } from '../base/file-durable.ts'
import type { IndicationId } from '../base/brand.ts'
import type { Update, UpdatePlace } from './update-machine.ts'

/** What an executor knows of the releases beside its own. */
export interface Slots {
  /** Where the release of an order is staged. */
  slotOf(version: string, order: IndicationId): string
  pathOf(version: string, order: IndicationId): string
  /** Where an update stands, as its journal's record is found at a start. */
  placeOf(update: Update): UpdatePlace
  /** The launcher's next start is that of the staged release. */
  beginTrial(update: Update): void
  /** Not durable: what is lost with it is a verdict of "no contact". */
  noteUp(update: Update): void
  prove(update: Update): void
  /** What the last trial has said, its first megabyte; nothing where there was none. */
  readAttemptLog(): Uint8Array
  /** Removes what no start needs any more: releases other than the good one and this, and what was noted of trials. */
  tidy(): void
}

const trialAttempts = 3

export class FileSlots implements Slots {
  readonly #directory: string
  /** The slot that this executor runs from; null for the installed release. */
  readonly #own: string | null

  /** `executor` is the file that this process runs. */
  constructor(directory: string, executor: string) {
    this.#directory = resolve(directory)
    const folder = dirname(resolve(executor))
    this.#own = dirname(folder) === this.#directory ? folder.slice(this.#directory.length + 1) : null
  }

  slotOf(version: string, order: IndicationId): string {
    return `${version}-${order.slice(0, 12)}`
  }

  pathOf(version: string, order: IndicationId): string {
    return join(this.#directory, this.slotOf(version, order))
  }

  placeOf({ slot }: Update): UpdatePlace {
    if (slot === this.#own) return { kind: this.#word('good') === slot && this.#word('trying') !== slot ? 'proved' : 'on-trial' }
    const [given, reason = 'unusable'] = this.#words('failed')
    if (given === slot) return { kind: 'back', reason, isUp: this.#word('reached') === slot }
    if (this.#word('trying') === slot) return { kind: 'back', reason: 'attempts-used', isUp: false } // the launcher could not say so
    return existsSync(join(this.#directory, slot, 'start')) ? { kind: 'not-switched' } : { kind: 'back', reason: 'unusable', isUp: false }
  }

  beginTrial({ slot, trialSeconds }: Update): void {
    for (const name of ['failed', 'reached', 'attempt.log']) rmSync(join(this.#directory, name), { force: true })
    writeFileDurable(join(this.#directory, 'trying'), `${slot} ${trialAttempts} ${trialSeconds}\n`, 0o600)
  }

  noteUp({ slot }: Update): void {
    writeFileAtomic(join(this.#directory, 'reached'), `${slot}\n`, 0o600)
  }

  prove({ slot }: Update): void {
    writeFileDurable(join(this.#directory, 'good'), `${slot}\n`, 0o600)
    rmSync(join(this.#directory, 'trying'), { force: true }) // the launcher passes over a trial of what is good
  }

  readAttemptLog(): Uint8Array {
    const path = join(this.#directory, 'attempt.log')
    return existsSync(path) ? new Uint8Array(readFileSync(path)) : new Uint8Array()
  }

  tidy(): void {
    const kept = new Set([this.#own, this.#word('good')])
    for (const entry of readdirSync(this.#directory, { withFileTypes: true })) {
      const isWaste = entry.isDirectory() ? !kept.has(entry.name) : ['failed', 'reached', 'attempt.log', 'trying'].includes(entry.name)
      if (isWaste) rmSync(join(this.#directory, entry.name), { recursive: true, force: true })
    }
  }

  #word(name: string): string | undefined {
    return this.#words(name)[0]
  }

  #words(name: string): string[] {
    const path = join(this.#directory, name)
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split(' ').filter(Boolean) : []
  }
}
