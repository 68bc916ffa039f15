/** The mark of a home whose node has left its mesh: it does not start again. */
import { existsSync } from 'node:fs'
import { WritError } from '../base/errors.ts'
import type { HomePaths } from './file-home.ts'

export const hasLeft = ({ left }: HomePaths): boolean => existsSync(left)

/** Errors: `left`. */
export const refuseLeft = (paths: HomePaths): void => {
  const { home } = paths
  if (hasLeft(paths)) throw new WritError('left', `the node of ${home} was told to leave its mesh; to join anew, move this directory away and run: writ join`, { details: { home } })
}
