/** Versions as programs say them, and their order. Pure. */

/** The first number with dots in what a program says of itself, or else the first number; undefined without one. */
export const findVersion = (text: string): string | undefined => /[0-9]+(?:\.[0-9]+)+/.exec(text)?.[0] ?? /[0-9]+/.exec(text)?.[0]

/** -1, 0 or 1, number by number; one that is missing counts as 0. Both are numbers with dots between them. */
export const compareVersions = (left: string, right: string): -1 | 0 | 1 => {
  const [lefts, rights] = [left.split('.'), right.split('.')]
  for (let index = 0; index < Math.max(lefts.length, rights.length); index += 1) {
    const [a, b] = [BigInt(lefts[index] ?? 0), BigInt(rights[index] ?? 0)]
    if (a !== b) return a < b ? -1 : 1
  }
  return 0
}

export const isVersion = (text: string): boolean => /^[0-9]+(?:\.[0-9]+)*$/.test(text)
