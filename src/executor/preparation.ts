/**
 * Second verification: what is in the cache, what the scanner says of it, whether the job can be held apart as it must be, what
 * the order asks for, and what its format makes of it.
 */
import { dirname } from 'node:path'
import { assert } from '../base/errors.ts'
import { searchPathOf, type BaseEnvironment } from './environment.ts'
import { checkPrerequisites, type Machine } from './prerequisites.ts'
import { accept, type Result } from '../base/result.ts'
import type { Scan } from './child-scanner.ts'
import type { InstructionCache } from './file-cache.ts'
import type { Executables, Format, Launch } from './format.ts'
import type { Isolation } from './child-isolation.ts'
import type { Enclosure } from './isolation.ts'
import type { Order } from './job-events.ts'

export interface PreparationDeps {
  readonly cache: InstructionCache
  readonly executables: Executables
  readonly machine: Machine
  readonly scan: Scan
  readonly isolation: Isolation
  readonly baseEnvironment: BaseEnvironment
  readonly formats: ReadonlyMap<string, Format>
}

export interface Prepared {
  readonly launch: Launch
  readonly enclosure: Enclosure
}

/** Errors: those of `FileCache.finish`, of the scan, of `Isolation` and of the format, `prerequisite-missing`. */
export const prepareLaunch = async (deps: PreparationDeps, { id, body }: Order): Promise<Result<Prepared>> => {
  const { cache, executables, machine, scan, isolation, baseEnvironment, formats } = deps
  const finished = await cache.finish(id)
  if (!finished.ok) return finished
  const scanned = await scan(finished.value, dirname(finished.value.path))
  if (!scanned.ok) return scanned
  const enclosure = await isolation.plan(id, body)
  if (!enclosure.ok) return enclosure
  const { enter, account } = enclosure.value
  const payload = enter.length === 0 || account === null ? finished.value : await cache.share(id, finished.value, account)
  const held = await isolation.check(enclosure.value, payload.path)
  if (!held.ok) return held
  const searchPath = searchPathOf(baseEnvironment, body)
  const met = await checkPrerequisites(machine, executables, body.prerequisites, { searchPath, enter })
  if (!met.ok) return met
  const format = formats.get(body.format)
  assert(format, 'an order of an unknown format was judged to be in order')
  const launch = await format.prepare(payload, { id, searchPath, options: body.options ?? {} })
  return launch.ok ? accept({ launch: launch.value, enclosure: enclosure.value }) : launch
}
