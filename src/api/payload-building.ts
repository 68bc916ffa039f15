/** From what an operator wants run to a payload in this command's own store, and what its format is told. */
import { basename } from 'node:path'
import { encodeCbor } from '../base/codec.ts'
import { WritError } from '../base/errors.ts'
import { logBundleName } from '../record/format-options.ts'
import { readRelease } from './file-release.ts'
import { packFiles, packTree } from './file-tree.ts'
import { readScript } from './file-script.ts'
import type { Content } from '../content/content.ts'
import type { DraftPayload } from './types.ts'
import type { PayloadRef } from '../record/indication.ts'

const defaultTrialSeconds = 120

export interface BuiltPayload {
  readonly ref: PayloadRef
  readonly format: string
  readonly name: string
  readonly options: Readonly<Record<string, string>>
  /** What the format leaves to be captured. */
  readonly captures: readonly string[]
  /** The bytes, when they are small enough to travel beside the indication. */
  readonly inline: Uint8Array | null
}

interface Material {
  readonly format: string
  readonly name: string
  readonly options?: Readonly<Record<string, string>>
  readonly captures?: readonly string[]
  readonly bytes: AsyncIterable<Uint8Array> | Uint8Array
  readonly cuts?: readonly number[]
}

/** Stores the payload where endpoints can fetch it. Errors: `payload-too-large`, `script-unreadable`, `files-unreadable`, `files-changed`, `bad-tree`, `release-unreadable`, `bad-order`. */
export const buildPayload = async (payload: DraftPayload, content: Content): Promise<BuiltPayload> => {
  const { format, name, options = {}, captures = [], bytes, cuts } = await gather(payload)
  const ref = await content.add(bytes, cuts)
  return { ref, format, name, options, captures, inline: await content.readInline(ref) }
}

const gather = async (payload: DraftPayload): Promise<Material> => {
  switch (payload.kind) {
    case 'command': {
      const { argv } = payload
      if (argv[0] === undefined || argv[0] === '') throw new WritError('bad-order', 'there is no command to run')
      return { format: 'command', name: argv.join(' '), bytes: encodeCbor({ argv }) }
    }
    case 'script': {
      const { file, interpreter } = payload
      return { format: 'script', name: basename(file), bytes: readScript(file), ...(interpreter === undefined ? {} : { options: { interpreter } }) }
    }
    case 'files': {
      const { directory, to, owner, group, postCheck } = payload
      const packed = await packTree(directory, { owner: owner ?? null, group: group ?? null })
      return { format: 'files', name: `files to ${to}`, options: { to, ...(postCheck === undefined ? {} : { postCheck }) }, ...packed }
    }
    case 'release': {
      const { directory, trialSeconds, allowDowngrade } = payload
      const { version, platform, minimumPrevious, launcherProtocol, storeFormat } = readRelease(directory)
      const options = { version, platform, minimumPrevious, launcherProtocol: String(launcherProtocol), trialSeconds: String(trialSeconds ?? defaultTrialSeconds), ...(storeFormat === 1 ? {} : { storeFormat: String(storeFormat) }) }
      return { format: 'release', name: `release ${version}`, options: { ...options, ...(allowDowngrade === true ? { downgrade: 'yes' } : {}) }, ...(await packTree(directory, { owner: null, group: null })) }
    }
    case 'packages': {
      const { names, files } = payload
      const packed = await packFiles(files)
      return { format: 'package', name: ['install', ...names, ...files.map((file) => basename(file))].join(' '), ...(names.length === 0 ? {} : { options: { packages: names.join(' ') } }), ...packed }
    }
    case 'logs': return { format: 'collect-logs', name: `logs of ${payload.paths.join(' ')}`, captures: [logBundleName], bytes: encodeCbor({ paths: payload.paths }) }
    case 'facts':
    case 'leave': return { format: payload.kind, name: payload.kind, bytes: new Uint8Array() }
    case 'other': return { format: payload.format, name: basename(payload.file), bytes: readScript(payload.file) }
  }
}
