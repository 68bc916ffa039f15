/** What no honest node hands on, whatever it knows: it has judged it before. All else may be judged otherwise elsewhere. */
import type { Rejection } from './intake.ts'

export const forgedCodes: ReadonlySet<string> = new Set(['malformed', 'oversized', 'wrong-type', 'wrong-mesh', 'bad-signature', 'bad-link'])

export const isForged = ({ code }: Pick<Rejection, 'code'>): boolean => forgedCodes.has(code)
