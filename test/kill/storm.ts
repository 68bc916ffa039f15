/** Kills of processes at moments and of victims that a seed draws. */
import { setTimeout as delay } from 'node:timers/promises'
import type { SeededRandom } from '../../simulations/seeded-random.ts'
import type { MeshProcesses } from '../processes/mesh-processes.ts'
import type { Victim } from '../processes/node-processes.ts'
import type { Supervisor } from './supervisor.ts'

/** A node that comes back takes about a second of one core: shorter, and nothing but starts would be killed. */
const intervalMsMax = 3000
const backAfterMsMax = 1500
/** Some are hit again while they start, when what the last kill left is still under way. */
const againShare = 0.3
const againMsMax = 1500
const victims: readonly Victim[] = ['agent', 'executor', 'both']

export interface StormDeps {
  readonly mesh: MeshProcesses
  readonly supervisor: Supervisor
  readonly random: SeededRandom
  /** How many are dead so far. */
  readonly onKill: (count: number) => void
}

/** How often each was killed, by `node process`. */
export type Killed = Readonly<Record<string, number>>

export const runStorm = async ({ mesh, supervisor, random, onKill }: StormDeps, kills: number): Promise<Killed> => {
  const killed: Record<string, number> = {}
  let last: string | undefined
  for (let count = 0; count < kills; ) {
    const isAgain = random.chance(againShare) && last !== undefined
    const [pauseMs, backAfterMs] = [random.between(0, isAgain ? againMsMax : intervalMsMax), random.between(0, backAfterMsMax)]
    const [[other = ''], [drawn = 'both']] = [random.sample(mesh.names, 1), random.sample(victims, 1)]
    const name = isAgain && last !== undefined ? last : other
    last = name
    await delay(pauseMs)
    if (!mesh.isUp(name)) continue
    // An agent that waits to be started again cannot be killed; its executor can.
    const victim = mesh.findAgent(name) === undefined ? 'executor' : drawn
    await supervisor.kill(name, victim, backAfterMs)
    const what = `${name} ${victim}`
    killed[what] = (killed[what] ?? 0) + 1
    count += 1
    onKill(count)
  }
  return killed
}
