/** How a node is, read from its home alone: works whether or not it runs. */
import * as v from 'valibot'
import { checkShape } from '../base/schema.ts'
import { isWritError } from '../base/errors.ts'
import { readFileGuarded } from '../base/file-durable.ts'
import { release } from '../base/release.ts'
import { toText } from '../base/bytes.ts'
import { listSetAside, loadCharters, loadCredential, openNodeHome } from '../trust/file-home.ts'
import { hasLeft } from '../trust/file-left.ts'
import { loadRestored } from '../trust/file-restored.ts'
import { isRunning } from './system-process.ts'
import type { LiveStatus } from '../node/file-status.ts'
import type { NodeStatus } from './types.ts'

const liveSchema = v.looseObject({
  at: v.number(),
  pid: v.number(),
  release: v.string(),
  addresses: v.array(v.string()),
  peers: v.array(v.strictObject({ name: v.string(), kind: v.picklist(['agent', 'endpoint', 'admin', 'guest']), address: v.string() })),
  queueLength: v.number(),
  unacknowledged: v.number(),
  lastContactAt: v.nullable(v.number())
})

/** Errors: those of `openNodeHome` and of its files. */
export const readStatus = async (options: { readonly home: string }): Promise<NodeStatus> => {
  const home = openNodeHome(options.home)
  const { credential } = loadCredential(home, 'agent', loadCharters(home, 'agent'))
  const live = readLive(home.paths.status, home.agentOwner)
  return {
    name: credential.body.name,
    key: credential.body.peer,
    role: credential.body.role,
    labels: credential.body.labels,
    mesh: { id: credential.body.mesh, name: home.config.meshName },
    release: live?.release ?? release,
    setAside: listSetAside(home.paths),
    left: hasLeft(home.paths),
    restored: loadRestored(home.paths),
    running: live !== null && isRunning(live.pid, home.paths.journal),
    live
  }
}

const readLive = (path: string, owner: number | null): LiveStatus | null => {
  try {
    const live = checkShape(liveSchema, JSON.parse(toText(readFileGuarded(path, { secret: false, owner }))))
    return live.ok ? live.value : null
  } catch (error) {
    if (error instanceof SyntaxError || isWritError(error, 'file-missing')) return null // it never ran
    throw error
  }
}
