/**
 * What a backup is: blocks of an archive, in the order in which a home is built up again. Pure.
 *
 *   head   which home it was, and when
 *   file   a piece of a file; `more` says that another follows
 *   rows   of a store: key and value
 */
import * as v from 'valibot'
import { keyIdSchema, meshIdSchema, millisSchema, nodeNameSchema, textSchema } from '../base/schema.ts'

/** Within the home: no way leads out of it. */
const pathSchema = v.pipe(textSchema(1024), v.regex(/^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[^/\0]+(?:\/[^/\0]+)*$/, 'expected a path within the home'))

export const backupHeadSchema = v.strictObject({
  archive: v.literal('writ-backup'),
  version: v.literal(1),
  kind: v.picklist(['admin', 'node']),
  name: nodeNameSchema,
  mesh: meshIdSchema,
  meshName: nodeNameSchema,
  key: keyIdSchema,
  at: millisSchema,
  release: textSchema(64)
})

export const backupBlockSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('file'), path: pathSchema, mode: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0o777)), bytes: v.instance(Uint8Array), more: v.boolean() }),
  v.strictObject({ kind: v.literal('rows'), store: pathSchema, rows: v.array(v.strictTuple([v.string(), v.instance(Uint8Array)])) })
])

export type BackupHead = v.InferOutput<typeof backupHeadSchema>
export type BackupBlock = v.InferOutput<typeof backupBlockSchema>

/** Stores by the kind of their home: the first is the one that says whether the home is in use. */
export const storesOf = (kind: 'admin' | 'node'): readonly string[] => (kind === 'admin' ? ['admin/log'] : ['executor/journal', 'agent/state'])

/** What a home has again by itself: blocks are fetched, jobs belong to one life of the executor, the rest is of a running node. */
const passedOver = ['run', 'program', 'admin/audit', 'admin/blocks', 'agent/blocks', 'executor/audit', 'executor/cache/jobs'] as const

export const isBackedUp = (path: string, kind: 'admin' | 'node'): boolean => {
  const within = (parent: string): boolean => path === parent || path.startsWith(`${parent}/`)
  return !passedOver.some(within) && !storesOf(kind).some((store) => within(store) || path.startsWith(`${store}.`)) && !/\.[0-9]+\.tmp$/.test(path)
}
