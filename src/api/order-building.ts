/** From an operator's draft to the indication's body: whom it is for, what it runs, how long it is good. */
import { WritError } from '../base/errors.ts'
import { compareText } from '../base/bytes.ts'
import { drawNonce } from '../base/random.ts'
import { limits } from '../base/limits.ts'
import { systemClock } from '../base/system-clock.ts'
import { systemRandom } from '../base/system-random.ts'
import { indicationKind, type IndicationBody, type Target } from '../record/indication.ts'
import { checkShape } from '../base/schema.ts'
import { matchesSelector, parseSelector } from '../trust/selector.ts'
import { compilePattern } from '../trust/order.ts'
import type { CharterChain } from '../trust/charter-chain.ts'
import type { BuiltPayload } from './payload-building.ts'
import type { DraftTarget, OrderDraft } from './types.ts'
import type { KeyId } from '../base/brand.ts'
import type { NodeRow } from '../queue/views.ts'

const defaultTimeoutMs = 60_000
/** They are downloaded, unpacked and set up. */
const packageTimeoutMs = 900_000
const defaultExpiryMs = 3_600_000

export interface ResolvedTarget {
  readonly target: Target
  readonly nodes: readonly NodeRow[]
}

/** Errors: `no-target`, `unknown-node`, `bad-selector`, `too-many-targets`. */
export const resolveTarget = (draft: DraftTarget, nodes: readonly NodeRow[]): ResolvedTarget => {
  if (draft.kind === 'nodes') return resolveNames(draft.names, nodes)
  const selector = parseSelector(draft.kind === 'all' ? '' : draft.selector)
  if (!selector.ok) throw new WritError(selector.code, selector.detail)
  const matching = nodes.filter((node) => matchesSelector(selector.value, node))
  if (matching.length === 0) {
    throw new WritError('no-target', draft.kind === 'all' ? 'the mesh has no nodes yet; nothing was ordered' : `none of the ${nodes.length} nodes matches ${draft.selector}; nothing was ordered. See: writ nodes`)
  }
  // Those who match now: a node that is enrolled later than the last of them is not meant.
  const enrolledUntil = Math.max(...matching.map(({ enrolledAt }) => enrolledAt))
  return { target: { kind: 'select', selector: draft.kind === 'all' ? '' : draft.selector, enrolledUntil }, nodes: matching }
}

const resolveNames = (names: readonly string[], nodes: readonly NodeRow[]): ResolvedTarget => {
  const found = new Map<KeyId, NodeRow>()
  for (const name of names) {
    const node = findNode(name, nodes)
    found.set(node.key, node)
  }
  if (found.size === 0) throw new WritError('no-target', 'no node was named; nothing was ordered')
  if (found.size > limits.indication.targetNodesMax) throw new WritError('too-many-targets', `${found.size} nodes were named, at most ${limits.indication.targetNodesMax} can be; use a selector on labels`)
  const chosen = [...found.values()]
  return { target: { kind: 'nodes', nodes: chosen.map(({ key }) => key).sort(compareText) }, nodes: chosen }
}

/** By name, or by a unique prefix of the key. Errors: `unknown-node`, `ambiguous-node`. */
export const findNode = (name: string, nodes: readonly NodeRow[]): NodeRow => {
  const exact = nodes.find((node) => node.name === name)
  if (exact !== undefined) return exact
  const matching = name.length < 4 ? [] : nodes.filter(({ key }) => key.startsWith(name))
  const [only] = matching
  if (only === undefined) throw new WritError('unknown-node', `no node is called ${name}; see: writ nodes`, { details: { name } })
  if (matching.length > 1) throw new WritError('ambiguous-node', `${matching.length} nodes have a key that starts with ${name}; give more of it`, { details: { name } })
  return only
}

/** Errors: `bad-order` (every problem with its path), `bad-pattern`. */
export const buildIndication = (draft: OrderDraft, resolved: ResolvedTarget, payload: BuiltPayload, admin: KeyId, chain: CharterChain): IndicationBody => {
  const now = systemClock.now()
  const output = draft.expectedOutput ?? null
  if (output !== null) {
    const pattern = compilePattern(output)
    if (!pattern.ok) throw new WritError(pattern.code, `the expected output is no regular expression: ${pattern.detail}`)
  }
  const captures = [...new Set([...payload.captures, ...(draft.captures ?? [])])]
  const body: IndicationBody = {
    mesh: chain.mesh,
    admin,
    nonce: drawNonce(systemRandom),
    name: (draft.name ?? payload.name).slice(0, limits.indication.nameLengthMax),
    format: payload.format,
    payload: payload.ref,
    repository: { kind: 'mesh' },
    parameters: { ...draft.parameters },
    environment: { ...draft.environment },
    ...(Object.keys(payload.options).length === 0 ? {} : { options: payload.options }),
    ...(captures.length === 0 ? {} : { captures }),
    ...(draft.limits === undefined ? {} : { limits: draft.limits }),
    ...(draft.user === undefined ? {} : { user: draft.user }),
    ...(draft.network === undefined ? {} : { network: draft.network }),
    target: resolved.target,
    prerequisites: draft.requires ?? { executables: [] },
    expected: { exitCode: draft.expectedExitCode ?? 0, output },
    createdAt: now,
    notBefore: now,
    expiresAt: now + (draft.expiresInMs ?? defaultExpiryMs),
    timeoutMs: draft.timeoutMs ?? (payload.format === 'package' ? packageTimeoutMs : defaultTimeoutMs),
    idempotent: draft.idempotent ?? false,
    priority: 5,
    charterVersion: chain.current.version
  }
  const shaped = checkShape(indicationKind.schema, body)
  if (!shaped.ok) throw new WritError('bad-order', `the order is not valid: ${shaped.detail}`)
  return body
}
