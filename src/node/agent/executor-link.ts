/** The agent's side of the pipe to its executor, as a dependency: production has a child's pipe, simulations a queue. */
import type { ToAgent, ToExecutor } from '../../executor/ipc.ts'

export interface ExecutorLink {
  /** Resolves when the pipe has taken the message: false when it is closed. */
  send(message: ToExecutor): Promise<boolean>
  /** Must be called once, before anything can arrive. Messages come one at a time. */
  listen(handler: (message: ToAgent) => void | Promise<void>): void
}
