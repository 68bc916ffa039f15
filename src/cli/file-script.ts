/** Looks at a script's file before anybody is contacted. */
import { accessSync, constants, statSync } from 'node:fs'
import { describeError, WritError } from '../base/errors.ts'

/** Errors: `script-unreadable`. */
export const checkScript = (file: string): void => {
  try {
    accessSync(file, constants.R_OK)
    if (statSync(file).isFile()) return
  } catch (error) {
    throw new WritError('script-unreadable', `cannot read the script ${file}: ${describeError(error)}`, { details: { file }, cause: error })
  }
  throw new WritError('script-unreadable', `cannot read the script ${file}: it is not a plain file`, { details: { file } })
}
