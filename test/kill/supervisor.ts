/**
 * What systemd does on a server: starts a node again when it has ended. It knows which of them were killed on purpose;
 * the others ended by themselves, and are noted.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { MeshProcesses } from '../processes/mesh-processes.ts'
import type { Running, Victim } from '../processes/node-processes.ts'

const restartMs = 500

export interface OwnEnd {
  readonly node: string
  readonly code: number | null
  readonly lastWords: string
}

export class Supervisor {
  readonly #mesh: MeshProcesses
  readonly #kept = new Set<string>()
  readonly #killed = new Map<Running, number>()
  readonly #ends: OwnEnd[] = []

  constructor(mesh: MeshProcesses) {
    this.#mesh = mesh
  }

  /** Nodes that ended though nobody killed them. */
  get ends(): readonly OwnEnd[] {
    return this.#ends
  }

  /** Keeps a node running, which may run already. */
  keep(name: string): void {
    this.#kept.add(name)
    this.#watch(name, this.#mesh.isUp(name) ? this.#mesh.running(name) : this.#mesh.launch(name))
  }

  /** SIGTERM, and it stays down. */
  async release(name: string): Promise<void> {
    this.#kept.delete(name)
    await this.#mesh.stop(name)
  }

  /** SIGKILL to both processes, and it stays down. */
  async crash(name: string): Promise<void> {
    this.#kept.delete(name)
    if (this.#mesh.isUp(name)) await this.#mesh.kill(name, 'both')
  }

  /** SIGKILL; one whose executor was killed comes back after `backAfterMs`. */
  async kill(name: string, victim: Victim, backAfterMs: number): Promise<void> {
    if (victim !== 'agent') this.#killed.set(this.#mesh.running(name), backAfterMs)
    await this.#mesh.kill(name, victim)
  }

  /** Nothing is started again any more. */
  stop(): void {
    this.#kept.clear()
  }

  #watch(name: string, running: Running): void {
    void running.ended.then(async (code) => {
      if (!this.#kept.has(name)) return
      const backAfterMs = this.#killed.get(running)
      if (backAfterMs === undefined) this.#ends.push({ node: name, code, lastWords: lastWordsOf(running.log.text) })
      await delay(backAfterMs ?? restartMs)
      if (this.#kept.has(name)) this.#watch(name, this.#mesh.launch(name))
    })
  }
}

/** What it said beside its structured log, or the end of that. */
const lastWordsOf = (text: string): string => {
  const lines = text.trim().split('\n')
  const plain = lines.filter((line) => line.trim() !== '' && !line.startsWith('{"level"'))
  return (plain.length > 0 ? plain.slice(0, 3) : lines.slice(-1)).join(' | ')
}
