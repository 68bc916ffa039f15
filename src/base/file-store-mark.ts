/**
 * A line beside a store: how many writes it had at its last durable one, and whether it was closed in good order. A store
 * that has fewer has lost some: its newest log was cut off, it was replaced by an older copy, or removed.
 *
 * Overwritten in place and not synced: it costs microseconds, survives a kill, and after a power cut may only say less
 * than is true.
 */
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'

export interface MarkState {
  readonly count: number
  /** Closed, and so all of it is on disk. */
  readonly isClosed: boolean
}

const line = /^([0-9]{16}) (open  |closed)\n$/

/** Null where there is none, or none that can be read. */
export const readMark = (path: string): MarkState | null => {
  if (!existsSync(path)) return null
  const found = line.exec(readFileSync(path, 'utf8'))
  return found === null ? null : { count: Number(found[1]), isClosed: found[2] === 'closed' }
}

export class StoreMark {
  readonly #file: number
  #count: number

  /** Says `count`, and that the store is open. Errors: those of the file system. */
  constructor(path: string, count: number) {
    this.#file = openSync(path, existsSync(path) ? 'r+' : 'w', 0o600)
    this.#count = count
    this.#write('open')
  }

  note(count: number): void {
    if (count <= this.#count) return
    this.#count = count
    this.#write('open')
  }

  close(count: number, isSound: boolean): void {
    this.#count = Math.max(this.#count, count)
    if (isSound) this.#write('closed')
    closeSync(this.#file)
  }

  #write(state: 'open' | 'closed'): void {
    try {
      writeSync(this.#file, `${String(this.#count).padStart(16, '0')} ${state.padEnd(6)}\n`, 0)
    } catch {
      return // a full disk: the mark may lag behind the store
    }
  }
}
