/** The pipe to the executor, which is this process's file descriptor 3. When it ends, the node is over. */
import { Socket } from 'node:net'
import { openChannel } from '../../executor/child-channel.ts'
import { decodeToAgent, type ToAgent, type ToExecutor } from '../../executor/ipc.ts'
import type { AgentSettings } from '../../trust/agent-settings.ts'
import type { ExecutorLink } from './executor-link.ts'
import type { Log } from '../../base/log.ts'

const pipeDescriptor = 3

export interface OpenedLink extends ExecutorLink {
  /** What `writ.json` says to an agent. */
  readonly settings: Promise<AgentSettings>
  /** Settles with the first message after it: the executor has found its home in order, and holds it. */
  readonly ready: Promise<void>
}

export const openExecutorLink = (log: Log, closed: (reason: string) => void): OpenedLink => {
  const waiting: ToAgent[] = []
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>()
  const { promise: settings, resolve: setUp } = Promise.withResolvers<AgentSettings>()
  let isSetUp = false
  let handle: ((message: ToAgent) => void | Promise<void>) | undefined
  const channel = openChannel<ToAgent, ToExecutor>(new Socket({ fd: pipeDescriptor }), decodeToAgent, {
    message: (message) => {
      if (handle !== undefined) return handle(message)
      if (message.kind === 'settings') {
        isSetUp = true
        return setUp(message.settings)
      }
      if (!isSetUp) return closed('the executor has said no settings that can be read: it is of another release, start the node anew')
      waiting.push(message) // `ready` and what follows it, while the node still opens its store
      isReady()
    },
    malformed: (code, detail) => log.error('the executor sent a message that cannot be read', { code, detail }),
    closed
  })
  return {
    settings,
    ready,
    send: (message) => channel.send(message),
    listen: (handler) => {
      handle = async (message) => {
        while (waiting.length > 0) {
          const earlier = waiting.shift()
          if (earlier !== undefined) await handler(earlier)
        }
        await handler(message)
      }
      const first = waiting.shift()
      if (first !== undefined) void handle(first)
    }
  }
}
