/**
 * What travels on the topics. Indications: an admin's entry, and a small payload beside it. Receipts: an agent's entry.
 */
import * as v from 'valibot'
import { bytesSchema } from '../../base/schema.ts'
import { encodeCbor } from '../../base/codec.ts'
import { limits } from '../../base/limits.ts'
import { inlinePayloadSchema } from '../../record/indication.ts'
import type { MeshId } from '../../base/brand.ts'

export const indicationsTopic = (mesh: MeshId): string => `/writ/${mesh}/indications`
export const receiptsTopic = (mesh: MeshId): string => `/writ/${mesh}/receipts`

export const announcementSchema = v.strictObject({ entry: bytesSchema(limits.record.entryBytesMax), payload: inlinePayloadSchema })
export type Announcement = v.InferOutput<typeof announcementSchema>

export const encodeAnnouncement = (announcement: Announcement): Uint8Array => encodeCbor(announcement)
