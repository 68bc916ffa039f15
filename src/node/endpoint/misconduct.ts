/** Tells the network of entries that no honest node passes on: a merge passes over them and takes the rest of the message. */
import { isGarbage } from '../network/conduct.ts'
import type { KeyId } from '../../base/brand.ts'
import type { MergeReport } from '../../queue/merge.ts'
import type { Network } from '../network/network.ts'

/** One misdeed for each message. What is wrong inside an entry that was taken is its author's fault, and the sender may be another. */
export const blameForEntries = (network: Pick<Network, 'blame'>, sender: KeyId, { accepted, rejections }: Pick<MergeReport, 'accepted' | 'rejections'>): void => {
  const taken = new Set<string>(accepted.map(({ id }) => id))
  const worst = rejections.find(({ code, entry }) => isGarbage(code) && (entry === null || !taken.has(entry)))
  if (worst !== undefined) network.blame(sender, worst.code, worst.detail)
}

/**
 * The same for entries that another endpoint hands on. It may hold one by the word of a later entry that links to it and did
 * not fit into this message: only a message that brings nothing at all is its fault.
 */
export const blameForHistory = (network: Pick<Network, 'blame'>, sender: KeyId, report: Pick<MergeReport, 'accepted' | 'rejections'>): void => {
  if (report.accepted.length === 0) blameForEntries(network, sender, report)
}
