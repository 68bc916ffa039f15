/**
 * What the entries of planned logs say, as facts to be folded: orders and controls of admins, credentials and receipts of nodes.
 */
import { wasEverAdmin, type CharterChain } from '../trust/charter-chain.ts'
import { factOfAgent, factOfExecutor, type Told } from './fold.ts'
import type { ThawBody } from '../record/control.ts'
import type { Verified } from '../record/record.ts'
import type { Membership } from '../trust/admission.ts'
import type { Indication } from '../trust/order.ts'
import type { OpenedEntry, Rejection } from './intake.ts'
import type { LogState, LogWork, Placed } from './log-plan.ts'
import type { Control } from './order-table.ts'

export interface Gathered {
  readonly memberships: Membership[]
  readonly indications: Indication[]
  readonly controls: Control[]
  readonly facts: Told[]
  readonly rejections: Rejection[]
}

export const noFacts = (): Gathered => ({ memberships: [], indications: [], controls: [], facts: [], rejections: [] })

const membershipIn = ({ content }: OpenedEntry): Membership | undefined => {
  const membership = content.kind === 'credential' || content.kind === 'checkpoint' ? content.membership : null
  return membership?.ok === true ? membership.value : undefined
}

/** Whether entries that wait are those of a node, although it is not known yet. */
export const showMembership = (waiting: readonly OpenedEntry[]): boolean => waiting.some((entry) => membershipIn(entry) !== undefined)

/**
 * An admin's choice between branches proves itself, wherever it stands: if it counted by the log that it stands in, two forked logs could each be
 * thawed by the other, or not, and nobody could tell which.
 */
export const gatherThaws = (chain: CharterChain, opened: readonly OpenedEntry[]): Verified<ThawBody>[] =>
  opened.flatMap(({ content }) => (content.kind === 'thaw' && wasEverAdmin(chain, content.thaw.body.admin) ? [content.thaw] : []))

/** All else counts by the log that it stands in, up to where that is frozen: equal heads say the same, whatever else came by. */
export const gatherFacts = (work: readonly LogWork[]): Gathered => {
  const gathered = noFacts()
  for (const { plan, relaid } of work) {
    for (const placed of plan.accepted) {
      if (relaid?.held.has(placed.opened.record.id) !== true) gathered.rejections.push(...placed.opened.problems)
      if (placed.opened.record.body.sequence <= (plan.state?.head.sequence ?? 0)) gatherEntry(placed, plan.state?.kind ?? 'node', gathered)
    }
  }
  return gathered
}

/** Orders and controls count in an admin's log alone, receipts in a node's; a credential makes a log a node's. */
export const gatherEntry = ({ opened, executor }: Placed, kind: LogState['kind'], gathered: Gathered): void => {
  const { record, content } = opened
  const membership = membershipIn(opened)
  if (membership !== undefined) gathered.memberships.push(membership)
  const pass = (code: string, detail: string) => gathered.rejections.push({ code, detail, author: record.body.author, entry: record.id })
  if ((content.kind === 'credential' || content.kind === 'checkpoint') && content.membership?.ok === false) pass(content.membership.code, content.membership.detail)
  if (content.kind === 'indication' || content.kind === 'control') {
    if (kind !== 'admin') pass('not-an-admin', `a node's log holds an admin's ${content.kind}`)
    else if (content.kind === 'indication') gathered.indications.push(content.indication)
    else gathered.controls.push(content.control)
  }
  if (content.kind !== 'receipts') return
  if (kind !== 'node') {
    pass('not-a-node', "an admin's log holds a node's receipts")
    return
  }
  for (const receipt of content.receipts) {
    const agent = record.body.author
    if (receipt.kind === 'agent') {
      gathered.facts.push({ agent, indication: receipt.receipt.indication, fact: factOfAgent(receipt.receipt, record.id) })
    } else if (receipt.statement.body.executor === executor) {
      gathered.facts.push({ agent, indication: receipt.statement.body.indication, fact: factOfExecutor(receipt.statement.body, record.id) })
    } else {
      pass('wrong-executor', "the statement is not signed by the executor of the node's credential")
    }
  }
}
