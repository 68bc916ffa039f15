/**
 * Lines that are redrawn in place on a terminal. No taller than the screen, as a terminal cannot redraw what has scrolled
 * away; lines are cut at the edge instead of wrapped, so that one line stays one line.
 */
import type { Output } from './terminal.ts'

const escape = '\u001B['

export interface LiveBlock {
  draw(lines: readonly string[]): Promise<void>
  /** Takes the block away, so that what follows is printed in its place. */
  clear(): Promise<void>
}

export const createLiveBlock = (output: Output): LiveBlock => {
  let height = 0
  const erase = (): string => (height === 0 ? '' : `${escape}${height}A${escape}J`)
  return {
    async draw(lines) {
      const linesMax = Math.max(output.rows - 2, 1)
      const shown = lines.length <= linesMax ? lines : [...lines.slice(0, linesMax - 1), `… and ${lines.length - linesMax + 1} more`]
      const text = `${erase()}${escape}?7l${shown.map((line) => `${line}\n`).join('')}${escape}?7h`
      height = shown.length
      await output.write(text)
    },
    async clear() {
      const text = erase()
      height = 0
      await output.write(text)
    }
  }
}
