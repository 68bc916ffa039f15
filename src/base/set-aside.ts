/** Names beside a store: its mark, and what a damaged one is called once it was set aside. Pure. */
import type { Millis } from './brand.ts'

export const markPath = (directory: string): string => `${directory}.mark`

/** `what`: whether the store was damaged, or gone altogether. */
export const setAsidePath = (directory: string, what: 'damaged' | 'missing', at: Millis): string =>
  `${directory}.${what}-${new Date(at).toISOString().replaceAll(/[-:]|\.[0-9]+/g, '')}`

export const isSetAside = (name: string): boolean => /\.(damaged|missing)-[0-9]{8}T[0-9]{6}Z(-[0-9]+)?$/.test(name)
