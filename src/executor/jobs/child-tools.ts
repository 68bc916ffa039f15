/** What only programs of the system can do for a job: exchange two directories, lock one, look up users, run a check. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { lstat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { describeError, WritError } from '../../base/errors.ts'

const run = promisify(execFile)

/** `renameat2` by its number, for programs that can only be told numbers; undefined on machines where it is not known here. */
const renameat2 = new Map([['x64', 316], ['arm64', 276], ['arm', 382], ['riscv64', 276], ['ppc64', 357], ['s390x', 347]]).get(process.arch)

const exchangePython = 'import ctypes,os,sys\nlibc=ctypes.CDLL(None,use_errno=True)\nif libc.renameat2(-100,sys.argv[1].encode(),-100,sys.argv[2].encode(),2): sys.exit(os.strerror(ctypes.get_errno()))'
const exchangePerl = 'syscall(0+$ARGV[0],-100,$ARGV[1],-100,$ARGV[2],2)==0 or die "$!\\n"'

/**
 * Two paths change places in one step, so that a reader finds the one or the other, never nothing. Node has no call for
 * that: `mv` has from coreutils 9.5 on, Perl or Python are nearly everywhere. Errors: `cannot-exchange`.
 */
export const exchange = async (left: string, right: string): Promise<void> => {
  const ways: readonly (readonly [string, readonly string[]])[] = [
    ['mv', ['--exchange', '--no-target-directory', '--', left, right]],
    ...(renameat2 === undefined ? [] : [['perl', ['-e', exchangePerl, String(renameat2), left, right]] as const]),
    ['python3', ['-c', exchangePython, left, right]]
  ]
  const moved = await inodeOf(left)
  const failures: string[] = []
  for (const [file, args] of ways) {
    const failure = await run(file, args).then(() => 'it did nothing', (error: unknown) => lastLine(describeError(error)))
    // Not what the program says counts: one that was ended right after the step must not be followed by another, which would undo it.
    if ((await inodeOf(right)) === moved) return
    failures.push(`${file}: ${failure}`)
  }
  throw new WritError('cannot-exchange', `${right} cannot be replaced in one step (${failures.join('; ')}): mv of coreutils 9.5, perl or python3 is needed, and a file system that can exchange`, { details: { path: right } })
}

const inodeOf = async (path: string): Promise<bigint> => (await lstat(path, { bigint: true })).ino

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? ''

/** Locks what the descriptor stands for, waiting for it; the lock ends with the descriptor, so with the process at the latest. Errors: `cannot-lock`. */
export const lock = async (descriptor: number): Promise<void> => {
  const failed = (why: string): WritError => new WritError('cannot-lock', `the destination cannot be locked: ${why}`)
  const child = spawn('flock', ['--exclusive', '3'], { stdio: ['ignore', 'ignore', 'inherit', descriptor] })
  const [exitCode] = (await once(child, 'exit').catch((error: unknown) => Promise.reject(failed(describeError(error))))) as [number | null]
  if (exitCode !== 0) throw failed(`flock ended with ${exitCode ?? 'a signal'}`)
}

/** By whatever the machine asks, a directory service included. Errors: `unknown-owner`. */
export const lookUp = async (database: 'passwd' | 'group', names: readonly string[]): Promise<Map<string, number>> => {
  const numbers = new Map<string, number>()
  for (const name of names) {
    const line = await run('getent', [database, name]).then(({ stdout }) => stdout, () => '')
    const number = Number(line.split(':')[2] ?? Number.NaN)
    if (!Number.isSafeInteger(number)) throw new WritError('unknown-owner', `there is no ${database === 'passwd' ? 'user' : 'group'} ${name} on this node`, { details: { name } })
    numbers.set(name, number)
  }
  return numbers
}

/** All of a tree, for its owner. Throws when that cannot be. */
export const makeWritable = async (path: string): Promise<void> => {
  await run('chmod', ['-R', 'u+rwX', '--', path])
}

/**
 * The exit code of a shell command whose output is this process's own; null when a signal ended it. It is not waited for
 * beyond `stopped`: who ignores that is killed with the process group.
 */
export const runShell = async (command: string, stopped: AbortSignal): Promise<number | null> => {
  if (stopped.aborted) return null
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'inherit', 'inherit'] })
  const [exitCode] = (await Promise.race([once(child, 'exit'), once(stopped, 'abort').then(() => [null])])) as [number | null]
  child.unref()
  return exitCode
}
