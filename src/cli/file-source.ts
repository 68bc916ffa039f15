/** Looks at what is to be sent before anybody is contacted. */
import { accessSync, constants, statSync } from 'node:fs'
import { describeError, WritError } from '../base/errors.ts'

/** Errors: `script-unreadable`. */
export const checkScript = (file: string): void => check(file, 'script-unreadable', 'the script', () => judgeFile(file))

/** Errors: `files-unreadable`. */
export const checkFile = (file: string): void => check(file, 'files-unreadable', 'the file', () => judgeFile(file))

/** Errors: `files-unreadable`. */
export const checkDirectory = (directory: string): void => check(directory, 'files-unreadable', 'the directory', () => (statSync(directory).isDirectory() ? null : 'it is no directory'))

const judgeFile = (file: string): string | null => (statSync(file).isFile() ? null : 'it is not a plain file')

/** `judge` says what is wrong with what is there. */
const check = (path: string, code: string, what: string, judge: () => string | null): void => {
  let wrong: string | null
  try {
    accessSync(path, constants.R_OK)
    wrong = judge()
  } catch (error) {
    throw new WritError(code, `cannot read ${what} ${path}: ${describeError(error)}`, { details: { file: path }, cause: error })
  }
  if (wrong !== null) throw new WritError(code, `cannot read ${what} ${path}: ${wrong}`, { details: { file: path } })
}
