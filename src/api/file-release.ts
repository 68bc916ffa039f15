/** What a release says of itself, in its `release.json`. */
import * as v from 'valibot'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeError, WritError } from '../base/errors.ts'
import { checkShape, countSchema, textSchema } from '../base/schema.ts'
import { releaseOptionsSchema } from '../record/format-options.ts'

const releaseFileSchema = v.strictObject({
  version: releaseOptionsSchema.entries.version,
  platform: textSchema(64),
  minimumPrevious: releaseOptionsSchema.entries.minimumPrevious,
  launcherProtocol: v.pipe(countSchema, v.minValue(1), v.maxValue(9999)),
  storeFormat: v.pipe(countSchema, v.minValue(1), v.maxValue(9999))
})

export type ReleaseFile = v.InferOutput<typeof releaseFileSchema>

/** Errors: `release-unreadable`. */
export const readRelease = (directory: string): ReleaseFile => {
  const path = join(directory, 'release.json')
  const refuse = (why: string, cause?: unknown): WritError => new WritError('release-unreadable', `${directory} is no release: ${path}: ${why}; make one with: npm run release`, { details: { directory }, cause })
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw refuse(describeError(error), error)
  }
  const checked = checkShape(releaseFileSchema, value)
  if (!checked.ok) throw refuse(checked.detail)
  return checked.value
}
