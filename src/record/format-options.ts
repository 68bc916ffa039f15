/** What orders tell the built-in formats, each as one closed shape. Pure. */
import * as v from 'valibot'
import { limits } from '../base/limits.ts'
import { KiB } from '../base/units.ts'
import { reject, type Result } from '../base/result.ts'
import { checkShape, textSchema } from '../base/schema.ts'
import { absolutePathSchema, executableSchema, versionSchema } from './indication.ts'

/** The formats that every node of this release has. */
export const builtInFormats: readonly string[] = ['command', 'script', 'files', 'package', 'collect-logs', 'facts', 'leave', 'release']

const shellCommandSchema = v.pipe(textSchema(limits.indication.valueBytesMax), v.minLength(1), v.regex(/^[^\0]*$/, 'a command holds no zero byte'))

/** Absolute, in its shortest form, and not the root itself. */
const destinationSchema = v.pipe(
  absolutePathSchema,
  v.check((path) => path.slice(1).split('/').every((part) => part !== '' && part !== '.' && part !== '..'), 'a destination is an absolute path in its shortest form, and not /')
)

export const noOptionsSchema = v.strictObject({})

export const scriptOptionsSchema = v.strictObject({
  /** Instead of the one that the script's first line names. */
  interpreter: v.exactOptional(executableSchema)
})

export const filesOptionsSchema = v.strictObject({
  /** The directory that the tree becomes. */
  to: destinationSchema,
  /** For `/bin/sh -c`, once the tree is in its place: if it fails, the previous tree comes back. */
  postCheck: v.exactOptional(shellCommandSchema)
})

const countText = v.pipe(v.string(), v.regex(/^[1-9][0-9]{0,3}$/, 'no number from 1 to 9999'))

/** What a release says of itself, and how it is to be tried: a node judges by this whether it takes it. */
export const releaseOptionsSchema = v.strictObject({
  version: versionSchema,
  /** `process.platform`, `process.arch` and the C library, as `platformOf` says them. */
  platform: textSchema(64),
  /** The release that runs must be at least this one. */
  minimumPrevious: versionSchema,
  launcherProtocol: countText,
  /** The form in which it writes stores, where that is not the first. */
  storeFormat: v.exactOptional(countText),
  /** How long one attempt may take to prove itself. */
  trialSeconds: countText,
  /** An older release than the one that runs is wanted. */
  downgrade: v.exactOptional(v.literal('yes'))
})

/** A package's name, for an architecture or not, of a version or of the newest. No `-` at the end, which means removal to apt. */
const packageSchema = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9.+-]*[a-z0-9.+](?::[a-z0-9]+)?(?:=[A-Za-z0-9][A-Za-z0-9.+~:-]*)?$/, 'no package, such as nginx or nginx=1.22.1-9'))

export const packageOptionsSchema = v.strictObject({
  /** With single blanks between them; absent where the payload holds all. */
  packages: v.exactOptional(v.pipe(v.string(), v.check((text) => text.split(' ').every((name) => v.is(packageSchema, name)), 'not all are packages, such as nginx or nginx=1.22.1-9')))
})

/** What `collect-logs` leaves, and its orders capture. */
export const logBundleName = 'logs.tar.gz'
export const logsPayloadBytesMax = 64 * KiB

/** The payload of format `collect-logs`: files, and directories with all below them. */
export const logsPayloadSchema = v.strictObject({ paths: v.pipe(v.array(absolutePathSchema), v.minLength(1), v.maxLength(limits.logs.pathsMax)) })

/** Errors: `bad-options`. */
export const decodeOptions = <S extends v.GenericSchema>(schema: S, options: Readonly<Record<string, string>>): Result<v.InferOutput<S>> => {
  const checked = checkShape(schema, options)
  return checked.ok ? checked : reject('bad-options', `the options of the format: ${checked.detail}`)
}
