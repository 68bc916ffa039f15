/** Second verification: what is in the cache, what the scanner says of it, what the order asks for, and what its format makes of it. */
import { dirname } from 'node:path'
import { assert } from '../base/errors.ts'
import { searchPathOf, type BaseEnvironment } from './environment.ts'
import { checkPrerequisites, type Machine } from './prerequisites.ts'
import type { Result } from '../base/result.ts'
import type { Scan } from './child-scanner.ts'
import type { InstructionCache } from './file-cache.ts'
import type { Executables, Format, Launch } from './format.ts'
import type { Order } from './job-events.ts'

export interface PreparationDeps {
  readonly cache: InstructionCache
  readonly executables: Executables
  readonly machine: Machine
  readonly scan: Scan
  readonly baseEnvironment: BaseEnvironment
  readonly formats: ReadonlyMap<string, Format>
}

/** Errors: those of `FileCache.finish`, of the scan and of the format, `prerequisite-missing`. */
export const prepareLaunch = async (deps: PreparationDeps, { id, body }: Order): Promise<Result<Launch>> => {
  const { cache, executables, machine, scan, baseEnvironment, formats } = deps
  const payload = await cache.finish(id)
  if (!payload.ok) return payload
  const scanned = await scan(payload.value, dirname(payload.value.path))
  if (!scanned.ok) return scanned
  const searchPath = searchPathOf(baseEnvironment, body)
  const met = await checkPrerequisites(machine, executables, body.prerequisites, searchPath)
  if (!met.ok) return met
  const format = formats.get(body.format)
  assert(format, 'an order of an unknown format was judged to be in order')
  return format.prepare(payload.value, { id, searchPath, options: body.options ?? {} })
}
