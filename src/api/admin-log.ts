/**
 * The admin's own log on disk, opened for one append at a time: commands that run side by side take turns, and nothing
 * is locked while a command waits for the fleet.
 */
import pRetry from 'p-retry'
import { isWritError, WritError } from '../base/errors.ts'
import { openOrReplace } from '../base/level-guard.ts'
import { createSystemLog } from '../base/system-log.ts'
import { limits } from '../base/limits.ts'
import { systemClock } from '../base/system-clock.ts'
import { systemRandom } from '../base/system-random.ts'
import { OwnLog } from '../queue/own-log.ts'
import type { MeshId } from '../base/brand.ts'
import type { LevelStore } from '../base/level-store.ts'
import type { Signer } from '../record/keys.ts'

export interface AdminLogOptions {
  /** LevelDB directory. */
  readonly directory: string
  readonly mesh: MeshId
  readonly signer: Signer
}

/** Errors: `admin-log-busy`, `store-unusable`, and whatever `use` throws. */
export const withAdminLog = async <T>(options: AdminLogOptions, use: (log: OwnLog) => Promise<T>): Promise<T> => {
  const store = await openInTurn(options.directory)
  try {
    return await use(await OwnLog.open({ store, signer: options.signer, mesh: options.mesh, random: systemRandom, clock: systemClock }))
  } finally {
    await store.close()
  }
}

/** A damaged log is set aside; it goes on in a new life, and endpoints hold what it said before. */
const openInTurn = async (directory: string): Promise<LevelStore> => {
  const log = createSystemLog('admin', 'warn')
  try {
    const { store } = await pRetry(() => openOrReplace(directory, { clock: systemClock, log, begin: async () => undefined }), {
      retries: Number.POSITIVE_INFINITY,
      maxRetryTime: limits.submit.logTurnMs,
      minTimeout: 10,
      maxTimeout: 100,
      factor: 1.5,
      randomize: true,
      shouldRetry: ({ error }) => isWritError(error, 'store-locked')
    })
    return store
  } catch (error) {
    if (!isWritError(error, 'store-locked')) throw error
    throw new WritError('admin-log-busy', `other commands have held ${directory} for ${limits.submit.logTurnMs / 1000} s; try again, and look for a command that hangs`, { details: { directory }, cause: error })
  }
}
