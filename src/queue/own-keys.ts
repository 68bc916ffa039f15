/**
 * Where a node's or an admin's own log lies in a store. All keys start with `own/`, so that the queues of an endpoint may
 * share the store.
 *
 *   own/lives                                  Lives
 *   own/entry/<incarnation>/<sequence>         the entry's bytes
 *   own/branch/<incarnation>/<sequence>/<id>   an entry of a fork that was written elsewhere; empty once it was retold
 *   own/acknowledged/<endpoint>/<incarnation>  a sequence number
 *   own/start/<indication>                     a statement `running` that was dropped from the log before its outcome
 *   own/elsewhere/<incarnation>                how far an admin's endpoints know a life, more than is here
 */
import type { Incarnation, IndicationId, KeyId, RecordId } from '../base/brand.ts'

const pad = (sequence: number): string => sequence.toString().padStart(16, '0')

export const livesKey = 'own/lives'
export const entriesPrefix = 'own/entry/'
export const entryKey = (incarnation: Incarnation, sequence: number): string => `${entriesPrefix}${incarnation}/${pad(sequence)}`
export const branchesPrefix = 'own/branch/'
export const branchPrefix = (incarnation: Incarnation): string => `${branchesPrefix}${incarnation}/`
export const branchKey = (incarnation: Incarnation, sequence: number, id: RecordId): string => `${branchPrefix(incarnation)}${pad(sequence)}/${id}`
export const acknowledgedPrefix = 'own/acknowledged/'
export const acknowledgedKey = (endpoint: KeyId, incarnation: Incarnation): string => `${acknowledgedPrefix}${endpoint}/${incarnation}`
export const startsPrefix = 'own/start/'
export const startKey = (indication: IndicationId): string => `${startsPrefix}${indication}`
export const elsewhereKey = (incarnation: Incarnation): string => `own/elsewhere/${incarnation}`
