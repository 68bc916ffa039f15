/**
 * A disk of a few megabytes that takes the place of a folder: a tmpfs, mounted in a mount namespace of this process
 * alone, so that it is gone with the process however that ends.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, cpSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'
import { errorCode } from '../../src/base/errors.ts'

const insideMark = 'WRIT_KILL_NAMESPACE'
const unshare = '/usr/bin/unshare'
const sizeBytes = 32 * 1024 * 1024

/** Whether this process has a mount namespace of its own. */
export const mayMount = (): boolean => process.env[insideMark] !== undefined

/** Replaces this process by one with a mount namespace of its own, where that is permitted; else returns. */
export const enterNamespace = (): void => {
  if (mayMount() || !existsSync(unshare) || process.execve === undefined) return
  const flags = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount']
  const probe = spawnSync(unshare, [...flags, 'sh', '-c', 'd=$(mktemp -d) && mount -t tmpfs none "$d" && umount "$d" && rmdir "$d"'])
  if (probe.status !== 0) return
  process.execve(unshare, [unshare, ...flags, process.execPath, ...process.execArgv, ...process.argv.slice(1)], { ...process.env, [insideMark]: 'yes' })
}

export class SmallDisk {
  readonly #folder: string
  readonly #aside: string

  private constructor(folder: string) {
    this.#folder = folder
    this.#aside = `${folder}.aside`
  }

  /** Moves the folder's content to a small disk in its place. */
  static mount(folder: string): SmallDisk {
    const disk = new SmallDisk(folder)
    renameSync(folder, disk.#aside)
    mkdirSync(folder)
    run('mount', '-t', 'tmpfs', '-o', `size=${sizeBytes},mode=0700`, 'none', folder)
    cpSync(disk.#aside, folder, { recursive: true })
    return disk
  }

  /** Until nothing more can be written. */
  fill(): void {
    const handle = openSync(this.#filler, 'a')
    try {
      for (const size of [1 << 20, 1 << 12, 1]) writeUntilFull(handle, size)
    } finally {
      closeSync(handle)
    }
  }

  free(): void {
    rmSync(this.#filler, { force: true })
  }

  /** Moves the content back; nobody may use it meanwhile. */
  unmount(): void {
    rmSync(this.#aside, { recursive: true, force: true })
    cpSync(this.#folder, this.#aside, { recursive: true })
    this.drop()
    rmSync(this.#folder, { recursive: true, force: true })
    renameSync(this.#aside, this.#folder)
  }

  /** Gives the content up. */
  drop(): void {
    run('umount', '-l', this.#folder)
  }

  get #filler(): string {
    return path.join(this.#folder, 'filler')
  }
}

const writeUntilFull = (handle: number, size: number): void => {
  try {
    for (;;) writeSync(handle, new Uint8Array(size))
  } catch (error) {
    if (errorCode(error) !== 'ENOSPC') throw error
  }
}

const run = (command: string, ...args: readonly string[]): void => {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr}`)
}
