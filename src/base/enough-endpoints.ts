/** How many endpoints must know of something for it to be relied on: two, so that one may be lost, or all where there are fewer. */
import { limits } from './limits.ts'

export const enoughEndpoints = (count: number): number => Math.min(limits.submit.holdersWanted, count)
