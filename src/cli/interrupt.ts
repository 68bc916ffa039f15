/** Waiting that Ctrl-C ends without ending the process, so that the operator is told what goes on without them. */
import type { Admin, OrderView } from '../api/types.ts'
import type { Terminal } from './terminal.ts'

export interface Waited<T> {
  /** Null when Ctrl-C came before there was any. */
  readonly value: T | null
  readonly isInterrupted: boolean
}

/** An error that follows from Ctrl-C is not an error. A second Ctrl-C ends the process. */
export const untilInterrupt = async <T>(terminal: Terminal, wait: (signal: AbortSignal) => Promise<T>): Promise<Waited<T>> => {
  const interrupt = new AbortController()
  const undo = terminal.onInterrupt(() => interrupt.abort())
  try {
    return { value: await wait(interrupt.signal), isInterrupted: interrupt.signal.aborted }
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
    return { value: null, isInterrupted: true }
  } finally {
    undo()
  }
}

/** Until the order has ended everywhere; the value is the last view that was seen. */
export const followOrder = async (admin: Admin, indication: string, terminal: Terminal, onView: (view: OrderView) => Promise<void> | void): Promise<Waited<OrderView>> => {
  const views: OrderView[] = []
  const { isInterrupted } = await untilInterrupt(terminal, async (signal) => {
    for await (const view of admin.follow(indication, { signal })) {
      views.splice(0, 1, view)
      await onView(view)
    }
  })
  return { value: views[0] ?? null, isInterrupted }
}
