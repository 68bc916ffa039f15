/**
 * Opens the stores of a home: what is damaged is found before it is used, set aside under another name, and begun anew.
 * Nothing is ever deleted. A new store takes the damaged one's place only once `begin` has written into it what must
 * not be forgotten; a start that is cut short before finds the damage again.
 */
import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs'
import { describeError, errorCode, isWritError, WritError } from './errors.ts'
import { readMark, StoreMark, type MarkState } from './file-store-mark.ts'
import { damaged, LevelStore, type StoreOptions } from './level-store.ts'
import { copyFiles, findDamage, fingerprint, isLocked, tableBytes } from './level-files.ts'
import { limits } from './limits.ts'
import { markPath, setAsidePath } from './set-aside.ts'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import type { Millis } from './brand.ts'

/** Opens a store after a look at its files. Errors: those of `LevelStore.open`. */
export const openGuarded = async (directory: string, options?: StoreOptions): Promise<LevelStore> => {
  if (LevelStore.isHeld(directory)) throw locked(directory)
  const mark = readMark(markPath(directory))
  const damage = inspect(directory, mark?.isClosed !== true || tableBytes(directory) <= limits.store.alwaysCheckedBytes)
  if (damage !== null) throw damaged(directory, damage)
  if ((mark?.count ?? 0) > 0 && !existsSync(directory)) throw damaged(directory, 'it is missing')
  return watch(await LevelStore.open(directory, options), directory, mark)
}

/** Files that somebody else changed while they were looked at say nothing. Errors: `store-locked`, `store-unusable`. */
const inspect = (directory: string, whole: boolean): string | null => {
  const before = fingerprint(directory)
  if (isLocked(directory)) throw locked(directory)
  let damage: string | null
  let failure: unknown
  try {
    damage = findDamage(directory, { whole })
  } catch (error) {
    damage = describeError(error)
    failure = error
  }
  if (damage === null) return null
  if (isLocked(directory) || fingerprint(directory) !== before) throw locked(directory)
  // What the disk cannot read is damage; what this user may not read is not.
  if (failure !== undefined && errorCode(failure) !== 'EIO') throw new WritError('store-unusable', `cannot read the store at ${directory}: ${damage}`, { details: { directory }, cause: failure })
  return damage
}

const watch = async (store: LevelStore, directory: string, mark: MarkState | null): Promise<LevelStore> => {
  const lost = (mark?.count ?? 0) - store.count
  if (lost > 0) {
    await store.close()
    throw damaged(directory, `${lost} of its writes are missing`)
  }
  store.keepMark(new StoreMark(markPath(directory), store.count))
  return store
}

const locked = (directory: string): WritError => new WritError('store-locked', `${directory} is in use by another process`, { details: { directory } })

export interface Snapshot {
  readonly store: LevelStore
  /** What is wrong with the files, or null; what can be read of them is read all the same. */
  readonly damage: string | null
}

/**
 * A copy of a store at `target`, open, for reading what a running node holds; the store itself is not touched. Null where
 * there is none. Errors: `store-unusable` where it cannot be copied or opened.
 */
export const openSnapshot = async (directory: string, target: string): Promise<Snapshot | null> => {
  if (!existsSync(directory)) return null
  let damage: string | null = 'it changed too fast to be copied'
  for (let attempt = 0; attempt < copyAttempts && damage !== null; attempt += 1) {
    rmSync(target, { recursive: true, force: true })
    if (copyFiles(directory, target)) damage = findDamage(target, { whole: true })
    else damage = findDamage(directory, { whole: false }) ?? 'it changed too fast to be copied'
  }
  try {
    return { store: await LevelStore.open(target), damage }
  } catch (error) {
    throw new WritError('store-unusable', `the store at ${directory} cannot be read: ${damage ?? describeError(error)}`, { details: { directory }, cause: error })
  }
}

const copyAttempts = 10

export interface Opened {
  readonly store: LevelStore
  /** Where what was damaged lies now; null when nothing was. */
  readonly setAside: string | null
}

export interface GuardDeps {
  readonly clock: Clock
  readonly log: Log
  /** Written durably into a store that takes the place of a damaged one, before anything else. */
  readonly begin: (store: LevelStore, at: Millis) => Promise<void>
}

/** Opens a store, or a new one where it is damaged. Errors: `store-locked`, `store-unusable`, and those of `begin`. */
export const openOrReplace = async (directory: string, { clock, log, begin }: GuardDeps, options?: StoreOptions): Promise<Opened> => {
  try {
    return { store: await openGuarded(directory, options), setAside: null }
  } catch (error) {
    if (!isWritError(error, 'store-damaged')) throw error
    const at = clock.now()
    const setAside = moveAway(directory, at)
    log.error('a store is damaged: it was set aside, and a new one begins', { directory, setAside, reason: error.message })
    const store = await LevelStore.open(directory, options)
    try {
      await begin(store, at)
    } catch (failure) {
      await store.close()
      throw failure
    }
    store.keepMark(new StoreMark(markPath(directory), 0))
    return { store, setAside }
  }
}

/** To a name that says when. Of a store that is gone the mark is copied; the mark itself stays until the new store is begun. */
const moveAway = (directory: string, at: Millis): string => {
  const isThere = existsSync(directory)
  const name = setAsidePath(directory, isThere ? 'damaged' : 'missing', at)
  const free = [name, ...Array.from({ length: 100 }, (_, index) => `${name}-${index + 2}`)].find((candidate) => !existsSync(candidate)) ?? name
  if (isThere) renameSync(directory, free)
  else copyFileSync(markPath(directory), free)
  return free
}
