/**
 * Visits the nodes of a payload's graph, the root first, several at a time, and never more of them than its size
 * justifies. `visit` says what hangs below a node; its first refusal or error ends the walk, after what is under way.
 */
import { accept, reject, type Rejected, type Result } from '../base/result.ts'
import { computeBlocksMax } from '../record/payload-location.ts'
import type { DagNode } from './payload-dag.ts'

export type Visit = (node: DagNode) => Promise<Result<readonly DagNode[]>>

/** Errors: `bad-payload`, and those of `visit`. */
export const walkDag = async (root: DagNode, visit: Visit, lanes: number): Promise<Result<null>> => {
  const blocksMax = computeBlocksMax(root.sizeBytes)
  const nodes: DagNode[] = [root]
  const running = new Set<Promise<void>>()
  let next = 0
  let refused: Rejected | undefined
  let thrown: { error: unknown } | undefined
  const visitOne = async (node: DagNode): Promise<void> => {
    try {
      const below = await visit(node)
      if (!below.ok) refused ??= below
      else if (nodes.length + below.value.length > blocksMax) refused ??= reject('bad-payload', `the graph has more than ${blocksMax} blocks`)
      else nodes.push(...below.value)
    } catch (error) {
      thrown ??= { error }
    }
  }
  for (;;) {
    const node = refused === undefined && thrown === undefined && running.size < lanes ? nodes[next] : undefined
    if (node !== undefined) {
      next += 1
      const visiting: Promise<void> = visitOne(node).finally(() => running.delete(visiting))
      running.add(visiting)
    } else if (running.size > 0) await Promise.race(running)
    else break
  }
  if (thrown !== undefined) throw thrown.error
  return refused ?? accept(null)
}
