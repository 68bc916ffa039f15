/**
 * `writ audit`: what the signed records of a home prove. Each order with what came of it, then what is wrong with the
 * evidence, to stdout as it is read; the sum to stderr. With `--json` a JSON line for each.
 */
import type { Command } from 'commander'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { collect } from './pairs.ts'
import { notify } from './terminal.ts'
import { painter, plural, printableLine, shortId, type Paint } from './text.ts'
import { homeOption, printJson, requireHome, type HomeFlag, type Perform, type VerbDeps } from './verb.ts'
import type { AuditEvent, AuditOptions, AuditSummary } from '../api/file-audit.ts'
import type { AuditedOrder } from '../api/audit-ledger.ts'
import type { Finding } from '../api/evidence.ts'
import type { Fact } from '../queue/fold.ts'
import type { KeyId } from '../base/brand.ts'

type NameOf = (key: KeyId) => string

export const audit = async ({ json, ...options }: AuditOptions & { readonly json: boolean }, { terminal, library }: VerbDeps): Promise<ExitCode> => {
  const paint = painter(terminal.stdout.colours)
  let exitCode: ExitCode = exitCodes.internal
  for await (const event of library.audit(options)) {
    if (json) await printJson(terminal, eventJson(event))
    else if (event.kind !== 'summary') await terminal.stdout.write(eventText(event, paint))
    if (event.kind !== 'summary') continue
    exitCode = event.summary.faults > 0 ? exitCodes.evidence : exitCodes.succeeded
    await notify(terminal, summaryText(event.summary))
  }
  return exitCode
}

const time = (at: number): string => new Date(at).toISOString()

const eventText = (event: Exclude<AuditEvent, { kind: 'summary' }>, paint: Paint): string => {
  switch (event.kind) {
    case 'order': return orderText(event.order, event.nameOf, paint)
    case 'finding': return findingText(event.finding, event.nameOf, paint)
    case 'damage': return `${paint('red', 'damaged')}  the files of the store: ${printableLine(event.detail)}\n`
  }
}

const orderText = ({ indication, given, cancels, runs }: AuditedOrder, nameOf: NameOf, paint: Paint): string => {
  const head = given === null ? 'the order itself is not held here' : `${time(given.createdAt)}  ${printableLine(nameOf(given.admin))} ordered ${given.format}: ${printableLine(given.name)}`
  const lines = [
    `${paint('bold', shortId(indication))}  ${head}`,
    ...cancels.map(({ admin, at }) => `  ${time(at)}  ${printableLine(nameOf(admin))} cancelled it`),
    ...runs.map(({ agent, fact }) => `  ${time(fact.at)}  ${printableLine(nameOf(agent))} ${factText(fact)}`)
  ]
  return lines.map((line) => `${line}\n`).join('')
}

const factText = ({ by, state, startedAt, exitCode, signal, code, detail }: Fact): string =>
  [
    `${state}${by === 'agent' ? ' (its agent says)' : ''}`,
    startedAt === null ? '' : `started ${time(startedAt)}`,
    exitCode === null ? '' : `exit ${exitCode}`,
    signal ?? '',
    code === null ? '' : `${code}${detail === null ? '' : `: ${printableLine(detail)}`}`
  ].filter((part) => part !== '').join(', ')

const findingText = ({ kind, author, incarnation, from, through, detail, entries, thaw }: Finding, nameOf: NameOf, paint: Paint): string => {
  const where = `${printableLine(nameOf(author))} (${shortId(author)}, life ${incarnation.slice(0, 6)}), ${from === through ? `entry ${from}` : `entries ${from} to ${through}`}`
  const named = entries.length === 0 ? '' : `: ${entries.map(shortId).join(', ')}`
  const chosen = thaw === null ? '' : `; ${printableLine(nameOf(thaw.admin))} let ${shortId(thaw.keep)} count, ${time(thaw.at)}`
  return `${paint(kind === 'dropped' ? 'dim' : kind === 'fork' ? 'yellow' : 'red', kind)}  ${where}: ${printableLine(detail)}${named}${chosen}\n`
}

const summaryText = ({ logs, entries, orders, faults, forks, exported }: AuditSummary): string => {
  const verdict = faults === 0 ? 'all verified' : plural(faults, 'fault')
  const saved = exported === null ? '' : `; written to ${exported}`
  return `${plural(logs, 'log')}, ${entries} ${entries === 1 ? 'entry' : 'entries'}, ${plural(orders, 'order')}: ${verdict}${forks === 0 ? '' : `, ${plural(forks, 'fork')}`}${saved}`
}

const eventJson = (event: AuditEvent): Readonly<Record<string, unknown>> => {
  switch (event.kind) {
    case 'order': {
      const { indication, given, cancels, runs } = event.order
      return {
        kind: 'order',
        indication,
        given: given === null ? null : { ...given, adminName: event.nameOf(given.admin) },
        cancels: cancels.map((cancel) => ({ ...cancel, adminName: event.nameOf(cancel.admin) })),
        runs: runs.map(({ agent, fact: { stdout: _stdout, stderr: _stderr, files: _files, ...fact } }) => ({ agent, agentName: event.nameOf(agent), ...fact }))
      }
    }
    case 'finding': return { ...event.finding, kind: 'finding', finding: event.finding.kind, authorName: event.nameOf(event.finding.author), thaw: event.finding.thaw === null ? null : { ...event.finding.thaw, adminName: event.nameOf(event.finding.thaw.admin) } }
    case 'damage': return event
    case 'summary': return { kind: 'summary', ...event.summary }
  }
}

interface AuditFlags extends HomeFlag {
  readonly export?: string
  readonly archive?: readonly string[]
  readonly json?: true
}

export const declareAudit = (program: Command, perform: Perform): void => {
  program
    .command('audit')
    .description('verify the signed records of a home, offline: who ordered what, when, where it ran, what came of it')
    .addOption(homeOption('either'))
    .option('--export <file>', 'write all evidence that verifies to a new file (CAR)')
    .option('--archive <file>', 'an earlier export, verified as one chain with the home; may be repeated', collect)
    .option('--json', 'print a JSON line for each order and each finding, and one for the sum')
    .action((flags: AuditFlags) =>
      perform((deps) => audit({ home: requireHome(flags, deps), archives: flags.archive ?? [], ...(flags.export === undefined ? {} : { export: flags.export }), json: flags.json ?? false }, deps))
    )
}
