/** What a dry run of apt says. Pure. */

/** The packages that `apt-get --simulate` would install or upgrade: `Inst NAME [OLD] (NEW …)`. */
export const parseInstalls = (text: string): string[] => [...text.matchAll(/^Inst (?<name>[^\s:]+)/gm)].map(({ groups }) => groups?.['name'] ?? '')
