/**
 * Who is at fault when something bad was handed over. Whoever hands on what another wrote may have judged it by entries
 * that are not here; only what no honest node hands on, whatever it knows, is its fault. Pure.
 */
import type { KeyId } from '../base/brand.ts'
import type { MergeReport } from './merge.ts'
import type { Rejection } from './intake.ts'

/** What no honest node hands on, since it has judged that before. All else may be judged otherwise elsewhere. */
export const forgedCodes: ReadonlySet<string> = new Set(['malformed', 'oversized', 'wrong-type', 'wrong-mesh', 'bad-signature', 'bad-link'])

type Judged = Pick<MergeReport, 'accepted' | 'rejections'>

const isForged = ({ code }: Rejection): boolean => forgedCodes.has(code)

/**
 * Of an author that handed in entries of its own log: one misdeed for each message. What is wrong inside an entry that was
 * taken is no part of it.
 */
export const faultOfAuthor = ({ accepted, rejections }: Judged): Rejection | undefined => {
  const taken = new Set<string>(accepted.map(({ id }) => id))
  return rejections.find((rejection) => isForged(rejection) && (rejection.entry === null || !taken.has(rejection.entry)))
}

/**
 * Of an endpoint that handed on entries of others. It may hold one by the word of a later entry that links to it and did
 * not fit into this message: only a message that brings nothing at all is its fault.
 */
export const faultOfEndpoint = (report: Judged): Rejection | undefined => (report.accepted.length === 0 ? faultOfAuthor(report) : undefined)

/** Of whoever gossiped one entry: what cannot be read, or is its own. */
export const faultOfGossiper = (gossiper: KeyId, { rejections }: Pick<Judged, 'rejections'>): Rejection | undefined =>
  rejections.find((rejection) => isForged(rejection) && (rejection.entry === null || rejection.author === gossiper))
