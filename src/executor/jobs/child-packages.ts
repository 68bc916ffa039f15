/**
 * The job `package PAYLOAD NAME…`: Debian packages by apt, a dry run first. A row for each package that it changes, or that
 * the order names, tells the versions before and after; what apt says goes to standard error.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { lstat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { compareText } from '../../base/bytes.ts'
import { describeError, WritError } from '../../base/errors.ts'
import { decodeTree, treeHeadBytesMax } from '../../record/tree.ts'
import { readHead } from '../file-head.ts'
import { unpackTree } from '../file-tree.ts'
import type { Job } from './job.ts'
import { parseInstalls } from './package-plan.ts'

const run = promisify(execFile)
const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' }
const directory = 'packages'

/** Nothing is removed for the sake of another, and configuration files that were changed stay. */
const cautions = ['--yes', '--no-remove', '-o', 'Dpkg::Options::=--force-confdef', '-o', 'Dpkg::Options::=--force-confold', '-o', 'DPkg::Lock::Timeout=60', '-o', 'Dpkg::Use-Pty=0']

/** Errors: `bad-tree`, `dry-run-failed`, `install-failed`, `stopped`. */
export const installPackages: Job = async function* ({ args: [payloadPath = '', ...names], stopped }) {
  const files = await unpack(payloadPath)
  const wanted = [...names, ...files]
  const named = [...names.map((name) => name.split(/[:=]/)[0] ?? name), ...(await Promise.all(files.map(nameOf)))]
  const planned = parseInstalls(await simulate(wanted))
  const packages = [...new Set([...named, ...planned])].sort(compareText)
  const before = await versionsOf(packages)
  if (stopped.aborted) throw new WritError('stopped', 'the order was ended before anything was installed')
  const exitCode = await runApt(['install', ...cautions, '--', ...wanted])
  const after = await versionsOf(packages)
  for (const name of packages) yield { package: name, before: before.get(name) ?? null, after: after.get(name) ?? null }
  if (exitCode !== 0) throw new WritError('install-failed', `apt-get ended with ${exitCode === null ? 'a signal' : `exit code ${exitCode}`}`)
}

/** The `.deb` files of the payload, by paths that apt takes for files. */
const unpack = async (payloadPath: string): Promise<string[]> => {
  const { size } = await lstat(payloadPath)
  const tree = decodeTree(await readHead(payloadPath, Math.min(size, treeHeadBytesMax)), size)
  if (!tree.ok) throw new WritError(tree.code, tree.detail)
  await unpackTree(payloadPath, tree.value, directory)
  return tree.value.manifest.entries.map(({ path }) => `./${directory}/${path}`)
}

const nameOf = async (file: string): Promise<string> => {
  try {
    return (await run('dpkg-deb', ['--field', file, 'Package'], { env: environment })).stdout.trim()
  } catch (error) {
    throw new WritError('dry-run-failed', `${file} is no Debian package: ${describeError(error)}`, { cause: error })
  }
}

const simulate = async (wanted: readonly string[]): Promise<string> => {
  try {
    return (await run('apt-get', ['install', '--simulate', ...cautions, '--', ...wanted], { env: environment, maxBuffer: 2 ** 24 })).stdout
  } catch (error) {
    throw new WritError('dry-run-failed', `apt-get would not install this, so nothing was done: ${describeError(error)}`, { cause: error })
  }
}

const runApt = async (args: readonly string[]): Promise<number | null> => {
  const child = spawn('apt-get', args, { env: environment, stdio: ['ignore', process.stderr, 'inherit'] })
  const [exitCode] = (await once(child, 'exit')) as [number | null]
  return exitCode
}

/** Of those that are installed. dpkg-query fails where it does not know one, and tells of the others all the same. */
const versionsOf = async (names: readonly string[]): Promise<Map<string, string>> => {
  const query = run('dpkg-query', ['--show', '--showformat', '${db:Status-Status} ${Package} ${Version}\\n', ...names], { env: environment, maxBuffer: 2 ** 24 })
  const stdout = await query.then((said) => said.stdout, (error: unknown) => (error instanceof Error && 'stdout' in error ? String(error.stdout) : ''))
  const rows = stdout.split('\n').map((line) => line.split(' '))
  return new Map(rows.flatMap(([status, name = '', version = '']) => (status === 'installed' ? [[name, version] as const] : [])))
}
