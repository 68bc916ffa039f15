/** Brings the troubles of a story about, and ends them all when the mesh is healed. */
import { calmWeather, type Fabric, type Weather } from './fabric.ts'
import type { DiskImage } from './disk.ts'
import type { KeyId, Millis } from '../src/base/brand.ts'
import type { Ledger } from './ledger.ts'
import type { Machine } from './machine.ts'
import type { SimulatedAdmin } from './simulated-admin.ts'
import type { SimulatedNetwork } from './simulated-network.ts'
import type { Span, Trouble } from './story.ts'

export interface TroublesDeps {
  readonly fabric: Fabric<SimulatedNetwork>
  readonly ledger: Ledger
  readonly machines: ReadonlyMap<KeyId, Machine>
  readonly admins: ReadonlyMap<KeyId, SimulatedAdmin>
}

interface Cut {
  readonly from: ReadonlySet<KeyId>
  readonly to: ReadonlySet<KeyId>
}

export class Troubles {
  readonly #deps: TroublesDeps
  readonly #cuts = new Set<Cut>()
  readonly #links = new Map<KeyId, Weather>()
  #isHealed = false

  constructor(deps: TroublesDeps) {
    this.#deps = deps
    deps.fabric.isCut = (from, to) => [...this.#cuts].some((cut) => cut.from.has(from) && cut.to.has(to))
    deps.fabric.weatherOf = (from, to) => this.#links.get(from) ?? this.#links.get(to)
  }

  plan(troubles: readonly Trouble[]): void {
    for (const trouble of troubles) this.#plan(trouble)
  }

  async heal(): Promise<void> {
    const { fabric, machines, admins } = this.#deps
    this.#isHealed = true
    this.#cuts.clear()
    this.#links.clear()
    fabric.note('heal')
    fabric.weather = calmWeather
    for (const admin of admins.values()) admin.clock.set(0)
    for (const machine of machines.values()) await machine.heal()
  }

  #plan(trouble: Trouble): void {
    switch (trouble.kind) {
      case 'away': return this.#during(trouble, (isOn) => this.#machine(trouble.host)?.plug(!isOn))
      case 'cut': return this.#planCut({ from: new Set(trouble.from), to: new Set(trouble.to) }, trouble)
      case 'links': return this.#during(trouble, (isOn) => trouble.hosts.forEach((host) => (isOn ? this.#links.set(host, trouble.weather) : this.#links.delete(host))))
      case 'end': return this.#at(trouble.atMs, () => this.#machine(trouble.host)?.end(trouble.ending, trouble.downMs))
      case 'trap': return this.#at(trouble.atMs, () => this.#machine(trouble.host)?.trap(trouble.disk, trouble.at, trouble.ending, trouble.downMs))
      case 'full': return this.#during(trouble, (isOn) => this.#fill(trouble, isOn))
      case 'clock': return this.#at(trouble.atMs, () => this.#setClock(trouble.host, trouble.aheadMs))
      case 'restore': return this.#planRestore(trouble)
      case 'forget': return this.#at(trouble.atMs, () => this.#machine(trouble.host)?.forget(trouble.downMs))
      case 'wipe': return this.#at(trouble.atMs, () => this.#machine(trouble.host)?.wipe(trouble.downMs))
    }
  }

  #planCut(cut: Cut, span: Span): void {
    this.#during(span, (isOn) => {
      this.#deps.fabric.note(`cut ${isOn ? 'between' : 'no more between'} ${cut.from.size} and ${cut.to.size} hosts`)
      if (isOn) this.#cuts.add(cut)
      else this.#cuts.delete(cut)
    })
  }

  #fill({ host, disk }: Extract<Trouble, { kind: 'full' }>, isFull: boolean): void {
    const machine = this.#machine(host)
    this.#deps.fabric.note(`${disk} disk of ${machine?.name ?? host} ${isFull ? 'full' : 'no longer full'}`)
    Object.assign((disk === 'agent' ? machine?.agentDisk : machine?.executorDisk) ?? {}, { isFull })
  }

  #setClock(host: KeyId, aheadMs: Millis): void {
    const clock = (this.#machine(host) ?? this.#deps.admins.get(host))?.clock
    this.#deps.fabric.note(`clock of ${this.#machine(host)?.name ?? 'an admin'} ${aheadMs} ms ahead`)
    this.#deps.ledger.noteClock(host)
    clock?.set(aheadMs)
  }

  #planRestore({ host, imageAtMs, atMs, downMs }: Extract<Trouble, { kind: 'restore' }>): void {
    const admin = this.#deps.admins.get(host)
    if (admin !== undefined) {
      let image: DiskImage | undefined
      this.#at(imageAtMs, () => void (image = admin.image()))
      return this.#at(atMs, () => (image === undefined ? undefined : admin.restore(image)))
    }
    let image: ReturnType<Machine['image']> | undefined
    this.#at(imageAtMs, () => void (image = this.#machine(host)?.image()))
    this.#at(atMs, () => (image === undefined ? undefined : this.#machine(host)?.restore(image, downMs)))
  }

  #during({ fromMs, untilMs }: Span, set: (isOn: boolean) => void): void {
    this.#at(fromMs, () => set(true))
    this.#at(untilMs, () => set(false))
  }

  #at(atMs: Millis, action: () => void | Promise<void>): void {
    const { fabric, ledger } = this.#deps
    fabric.time.after(atMs, () => {
      if (this.#isHealed) return
      Promise.resolve(action()).catch((error: unknown) => ledger.violate('no-fault', `a trouble could not be made: ${String(error)}`))
    })
  }

  /** Undefined for a member that an intruder stands for. */
  #machine(host: KeyId): Machine | undefined {
    return this.#deps.machines.get(host)
  }
}
