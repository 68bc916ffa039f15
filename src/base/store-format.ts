/**
 * The form of what a node writes into its stores. Each change that the release before could not read comes in two releases:
 * one that reads it, and then one that writes it and has the next number here. So a node that gives a release back can read
 * what that has written, and a release that would leave it with what it cannot read is refused.
 */
export const storeFormat = { written: 1, readMax: 1 } as const
