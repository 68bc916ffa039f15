/**
 * How the engine of each process is set, for a server's memory: what nothing here needs is not loaded. Bench `footprint`
 * holds the measurement behind each.
 */
import type { Role } from '../record/invite.ts'

/**
 * Without the optimising compilers. The executor waits for processes and disks; a compiler that is used once takes 5 to
 * 8 MB of its code into memory for good.
 */
export const executorFlags: readonly string[] = ['--no-opt', '--no-maglev']

/**
 * A young generation of 1 MB, which saves 5 MB. An endpoint merges what thousands say: with 4 MB it does so as fast as with
 * the usual size, and takes 90 MB less while it catches up on a long history; with 2 MB it takes half as long again.
 */
export const agentFlagsOf = (role: Role): readonly string[] => [`--max-semi-space-size=${role === 'endpoint' ? 4 : 1}`]

/**
 * One heap for all threads of the C library, where that is glibc: with one for each, an endpoint that catches up on a long
 * history holds 45 MB more that nobody uses. Bench `sync` holds the measurement.
 */
export const agentEnvironment: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '1' }
