/** A new version of the charter, signed by the root key of this home, and brought to the endpoints there are. */
import { isWritError, WritError } from '../base/errors.ts'
import { charterKind, type CharterBody } from '../record/charter.ts'
import { sealRecord } from '../record/record.ts'
import { loadSigner, type HomePaths } from '../trust/file-home.ts'
import { extendCharterChain, type CharterChain } from '../trust/charter-chain.ts'
import { systemClock } from '../base/system-clock.ts'
import type { Signer } from '../record/keys.ts'

/** Errors: `root-key-missing`, `bad-charter`, and those of reading a key file. */
export const extendCharter = (paths: HomePaths, chain: CharterChain, change: Partial<CharterBody>): CharterChain => {
  const root = loadRoot(paths)
  const previous = chain.versions.at(-1)
  if (previous === undefined) throw new Error('a charter chain without a charter')
  const body: CharterBody = { ...chain.current, ...change, version: chain.current.version + 1, previous: previous.id, issuedAt: systemClock.now() }
  const extended = extendCharterChain(chain, [sealRecord(charterKind, body, [root]).bytes])
  if (!extended.ok) throw new WritError(extended.code, `the new charter is not valid: ${extended.detail}; if it needs more root keys than this home has, sign it where they are`)
  return extended.value
}

const loadRoot = (paths: HomePaths): Signer => {
  try {
    return loadSigner(paths.rootKey)
  } catch (error) {
    if (!isWritError(error, 'file-missing')) throw error
    throw new WritError('root-key-missing', `this needs a change of the charter, and the root key is not at ${paths.rootKey}; bring it back for this command`, { details: { path: paths.rootKey }, cause: error })
  }
}
