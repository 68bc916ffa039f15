/**
 * `writ logs`: the full output, byte for byte: of one agent as it was written, of several with the agent's name before
 * each line. What went to stderr there goes to stderr here.
 */
import type { Command } from 'commander'
import { concatBytes, utf8 } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import { hasEnded } from '../queue/views.ts'
import type { Admin, LogChunk } from '../api/types.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { notify, type Output, type Terminal } from './terminal.ts'
import { printableLine } from './text.ts'
import { homeOption, requireHome, withAdmin, type HomeFlag, type Perform, type VerbDeps } from './verb.ts'

export interface LogsOptions {
  readonly home: string
  readonly indication: string
  readonly agent?: string
  /** A captured file instead of the output. */
  readonly file?: string
}

export const logs = ({ home, indication, agent, file }: LogsOptions, deps: VerbDeps): Promise<ExitCode> =>
  withAdmin(home, deps, async (admin) => {
    const isPrefixed = agent === undefined && (await hasSeveralOutputs(admin, indication, file))
    const chunks = admin.logs(indication, { ...(agent === undefined ? {} : { agent }), ...(file === undefined ? {} : { file }) })
    const count = await (isPrefixed ? writePrefixed(chunks, deps.terminal) : writeRaw(chunks, deps.terminal))
    if (count === 0) await notify(deps.terminal, await explainSilence(admin, indication, agent, file))
    return exitCodes.succeeded
  })

/** Output comes with the outcome, so an order that goes on has none yet. */
const explainSilence = async (admin: Admin, indication: string, agent?: string, file?: string): Promise<string> => {
  const { rows } = await admin.show(indication)
  const open = rows.filter(({ agentName, state }) => (agent === undefined || agentName === agent) && !hasEnded(state))
  return open.length === 0 ? (file === undefined ? 'no output' : `no captured file ${printableLine(file)}, or an empty one`) : `no output yet: it has not ended on ${open.slice(0, limits.cli.waitingNamesMax).map(({ agentName }) => agentName).join(', ')}`
}

const hasSeveralOutputs = async (admin: Admin, indication: string, file?: string): Promise<boolean> => {
  const { rows } = await admin.show(indication)
  if (file !== undefined) return rows.filter(({ files = [] }) => files.some(({ name }) => name === file)).length > 1
  return rows.filter(({ stdout, stderr }) => (stdout?.sizeBytes ?? 0) + (stderr?.sizeBytes ?? 0) > 0).length > 1
}

const writeRaw = async (chunks: AsyncIterable<LogChunk>, terminal: Terminal): Promise<number> => {
  let count = 0
  for await (const { stream, bytes } of chunks) {
    count += bytes.length
    await terminal[stream].write(bytes)
  }
  return count
}

const newline = 0x0a

/** The whole lines of `bytes`, each with its newline and `prefix` before it, and the beginning of a line that is left over. */
export const prefixLines = (prefix: Uint8Array, bytes: Uint8Array): { readonly lines: Uint8Array; readonly rest: Uint8Array } => {
  const parts: Uint8Array[] = []
  let begin = 0
  for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, begin)) {
    parts.push(prefix, bytes.subarray(begin, end + 1))
    begin = end + 1
  }
  return { lines: concatBytes(parts), rest: bytes.subarray(begin) }
}

interface Source {
  readonly key: string
  readonly prefix: Uint8Array
  readonly output: Output
  /** Of a line whose end has not come yet. */
  rest: Uint8Array
}

const writePrefixed = async (chunks: AsyncIterable<LogChunk>, terminal: Terminal): Promise<number> => {
  const writer = createPrefixedWriter(terminal)
  let count = 0
  for await (const chunk of chunks) {
    count += chunk.bytes.length
    await writer.write(chunk)
  }
  await writer.end()
  return count
}

/** Chunks of one stream of one agent follow each other; the next one's first chunk ends the last line of the one before. */
const createPrefixedWriter = (terminal: Terminal) => {
  let source: Source | null = null
  const end = async (): Promise<void> => {
    if (source === null || source.rest.length === 0) return
    await source.output.write(concatBytes([source.prefix, source.rest, Uint8Array.of(newline)]))
  }
  const sourceOf = async ({ agent, agentName, stream }: LogChunk): Promise<Source> => {
    const key = `${agent} ${stream}`
    if (source?.key === key) return source
    await end()
    source = { key, prefix: utf8(`${agentName}: `), output: terminal[stream], rest: new Uint8Array() }
    return source
  }
  return {
    async write(chunk: LogChunk): Promise<void> {
      const current = await sourceOf(chunk)
      const { lines, rest } = prefixLines(current.prefix, concatBytes([current.rest, chunk.bytes]))
      current.rest = rest
      if (lines.length > 0) await current.output.write(lines)
    },
    end
  }
}

export const declareLogs = (program: Command, perform: Perform): void => {
  program
    .command('logs')
    .description('print the full output of an order')
    .argument('<indication>', 'id of the order, or the beginning of it')
    .addOption(homeOption('admin'))
    .option('--agent <name>', 'only this node')
    .option('--file <name>', 'a captured file instead, by the name that the order gives it')
    .action((indication: string, { agent, file, ...flags }: HomeFlag & { agent?: string; file?: string }) =>
      perform((deps) => logs({ home: requireHome(flags, deps), indication, ...(agent === undefined ? {} : { agent }), ...(file === undefined ? {} : { file }) }, deps))
    )
}
