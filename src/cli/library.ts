/**
 * The public library, loaded when a command first needs it: help and wrong usage are answered without it.
 */
import type { Library } from './verb.ts'

const load = () => import('../api/index.ts')

export const library: Library = {
  createMesh: async (options) => (await load()).createMesh(options),
  createInvite: async (options) => (await load()).createInvite(options),
  joinMesh: async (options) => (await load()).joinMesh(options),
  bootstrapEndpoint: async (options) => (await load()).bootstrapEndpoint(options),
  createAdmin: async (options) => (await load()).createAdmin(options),
  async *audit(options) {
    yield* (await load()).audit(options)
  },
  backUp: async (options) => (await load()).backUp(options),
  restore: async (options) => (await load()).restore(options),
  readStatus: async (options) => (await load()).readStatus(options)
}
