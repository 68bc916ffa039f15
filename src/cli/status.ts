/** `writ status`: this node, read from its home, so it works when the node is down. */
import type { Command } from 'commander'
import type { NodeStatus } from '../api/types.ts'
import type { LiveStatus } from '../node/file-status.ts'
import { formatAge } from './durations.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { statusJson } from './json-rows.ts'
import { renderRows } from './table.ts'
import { printableLine } from './text.ts'
import { homeOption, printJson, requireHome, type HomeFlag, type Perform, type VerbDeps } from './verb.ts'

export interface StatusOptions {
  readonly home: string
  readonly json: boolean
}

export const status = async ({ home, json }: StatusOptions, { terminal, clock, library }: VerbDeps): Promise<ExitCode> => {
  const found = await library.readStatus({ home })
  await (json ? printJson(terminal, statusJson(found)) : terminal.stdout.write(renderStatus(found, clock.now())))
  return exitCodes.succeeded
}

export const labelsText = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join(',')

const runningText = ({ running, live }: NodeStatus, now: number): string => {
  if (live === null) return running ? 'yes' : 'no, never started'
  return running ? `yes, pid ${live.pid}` : `no, last seen ${formatAge(now - live.at)} ago`
}

const liveLines = (live: LiveStatus, now: number): readonly (readonly [string, string])[] => [
  ...live.addresses.map((address, index) => [index === 0 ? 'addresses' : '', address] as const),
  ...live.peers.map((peer, index) => [index === 0 ? 'peers' : '', `${peer.name} (${peer.kind}) ${peer.address}`] as const),
  ['queue', `${live.queueLength} not ended`],
  ['unacknowledged', String(live.unacknowledged)],
  ['last contact', live.lastContactAt === null ? 'never' : `${formatAge(now - live.lastContactAt)} ago`]
]

const renderStatus = (found: NodeStatus, now: number): string => {
  const lines: readonly (readonly [string, string])[] = [
    ['name', found.name],
    ['role', found.role],
    ['labels', labelsText(found.labels) || '-'],
    ['mesh', `${found.mesh.name} (${found.mesh.id})`],
    ['key', found.key],
    ['release', found.release],
    ['running', runningText(found, now)],
    ...(found.live === null ? [] : liveLines(found.live, now)),
    ...(found.left ? [['left', 'yes; it does not start again'] as const] : []),
    ...(found.restored === null ? [] : [['restored', `${formatAge(now - found.restored.at)} ago, from a backup of ${new Date(found.restored.backupAt).toISOString()}`] as const]),
    ...found.setAside.map((path, index) => [index === 0 ? 'DAMAGED' : '', `${path} was set aside, and a new store begun; remove it when you have looked at it`] as const)
  ]
  return renderRows(lines.map(([name, value]) => [{ text: name }, { text: printableLine(value) }]))
    .map((line) => `${line}\n`)
    .join('')
}

export const declareStatus = (program: Command, perform: Perform): void => {
  program
    .command('status')
    .description('show this node: identity, release, peers, queue, last contact')
    .addOption(homeOption('node'))
    .option('--json', 'print one JSON document')
    .action((flags: HomeFlag & { json?: true }) => perform((deps) => status({ home: requireHome(flags, deps), json: flags.json ?? false }, deps)))
}
