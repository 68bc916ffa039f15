/** That the executor opens no socket, by what the kernel is asked for while it starts, runs orders and stops. */
import test from 'ava'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readlinkSync, realpathSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { buildRelease, createHome, hears, removeRelease, states, type Release } from './executor-process.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { nonceOf } from './hostile-setting.ts'
import { eventually } from '../fixtures/eventually.ts'
import { childrenOf } from '../processes/process-table.ts'
import type { ExecutionContext } from 'ava'

/** All threads of one process: its children are left to themselves as soon as they become another program. */
const flags = ['-f', '-b', 'execve', '-e', 'trace=network']
const { error, status } = spawnSync('strace', [...flags, '-o', '/dev/null', 'true'])
const obstacle = error === undefined ? (status === 0 ? null : 'this user may not trace') : 'strace is not installed'
const tracedTest = obstacle === null ? test : test.skip
const title = (text: string): string => (obstacle === null ? text : `${text} (skipped: ${obstacle})`)

let release: Release

test.before(async () => {
  release = await buildRelease('agent-program.ts')
})
test.after.always(() => removeRelease(release))

const isNode = (pid: number): boolean => {
  try {
    return readlinkSync(`/proc/${pid}/exe`) === realpathSync(process.execPath)
  } catch {
    return false // ended
  }
}

/** The network calls of a Node program, until it has ended by itself or by what `act` does: it may ask for the process that is traced. */
const traceNode = async (t: ExecutionContext, args: readonly string[], act: (find: () => Promise<number>) => Promise<void>): Promise<string[]> => {
  const file = path.join(await temporaryDirectory(t), 'calls')
  const strace = spawn('strace', [...flags, '-o', file, process.execPath, ...args], { stdio: 'ignore' })
  const exit = once(strace, 'exit')
  // strace has short-lived children of its own as well.
  const traced = (): number[] => childrenOf(strace.pid ?? 0).filter(isNode)
  t.teardown(() => {
    for (const pid of traced()) process.kill(pid, 'SIGKILL')
  })
  await act(async () => (await eventually(traced, ({ length }) => length === 1))[0] ?? 0)
  t.deepEqual(await exit, [0, null])
  return (await readFile(file, 'utf8')).split('\n').filter((line) => /^\d+ +\w+\(/.test(line)).map((line) => line.replace(/^\d+ +/, ''))
}

/** Sockets that are made, or that have an address: all but pairs between parent and child. */
const reachOut = (calls: readonly string[]): string[] => calls.filter((call) => /^(?:socket|connect|bind|listen|accept4?|sendto)\(/.test(call) || /AF_(?!UNIX)/.test(call))

tracedTest(title('an executor that starts, runs orders and stops asks for no socket but those that its children get'), async (t) => {
  const { home, offer } = await createHome(t)
  await offer('1', ['echo', 'hello'])
  await offer('2', ['false'], { nonce: nonceOf('another') })
  const calls = await traceNode(t, [path.join(release.directory, 'executor.js'), home], async (find) => {
    await hears(home, (heard) => states(heard).filter((state) => state !== 'running').length === 2)
    process.kill(await find(), 'SIGTERM')
  })
  t.deepEqual(states(await hears(home, () => true)).sort(), ['failed', 'running', 'running', 'succeeded'])
  t.deepEqual(reachOut(calls), [])
  t.true(calls.filter((call) => call.startsWith('socketpair(AF_UNIX')).length >= 5, 'the pipe to the agent, and two for each order')
})

tracedTest(title('the same trace shows a socket where one is opened'), async (t) => {
  const calls = await traceNode(t, ['-e', "require('node:net').createServer().listen(0, '127.0.0.1', function () { this.close() })"], async () => undefined)
  t.true(reachOut(calls).some((call) => call.startsWith('socket(AF_INET')))
})
