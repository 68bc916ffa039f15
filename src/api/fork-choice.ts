/** Which fork an admin means, and the control that keeps one of its branches. Pure. */
import { WritError } from '../base/errors.ts'
import type { ForkRow } from '../node/protocol/query.ts'
import type { KeyId, MeshId, Millis, RecordId } from '../base/brand.ts'
import type { ThawBody } from '../record/control.ts'

export interface ForkChoice {
  readonly fork: ForkRow
  readonly keep: RecordId
}

/** By a unique prefix of a branch entry's id. Errors: `unknown-fork`, `ambiguous-fork`. */
export const chooseBranch = (prefix: string, forks: readonly ForkRow[]): ForkChoice => {
  const choices = forks.flatMap((fork) => fork.branches.flatMap((keep) => (prefix !== '' && keep.startsWith(prefix) ? [{ fork, keep }] : [])))
  const [choice] = choices
  if (choice === undefined) throw new WritError('unknown-fork', `no branch of a forked log begins with "${prefix}"; \`writ thaw\` shows them`, { details: { prefix } })
  if (choices.length > 1) throw new WritError('ambiguous-fork', `${choices.length} branches of forked logs begin with ${prefix}; give more of the id`, { details: { prefix } })
  return choice
}

/** Newer than the choice that it replaces, whatever the clocks of the two admins show. */
export const buildThaw = ({ fork, keep }: ForkChoice, mesh: MeshId, admin: KeyId, now: Millis): ThawBody => {
  const { author, incarnation, sequence, thaw } = fork
  return { mesh, admin, action: 'thaw', author, incarnation, sequence, keep, at: Math.max(now, (thaw?.at ?? 0) + 1) }
}
