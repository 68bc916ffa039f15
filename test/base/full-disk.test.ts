/** A disk that runs full under a store, and has room again later. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import test, { type ExecutionContext } from 'ava'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'

const program = path.join(import.meta.dirname, 'full-disk-program.ts')
const clean = { missing: 0, ghosts: 0, latest: 0 }

const survives = async (t: ExecutionContext, command: readonly string[], directory: string, makeRoom: (child: ChildProcess) => void): Promise<void> => {
  const [file = '', ...args] = [...command, process.execPath, '--disable-warning=ExperimentalWarning', program, directory]
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  t.teardown(() => child.kill('SIGKILL'))
  child.once('message', () => makeRoom(child))
  const [said] = await Promise.all([text(child.stdout ?? process.stdin), once(child, 'exit')])
  t.deepEqual(JSON.parse(said), { refused: true, isReadable: true, before: clean, after: clean })
}

// A file that may not grow fails in the middle of a record, as on a full disk, and needs no rights.
test('a store whose log may not grow takes nothing half, and goes on by itself when it may', async (t) => {
  await survives(t, ['prlimit', '--fsize=700000:unlimited'], path.join(await temporaryDirectory(t), 'state'), ({ pid }) => execFileSync('prlimit', ['--pid', String(pid), '--fsize=unlimited:unlimited']))
})

const canMount = (): boolean => {
  try {
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore' })
    return process.getuid?.() === 0
  } catch {
    return false
  }
}

const onSmallDisk = canMount() ? test : test.skip
onSmallDisk('a store on a disk that runs full (a tmpfs of 12 MiB; needs root) goes on by itself when there is room', async (t) => {
  const folder = await temporaryDirectory(t)
  const disk = path.join(folder, 'disk')
  mkdirSync(disk)
  const mount = `mount -t tmpfs -o size=12m writ-test ${disk} && exec "$@"`
  await survives(t, ['unshare', '-m', '--propagation', 'private', 'sh', '-c', mount, 'sh'], path.join(disk, 'state'), ({ pid }) => execFileSync('nsenter', ['-t', String(pid), '-m', 'mount', '-o', 'remount,size=64m', disk]))
})
