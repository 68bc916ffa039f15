/**
 * The first verification of an order, before anything is fetched: mesh, authority, target, freshness, location, format,
 * size. The agent does it to spare work; the executor does it again, because it trusts nobody.
 */
import { accept, reject, type Result } from '../base/result.ts'
import { limits } from '../base/limits.ts'
import { checkLocation } from '../record/payload-location.ts'
import { controlKind, type CancelBody, type ControlBody } from '../record/control.ts'
import { indicationKind, type IndicationBody, type Target } from '../record/indication.ts'
import { decodeRecord, verifyRecordSync, type Verified } from '../record/record.ts'
import { matchesSelector, parseSelector, type Selectable } from './selector.ts'
import type { CharterBody, Grant } from '../record/charter.ts'
import type { CharterChain } from './charter-chain.ts'
import type { IndicationId, KeyId, Millis } from '../base/brand.ts'

/** What of a node decides whether it is meant: all of it from its credential. */
export interface Targetable extends Selectable {
  readonly peer: KeyId
  readonly enrolledAt: Millis
}

export type Indication = Verified<IndicationBody> & { readonly id: IndicationId }

/** Shape and signature. Errors: `malformed`, `oversized`, `wrong-type`, `bad-signature`. */
export const openIndication = (bytes: Uint8Array): Result<Indication> => {
  const decoded = decodeRecord(indicationKind, bytes)
  if (!decoded.ok) return decoded
  const verified = verifyRecordSync(decoded.value, [decoded.value.body.admin])
  return verified.ok ? accept(verified.value as Indication) : verified
}

/** Shape and signature of a control. Errors: as `openIndication`. */
export const openControl = (bytes: Uint8Array): Result<Verified<ControlBody>> => {
  const decoded = decodeRecord(controlKind, bytes)
  return decoded.ok ? verifyRecordSync(decoded.value, [decoded.value.body.admin]) : decoded
}

export const isTarget = (target: Target, node: Targetable): boolean => compileTarget(target)(node)

/** The same question for one target and many nodes: the selector is read once. */
export const compileTarget = (target: Target): ((node: Targetable) => boolean) => {
  if (target.kind === 'nodes') {
    const nodes = new Set(target.nodes)
    return (node) => nodes.has(node.peer)
  }
  const selector = parseSelector(target.selector)
  return (node) => selector.ok && node.enrolledAt <= target.enrolledUntil && matchesSelector(selector.value, node)
}

/** What of an order a charter's grants are about. */
export type Asked = Pick<IndicationBody, 'format' | 'user' | 'network'>

/** Whether an admin may give such orders to this node. */
export const isAuthorised = (charter: CharterBody, admin: KeyId, asked: Asked, node: Selectable): boolean =>
  charter.admins.some(
    ({ key, may }) =>
      key === admin &&
      may.some((grant) => {
        const selector = parseSelector(grant.on)
        return grants(grant, asked) && selector.ok && matchesSelector(selector.value, node)
      })
  )

const grants = ({ formats, users, networks = ['host'] }: Grant, { format, user, network }: Asked): boolean => {
  const maySayUser = users === undefined ? user === undefined : users.includes('*') || (user !== undefined && users.includes(user))
  return (formats.includes('*') || formats.includes(format)) && maySayUser && networks.includes(network ?? 'host')
}

/** For messages: `command as www-data without network`. */
export const describeAsked = ({ format, user, network }: Asked): string => `${format}${user === undefined ? '' : ` as ${user}`}${network === undefined ? '' : ' without network'}`

/** A cancel counts from the order's own admin, and from any admin who might have given the order on this node. */
export const isAuthorisedControl = (chain: CharterChain, control: CancelBody, indication: IndicationBody, node: Selectable): boolean =>
  control.mesh === chain.mesh && isAuthorised(chain.current, control.admin, indication, node)

/** What needs no node to be judged. Errors: `wrong-mesh`, `not-an-admin`, `charter-behind`, `charter-expired`, `bad-validity`, `bad-location`, `bad-selector`, `bad-pattern`. */
export const judgeIndication = (chain: CharterChain, indication: IndicationBody, now: Millis): Result<null> => {
  const charter = chain.current
  if (indication.mesh !== chain.mesh) return reject('wrong-mesh', 'the order is for another mesh')
  if (!charter.admins.some(({ key }) => key === indication.admin)) return reject('not-an-admin', 'the order was not signed by an admin of this mesh')
  if (indication.charterVersion > charter.version) return reject('charter-behind', `the order needs charter version ${indication.charterVersion}, known is ${charter.version}`)
  if (now > charter.expiresAt + limits.trust.clockToleranceMs) return reject('charter-expired', 'the charter has expired: no new orders until the root keys sign a new one')
  if (indication.expiresAt <= indication.notBefore || indication.expiresAt - indication.createdAt > limits.indication.validityMsMax) return reject('bad-validity', 'the validity is empty, or longer than 90 days')
  const location = checkLocation(indication.payload)
  if (!location.ok) return location
  if (indication.target.kind === 'select') {
    const selector = parseSelector(indication.target.selector)
    if (!selector.ok) return selector
  }
  return indication.expected.output === null ? accept(null) : compilePattern(indication.expected.output).ok ? accept(null) : reject('bad-pattern', 'the expected output is no regular expression')
}

export interface OrderContext {
  readonly chain: CharterChain
  readonly self: Targetable
  /** Formats that this node has a plug-in for. */
  readonly formats: ReadonlySet<string>
  readonly now: Millis
}

/** The whole first verification on one node. Errors: those of `judgeIndication`, `not-a-target`, `not-authorised`, `unknown-format`, `not-yet-valid`, `expired`. */
export const judgeOrder = (context: OrderContext, indication: IndicationBody): Result<null> => {
  const { chain, self, formats, now } = context
  const general = judgeIndication(chain, indication, now)
  if (!general.ok) return general
  if (!isTarget(indication.target, self)) return reject('not-a-target', 'the order is not meant for this node')
  if (!isAuthorised(chain.current, indication.admin, indication, self)) return reject('not-authorised', `the charter does not let this admin order ${describeAsked(indication)} on ${self.name}`)
  if (!formats.has(indication.format)) return reject('unknown-format', `this node has no plug-in for the format ${indication.format}`)
  return judgeFreshness(indication, now)
}

/** An order is not valid before it was made: one from the future waits, as one that was planned does. */
export const validityStart = ({ notBefore, createdAt }: IndicationBody): Millis => Math.max(notBefore, createdAt)

/** Errors: `not-yet-valid`, `expired`. */
export const judgeFreshness = (indication: IndicationBody, now: Millis): Result<null> => {
  if (now < validityStart(indication) - limits.trust.clockToleranceMs) return reject('not-yet-valid', `the order is not valid before ${new Date(validityStart(indication)).toISOString()}`)
  if (now > indication.expiresAt) return reject('expired', `the order expired at ${new Date(indication.expiresAt).toISOString()}`)
  return accept(null)
}

/** Errors: `bad-pattern`. */
export const compilePattern = (pattern: string): Result<RegExp> => {
  try {
    return accept(new RegExp(pattern, 'mu'))
  } catch (error) {
    return reject('bad-pattern', error instanceof Error ? error.message : 'not a regular expression')
  }
}
