/** Second verification: what is in the cache, the programs that the order asks for, and what its format makes of it. */
import { assert } from '../base/errors.ts'
import { reject, type Result } from '../base/result.ts'
import { searchPathOf, type BaseEnvironment } from './environment.ts'
import type { InstructionCache } from './file-cache.ts'
import type { Executables, Format, Launch } from './format.ts'
import type { Order } from './job-events.ts'

export interface PreparationDeps {
  readonly cache: InstructionCache
  readonly executables: Executables
  readonly baseEnvironment: BaseEnvironment
  readonly formats: ReadonlyMap<string, Format>
}

/** Errors: those of `FileCache.finish` and of the format, `prerequisite-missing`. */
export const prepareLaunch = async ({ cache, executables, baseEnvironment, formats }: PreparationDeps, { id, body }: Order): Promise<Result<Launch>> => {
  const payload = await cache.finish(id)
  if (!payload.ok) return payload
  const searchPath = searchPathOf(baseEnvironment, body)
  for (const name of body.prerequisites.executables) {
    if ((await executables.find(name, searchPath)) === undefined) return reject('prerequisite-missing', name.includes('/') ? `no executable ${name}` : `no executable ${name} in the PATH of this node`)
  }
  const format = formats.get(body.format)
  assert(format, 'an order of an unknown format was judged to be in order')
  return format.prepare(payload.value, { searchPath, options: body.options ?? {} })
}
