/** Serf on the same machine: `serf query` over as many agents, whose event handler runs `true` and answers its exit code. */
import { execFileSync } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { errorCode } from '../src/base/errors.ts'
import { findFreePort } from '../scripts/free-port.ts'
import { Scope, until } from './processes.ts'

export interface SerfRun {
  readonly version: string
  /** From the start of the command to its end. */
  readonly tookMs: readonly number[]
  /** From its start to the last answer that it printed. */
  readonly lastAnswerMs: readonly number[]
  readonly answers: number
}

/** Undefined where Serf is not installed. */
export const measureSerf = async (counts: { readonly agents: number; readonly rounds: number }): Promise<SerfRun | undefined> => {
  const version = findSerf()
  if (version === undefined) return undefined
  await using scope = new Scope('serf')
  const rpc = `127.0.0.1:${await findFreePort()}`
  const first = `127.0.0.1:${await findFreePort()}`
  const start = async (index: number): Promise<void> => {
    const [bind, rpcAddress] = index === 0 ? [first, rpc] : [`127.0.0.1:${await findFreePort()}`, `127.0.0.1:${await findFreePort()}`]
    const join = index === 0 ? [] : [`-retry-join=${first}`, '-retry-interval=1s']
    scope.spawn('agent', 'serf', ['agent', `-node=n${index}`, `-bind=${bind}`, `-rpc-addr=${rpcAddress}`, '-profile=local', '-log-level=err', '-event-handler=query:bench=true; echo $?', ...join])
  }
  for (let index = 0; index < counts.agents; index += 1) await start(index)
  await until('Serf has all of its members', () => (countMembers(rpc) === counts.agents ? true : undefined))
  const [tookMs, lastAnswerMs]: [number[], number[]] = [[], []]
  let answers = 0
  for (let round = 0; round < counts.rounds; round += 1) {
    const query = await runQuery(scope, rpc)
    tookMs.push(query.tookMs)
    lastAnswerMs.push(query.lastAnswerMs)
    answers += query.answers
  }
  return { version, tookMs, lastAnswerMs, answers }
}

const findSerf = (): string | undefined => {
  try {
    return execFileSync('serf', ['version'], { encoding: 'utf8' }).split('\n')[0]
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

const countMembers = (rpc: string): number => {
  try {
    return execFileSync('serf', ['members', `-rpc-addr=${rpc}`, '-status=alive'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim().split('\n').length
  } catch {
    return 0 // the first agent does not listen yet
  }
}

const runQuery = async (scope: Scope, rpc: string): Promise<{ tookMs: number; lastAnswerMs: number; answers: number }> => {
  const startedAt = performance.now()
  let lastAnswerMs = 0
  const query = scope.spawn('query', 'serf', ['query', `-rpc-addr=${rpc}`, 'bench'], { stdin: 'pipe' })
  if (query.child.stdout === null) throw new Error('serf query has no standard output')
  query.child.stdout.on('data', (chunk: Buffer) => {
    if (chunk.includes('Response from')) lastAnswerMs = performance.now() - startedAt
  })
  const output = await text(query.child.stdout)
  return { tookMs: performance.now() - startedAt, lastAnswerMs, answers: output.match(/^\s*Response from '[^']+': 0$/gm)?.length ?? 0 }
}
