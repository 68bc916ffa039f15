/** What `hostile-program.ts` is to do, as JSON in the file `hostile` of its home. While that file is there, it takes the agent's place. */
import type { ToAgent } from '../../src/executor/ipc.ts'

/** These bytes, so often, as fast as the pipe takes them. */
export interface WriteDeed {
  readonly kind: 'write'
  readonly base64: string
  readonly times: number
  /** Each waits until the one before is on its way. */
  readonly apart: boolean
}

export type Deed =
  | WriteDeed
  /** Goes on when so many of such messages have been heard in all. */
  | { readonly kind: 'await'; readonly heard: ToAgent['kind']; readonly times: number }
  | { readonly kind: 'die' }

export interface Plan {
  /** False for one that never reads its pipe. */
  readonly reads: boolean
  readonly deeds: readonly Deed[]
}

export const planFile = 'hostile'
