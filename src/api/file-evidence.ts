/**
 * Where evidence is read from: a copy of a home's store, which a running node may go on writing, and archives. An archive
 * of evidence has charters and entries, as records that anybody can verify, in the order of their places.
 */
import * as v from 'valibot'
import { existsSync } from 'node:fs'
import { CarWriter, readCar } from '../base/file-car.ts'
import { checkShape, meshIdSchema, millisSchema, nodeNameSchema } from '../base/schema.ts'
import { decodeOwn, encodeCbor } from '../base/codec.ts'
import { WritError } from '../base/errors.ts'
import { withPrefix, type KeyValueStore } from '../base/key-value-store.ts'
import { decodeEntry } from '../queue/intake.ts'
import { comparePlaces, type Claim, type Held, type Place } from './evidence.ts'
import { logIdOf } from '../queue/log.ts'
import { branchesPrefix, entriesPrefix, livesKey } from '../queue/own-keys.ts'
import { logNameOf, ranges, readRow, type LogRow } from '../queue/queue-store.ts'
import { extendCharterChain, type CharterChain } from '../trust/charter-chain.ts'
import type { Lives } from '../queue/own-lives.ts'
import type { Incarnation, KeyId, MeshId, Millis } from '../base/brand.ts'

export interface EvidenceSource {
  entries(): AsyncIterable<Held>
  /** What of each log is held, by its own account. */
  readonly claims: ReadonlyMap<string, Claim>
  /** Controls that it keeps apart from logs. */
  readonly thaws: readonly Uint8Array[]
}

const readHeld = (mesh: MeshId, place: Place, bytes: Uint8Array): Held => {
  const decoded = decodeEntry(mesh, bytes)
  if (!decoded.ok) return { ...place, bytes, entry: null, problem: `it cannot be read: ${decoded.detail}` }
  if (comparePlaces(decoded.value.body, place) !== 0) return { ...place, bytes, entry: null, problem: 'it is an entry of another place' }
  return { ...place, bytes, entry: decoded.value, problem: null }
}

/** The logs that an endpoint keeps. */
export const openQueueEvidence = async (store: KeyValueStore, mesh: MeshId): Promise<EvidenceSource> => {
  const claims = new Map<string, Claim>()
  for await (const [key, row] of store.entries(ranges.logs)) {
    const { base, head } = readRow<LogRow>(row)
    claims.set(logIdOf(logNameOf(key)), { first: base, last: head.sequence })
  }
  const thaws: Uint8Array[] = []
  for await (const [, control] of store.entries(ranges.thaws)) thaws.push(control)
  return {
    claims,
    thaws,
    async *entries() {
      for await (const [key, bytes] of store.entries(withPrefix('q/entry/'))) {
        const [author = '', incarnation = '', sequence = ''] = key.split('/').slice(2)
        yield readHeld(mesh, { author: author as KeyId, incarnation: incarnation as Incarnation, sequence: Number(sequence) }, bytes)
      }
    }
  }
}

/** The own log of a node or an admin, and what its own key wrote elsewhere, as endpoints told it. */
export const openOwnEvidence = async (store: KeyValueStore, mesh: MeshId, author: KeyId): Promise<EvidenceSource[]> => {
  const claims = new Map<string, Claim>()
  const lives = await store.get(livesKey)
  for (const { incarnation, head, first } of lives === undefined ? [] : (decodeOwn(lives) as Lives)) claims.set(logIdOf({ author, incarnation }), { first, last: head.sequence })
  const read = async function* (prefix: string): AsyncGenerator<Held> {
    for await (const [key, bytes] of store.entries(withPrefix(prefix))) {
      const [incarnation = '', sequence = ''] = key.split('/').slice(2)
      // A branch that was told again is a key alone.
      if (bytes.length > 0) yield readHeld(mesh, { author, incarnation: incarnation as Incarnation, sequence: Number(sequence) }, bytes)
    }
  }
  return [
    { claims, thaws: [], entries: () => read(entriesPrefix) },
    { claims: new Map(), thaws: [], entries: () => read(branchesPrefix) }
  ]
}

const headSchema = v.strictObject({ archive: v.literal('writ-evidence'), version: v.literal(1), mesh: meshIdSchema, meshName: nodeNameSchema, at: millisSchema })

export interface ArchiveHead {
  readonly mesh: MeshId
  readonly meshName: string
  readonly at: Millis
}

const isCharter = (block: Uint8Array): boolean => {
  const value = decodeOwn(block)
  return Array.isArray(value) && value[0] === 'charter'
}

/** The chain with what an archive knows of it. Errors: `archive-foreign`, `archive-damaged`, `archive-unreadable`. */
export const extendByArchive = (chain: CharterChain, file: string): CharterChain => {
  const charters: Uint8Array[] = []
  let isFirst = true
  for (const block of readCar(file)) {
    if (isFirst) refuseForeign(file, block, chain.mesh)
    else if (isCharter(block)) charters.push(block)
    else break
    isFirst = false
  }
  const extended = extendCharterChain(chain, charters)
  if (!extended.ok) throw new WritError('archive-foreign', `${file} holds charters that do not belong to this mesh: ${extended.detail}`, { details: { file } })
  return extended.value
}

const refuseForeign = (file: string, block: Uint8Array, mesh: MeshId): void => {
  const head = checkShape(headSchema, decodeOwn(block))
  if (!head.ok) throw new WritError('archive-foreign', `${file} is no archive of evidence: ${head.detail}`, { details: { file } })
  if (head.value.mesh !== mesh) throw new WritError('archive-foreign', `${file} is of another mesh: ${head.value.meshName}`, { details: { file } })
}

/** Errors: as `extendByArchive`, and for entries that cannot be read or are out of order. */
export const openArchive = (file: string, mesh: MeshId): EvidenceSource => ({
  claims: new Map(),
  thaws: [],
  async *entries() {
    let last: Place | undefined
    let isFirst = true
    for (const block of readCar(file)) {
      if (!isFirst && !isCharter(block)) {
        const entry = decodeEntry(mesh, block)
        if (!entry.ok) throw new WritError('archive-foreign', `${file} holds an entry that cannot be read: ${entry.detail}`, { details: { file } })
        const { author, incarnation, sequence } = entry.value.body
        const place = { author, incarnation, sequence }
        if (last !== undefined && comparePlaces(last, place) > 0) throw new WritError('archive-foreign', `${file} holds entries out of order`, { details: { file } })
        last = place
        yield { ...place, bytes: block, entry: entry.value, problem: null }
      }
      isFirst = false
    }
  }
})

/** Begins an archive; entries follow in the order of their places. Errors: those of `CarWriter`. */
export const createArchive = (file: string, head: ArchiveHead, chain: CharterChain): CarWriter => {
  const writer = new CarWriter(file, encodeCbor({ archive: 'writ-evidence', version: 1, ...head }))
  for (const { bytes } of chain.versions) writer.add(bytes)
  return writer
}

/** Errors: `file-exists`. */
export const refuseExisting = (file: string): void => {
  if (existsSync(file)) throw new WritError('file-exists', `${file} exists already; choose another name`, { details: { file } })
}
