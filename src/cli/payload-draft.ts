/** What `writ run` is to run, from its flags: exactly one thing, with the flags that belong to it and no others. */
import { WritError } from '../base/errors.ts'
import { checkShape } from '../base/schema.ts'
import { filesOptionsSchema, scriptOptionsSchema } from '../record/format-options.ts'
import type { DraftPayload } from '../api/types.ts'

export interface PayloadFlags {
  readonly script?: string
  readonly interpreter?: string
  readonly files?: string
  readonly to?: string
  readonly owner?: string
  readonly postCheck?: string
}

type Source = 'command' | 'script' | 'files'

/** What an operator calls each, and the flags that mean something with it alone. */
const sources: Readonly<Record<Source, { readonly title: string; readonly flags: readonly (keyof PayloadFlags)[] }>> = {
  command: { title: '-- and a command', flags: [] },
  script: { title: '--script FILE', flags: ['interpreter'] },
  files: { title: '--files DIR', flags: ['to', 'owner', 'postCheck'] }
}
const names = Object.keys(sources) as Source[]
const titles = names.map((name) => sources[name].title)

/** Errors: `bad-usage`. */
export const planPayload = (command: readonly string[], flags: PayloadFlags): DraftPayload => {
  const isGiven = (name: Source): boolean => (name === 'command' ? command.length > 0 : flags[name] !== undefined)
  const [source, ...others] = names.filter(isGiven)
  if (source === undefined) throw new WritError('bad-usage', `nothing to run: give one of ${titles.join(', ')}`)
  if (others.length > 0) throw new WritError('bad-usage', `give one thing to run, not ${[source, ...others].map((name) => sources[name].title).join(' and ')}`)
  refuseForeign(source, flags)
  switch (source) {
    case 'command': return planCommand(command)
    case 'script': return planScript(flags)
    case 'files': return planFiles(flags)
  }
}

const flagOf = (name: string): string => `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

const refuseForeign = (source: Source, flags: PayloadFlags): void => {
  for (const name of names.filter((other) => other !== source)) {
    const foreign = sources[name].flags.find((flag) => flags[flag] !== undefined && !sources[source].flags.includes(flag))
    if (foreign !== undefined) throw new WritError('bad-usage', `${flagOf(foreign)} goes with ${sources[name].title} only`)
  }
}

const planCommand = (argv: readonly string[]): DraftPayload => {
  if (argv[0] === '') throw new WritError('bad-usage', 'the command is empty')
  return { kind: 'command', argv }
}

const planScript = ({ script: file = '', interpreter }: PayloadFlags): DraftPayload => {
  if (!checkShape(scriptOptionsSchema, interpreter === undefined ? {} : { interpreter }).ok) throw new WritError('bad-usage', `--interpreter: "${interpreter}" is neither a name nor an absolute path`)
  return { kind: 'script', file, ...(interpreter === undefined ? {} : { interpreter }) }
}

const planFiles = ({ files: directory = '', to, owner: owned, postCheck }: PayloadFlags): DraftPayload => {
  if (to === undefined) throw new WritError('bad-usage', '--files: say with --to which directory they become')
  const options = { to, ...(postCheck === undefined ? {} : { postCheck }) }
  const checked = checkShape(filesOptionsSchema, options)
  if (!checked.ok) throw new WritError('bad-usage', `--files: ${checked.detail}`)
  const [owner = '', group = ''] = owned?.split(':') ?? []
  return { kind: 'files', directory, ...options, ...(owner === '' ? {} : { owner }), ...(group === '' ? {} : { group }) }
}
