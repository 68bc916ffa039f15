/**
 * The mark that `writ restore` leaves in a home: what was done there after the backup was made is not known in it.
 * It stays, and reading it twice does no harm.
 */
import * as v from 'valibot'
import { checkShape, millisSchema } from '../base/schema.ts'
import { isWritError, WritError } from '../base/errors.ts'
import { readFileGuarded, writeFileDurable } from '../base/file-durable.ts'
import { toText } from '../base/bytes.ts'
import type { HomePaths } from './file-home.ts'
import type { Millis } from '../base/brand.ts'

const schema = v.strictObject({ at: millisSchema, backupAt: millisSchema })

export interface Restored {
  /** When it was restored. */
  readonly at: Millis
  /** When the backup was made. */
  readonly backupAt: Millis
}

export const saveRestored = (paths: HomePaths, restored: Restored): void => writeFileDurable(paths.restored, `${JSON.stringify(restored)}\n`, 0o600)

/** Null for a home that never was restored. Errors: `bad-config`, and those of `readFileGuarded`. */
export const loadRestored = (paths: HomePaths): Restored | null => {
  try {
    const restored = checkShape(schema, JSON.parse(toText(readFileGuarded(paths.restored, { secret: false }))))
    if (restored.ok) return restored.value
    throw new WritError('bad-config', `${paths.restored} is not valid: ${restored.detail}`, { details: { path: paths.restored } })
  } catch (error) {
    if (isWritError(error, 'file-missing')) return null
    if (error instanceof SyntaxError) throw new WritError('bad-config', `${paths.restored} is not JSON`, { details: { path: paths.restored }, cause: error })
    throw error
  }
}
