/** How an order wants its job held apart from the rest of the machine, and what became of that. Pure. */
import * as v from 'valibot'
import { limits } from '../base/limits.ts'
import { countSchema } from '../base/schema.ts'

const { job: bounds } = limits

const limitFields = {
  memoryBytes: v.exactOptional(v.pipe(countSchema, v.minValue(bounds.memoryBytesMin))),
  /** With their threads. */
  processes: v.exactOptional(v.pipe(countSchema, v.minValue(1), v.maxValue(bounds.processesMax))),
  /** Of one processor: 200 is two of them. */
  cpuPercent: v.exactOptional(v.pipe(countSchema, v.minValue(1), v.maxValue(bounds.cpuPercentMax)))
}

export const limitNames = ['memoryBytes', 'processes', 'cpuPercent'] as const

/** What a job may take. */
export const jobLimitsSchema = v.pipe(
  v.strictObject(limitFields),
  v.check(({ memoryBytes, processes, cpuPercent }) => memoryBytes !== undefined || processes !== undefined || cpuPercent !== undefined, 'no limit is named')
)

/**
 * What a job was held to, and by what: `systemd`, a scope of its own, which bounds all of its processes together; or
 * `rlimits`, which bound each process, and the processes of its user.
 */
export const heldLimitsSchema = v.strictObject({ by: v.picklist(['systemd', 'rlimits']), ...limitFields })

/** A user of the node's machine, as useradd(8) takes names. */
export const userNameSchema = v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/, 'no name of a user'))

/** `host`: that of the machine; `none`: not even its loopback. */
export const networks = ['host', 'none'] as const

export type JobLimits = v.InferOutput<typeof jobLimitsSchema>
export type HeldLimits = v.InferOutput<typeof heldLimitsSchema>
