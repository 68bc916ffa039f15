/** What `writ run` is to run, from its flags: exactly one thing, with the flags that belong to it and no others. */
import type * as v from 'valibot'
import { basename } from 'node:path'
import { WritError } from '../base/errors.ts'
import { checkShape } from '../base/schema.ts'
import { builtInFormats, filesOptionsSchema, logsPayloadSchema, packageOptionsSchema, scriptOptionsSchema } from '../record/format-options.ts'
import type { DraftPayload } from '../api/types.ts'

export interface PayloadFlags {
  readonly script?: string
  readonly interpreter?: string
  readonly files?: string
  readonly to?: string
  readonly owner?: string
  readonly postCheck?: string
  readonly package?: readonly string[]
  readonly deb?: readonly string[]
  readonly collectLogs?: readonly string[]
  readonly facts?: true
  readonly leave?: true
  readonly format?: string
  readonly payload?: string
}

interface Source {
  /** What an operator calls it. */
  readonly title: string
  /** Of these flags one at least makes it this. */
  readonly marks: readonly (keyof PayloadFlags)[]
  /** These mean something with it alone. */
  readonly flags: readonly (keyof PayloadFlags)[]
  readonly plan: (flags: PayloadFlags) => DraftPayload
}

/** Errors: `bad-usage`. */
export const planPayload = (command: readonly string[], flags: PayloadFlags): DraftPayload => {
  const given = sources.filter(({ marks }) => marks.some((mark) => flags[mark] !== undefined))
  const titles = [...(command.length > 0 ? [commandTitle] : []), ...given.map(({ title }) => title)]
  if (titles.length === 0) throw new WritError('bad-usage', `nothing to run: give one of ${[commandTitle, ...sources.map(({ title }) => title)].join(', ')}`)
  if (titles.length > 1) throw new WritError('bad-usage', `give one thing to run, not ${titles.join(' and ')}`)
  const [source] = given
  for (const other of sources) {
    const foreign = other === source ? undefined : other.flags.find((flag) => flags[flag] !== undefined)
    if (foreign !== undefined) throw new WritError('bad-usage', `${flagOf(foreign)} goes with ${other.title} only`)
  }
  if (source !== undefined) return source.plan(flags)
  if (command[0] === '') throw new WritError('bad-usage', 'the command is empty')
  return { kind: 'command', argv: command }
}

const commandTitle = '-- and a command'

const flagOf = (name: string): string => `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** Without what was not given. */
const pick = <K extends keyof PayloadFlags>(flags: PayloadFlags, ...names: readonly K[]): Pick<PayloadFlags, K> =>
  Object.fromEntries(names.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]]))) as Pick<PayloadFlags, K>

const insist = (flag: string, schema: v.GenericSchema, value: unknown): void => {
  const checked = checkShape(schema, value)
  if (!checked.ok) throw new WritError('bad-usage', `${flag}: ${checked.detail}`)
}

const planScript = (flags: PayloadFlags): DraftPayload => {
  const options = pick(flags, 'interpreter')
  insist('--script', scriptOptionsSchema, options)
  return { kind: 'script', file: flags.script ?? '', ...options }
}

const planFiles = (flags: PayloadFlags): DraftPayload => {
  const { to } = flags
  if (to === undefined) throw new WritError('bad-usage', '--files: say with --to which directory they become')
  const options = { to, ...pick(flags, 'postCheck') }
  insist('--files', filesOptionsSchema, options)
  const [owner = '', group = ''] = flags.owner?.split(':') ?? []
  return { kind: 'files', directory: flags.files ?? '', ...options, ...(owner === '' ? {} : { owner }), ...(group === '' ? {} : { group }) }
}

const planPackages = ({ package: names = [], deb: files = [] }: PayloadFlags): DraftPayload => {
  if (names.length > 0) insist('--package', packageOptionsSchema, { packages: names.join(' ') })
  const odd = files.find((file) => !file.endsWith('.deb'))
  if (odd !== undefined) throw new WritError('bad-usage', `--deb: the name of ${odd} does not end with .deb`)
  if (new Set(files.map((file) => basename(file))).size < files.length) throw new WritError('bad-usage', '--deb: two files have one name')
  return { kind: 'packages', names, files }
}

const planLogs = ({ collectLogs: paths = [] }: PayloadFlags): DraftPayload => {
  insist('--collect-logs', logsPayloadSchema, { paths })
  return { kind: 'logs', paths }
}

const planOther = ({ format, payload: file }: PayloadFlags): DraftPayload => {
  if (format === undefined || file === undefined) throw new WritError('bad-usage', 'a format of your own needs both --format NAME and --payload FILE')
  if (builtInFormats.includes(format)) throw new WritError('bad-usage', `--format: ${format} is built in; it has flags of its own`)
  return { kind: 'other', format, file }
}

const sources: readonly Source[] = [
  { title: '--script FILE', marks: ['script'], flags: ['interpreter'], plan: planScript },
  { title: '--files DIR', marks: ['files'], flags: ['to', 'owner', 'postCheck'], plan: planFiles },
  { title: '--package NAME', marks: ['package', 'deb'], flags: [], plan: planPackages },
  { title: '--collect-logs PATH', marks: ['collectLogs'], flags: [], plan: planLogs },
  { title: '--facts', marks: ['facts'], flags: [], plan: () => ({ kind: 'facts' }) },
  { title: '--leave', marks: ['leave'], flags: [], plan: () => ({ kind: 'leave' }) },
  { title: '--format NAME', marks: ['format', 'payload'], flags: [], plan: planOther }
]
