/**
 * How far an order is. On a terminal a bar shows it (`system-progress.ts`); elsewhere these plain lines on stderr, when
 * something has changed and at most one a second.
 */
import { limits } from '../base/limits.ts'
import type { Clock } from '../base/clock.ts'
import { hasEnded } from '../queue/views.ts'
import type { OrderView, SubmitProgress } from '../api/types.ts'
import { formatBytes } from './durations.ts'
import { countEnded, countsText } from './order-summary.ts'
import { notify, type Terminal } from './terminal.ts'

export interface Progress {
  submitting(progress: SubmitProgress): void
  update(view: OrderView): void
  /** Removes what it drew. */
  stop(): void
}

/** `waiting for web1, web2 and 18 more`: those that run before those that have not begun; empty when all have ended. */
export const waitingText = ({ rows }: OrderView): string => {
  const waiting = rows.filter(({ state }) => !hasEnded(state)).toSorted((left, right) => Number(right.state === 'running') - Number(left.state === 'running'))
  if (waiting.length === 0) return ''
  const named = waiting.slice(0, limits.cli.waitingNamesMax).map(({ agentName }) => agentName)
  const rest = waiting.length - named.length
  return `waiting for ${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}

export const submittingText = (progress: SubmitProgress): string =>
  progress.kind === 'accepted' ? `accepted by ${progress.endpoint}` : `sending the payload: ${formatBytes(progress.sentBytes)} of ${formatBytes(progress.sizeBytes)}`

/** The counts, and who is waited for. */
export const doingText = (view: OrderView): string => [countsText(view.order), waitingText(view)].filter((part) => part !== '').join('; ')

/** What a message inlines is sent at once and not worth a line. */
const isWorthTelling = (progress: SubmitProgress): boolean => progress.kind === 'uploading' && progress.sizeBytes > limits.payload.inlineBytesMax

export const createPlainProgress = (terminal: Terminal, clock: Clock): Progress => {
  let last = { text: '', at: Number.NEGATIVE_INFINITY }
  const tell = (text: string): void => {
    const now = clock.now()
    if (text === last.text || now - last.at < limits.cli.plainProgressMs) return
    last = { text, at: now }
    void notify(terminal, text)
  }
  return {
    submitting: (progress) => {
      if (isWorthTelling(progress)) tell(submittingText(progress))
    },
    update: (view) => {
      // The first view is the order as it was given, which the head line has told.
      if (last.text === '' && countEnded(view.order) === 0 && view.order.counts.running === 0) return
      tell(`${countEnded(view.order)} of ${view.order.targeted} ended; ${doingText(view)}`)
    },
    stop() {}
  }
}
