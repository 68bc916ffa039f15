/** The bounds of what orders carry and what jobs do: a part of `limits.ts`, where all others are. */
import { KiB, MiB, minute, second } from './units.ts'

export const jobLimits = {
  job: {
    /** No runtime starts with less. */
    memoryBytesMin: 16 * MiB,
    /** What Linux has of process ids. */
    processesMax: 4_194_304,
    /** 1024 processors. */
    cpuPercentMax: 102_400,
    /** Of a job that takes more processor time than it may: to end by itself, once it was told. */
    cpuGraceSeconds: 2,
    /** For what is asked about the machine before a job. */
    probeTimeoutMs: 10 * second,
    /** For a captured file of another user: 16 MiB from any disk. */
    readTimeoutMs: 1 * minute,
    /** Looks for what a job has left: one that forks all the while is met again. */
    sweepsMax: 16,
    /** After a run as short as this, only processes are looked at that were made since: their numbers cannot have come round. */
    youngMs: 10_000,
    youngPidsMax: 512
  },
  tree: {
    /** Of a tree of files: a release has some dozens, a web site some thousands. */
    entriesMax: 16_384,
    /** Entries at 256 bytes each: 0.2 s to read and check. */
    manifestBytesMax: 4 * MiB,
    pathBytesMax: 1 * KiB,
    /** What file systems of Linux take. */
    nameBytesMax: 255,
    /** useradd(8) allows 32. */
    ownerLengthMax: 64
  },
  logs: {
    pathsMax: 64,
    /** Of one bundle: a row for each takes 1.5 MiB of output. */
    filesMax: 10_000,
    /** Of a bundle, for headers, padding and the end that are still to come. */
    restBytes: 64 * KiB,
    /** A shorter rest of a longer file says too little. */
    leastBytes: 16 * KiB,
    /** What bytes that cannot be compressed may grow by: deflate adds 5 for each 16 KiB. */
    expansion: 1.01
  }
} as const
