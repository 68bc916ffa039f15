/**
 * One run of the suite: a mesh of three endpoints and six agents under load, kills, damaged and deleted stores, a
 * restored home, a full disk; then rest, and the proof from what is left. A part that fails is a violation; what can
 * still be looked at is looked at.
 */
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describeError } from '../../src/base/errors.ts'
import { limits } from '../../src/base/limits.ts'
import { homePaths } from '../../src/trust/file-home.ts'
import { SeededRandom } from '../../simulations/seeded-random.ts'
import { eventually } from '../fixtures/eventually.ts'
import { MeshProcesses } from '../processes/mesh-processes.ts'
import { cutFiles } from './damage.ts'
import { effectsFile, effectsHome, ordersName, readEffects, workFor } from './effects.ts'
import { readEndpoint, readNode } from './evidence.ts'
import { Load, loadLibrary, type LoadReport } from './load.ts'
import { findViolations } from './proof.ts'
import { comeToRest } from './rest.ts'
import { mayMount, SmallDisk } from './small-disk.ts'
import { runStorm, type Killed } from './storm.ts'
import { Supervisor } from './supervisor.ts'
import type * as api from '../../src/api/index.ts'
import type { Options } from './options.ts'

export interface Report {
  readonly seed: number
  readonly kills: number
  readonly killed: Killed
  readonly orders: LoadReport
  /** Orders times nodes that ran. */
  readonly runs: number
  readonly skipped: readonly string[]
  readonly violations: readonly string[]
  /** Where the logs of the nodes are, after a violation. */
  readonly logs: string | null
}

const agents = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6']
const [restored, crowded] = ['a1', 'a6']
/** Orders that wait in the executor when its home is copied. */
const waitingOrders = 6
const returnDeadlineMs = 60_000
const noticeDeadlineMs = 60_000

export class Suite {
  readonly #options: Options
  readonly #say: (line: string) => void
  readonly #random: SeededRandom
  readonly #mesh: MeshProcesses
  readonly #supervisor: Supervisor
  readonly #violations: string[] = []
  readonly #skipped: string[] = []
  readonly #admins = new Map<string, api.Admin>()
  #admin: api.Admin | undefined
  #load: Load | undefined
  #disk: SmallDisk | undefined
  readonly #damaged = new Set<string>()
  /** Orders that were known at the last rest. */
  #known: readonly string[] = []
  #killed: Killed = {}
  #isClosing = false

  constructor(options: Options, say: (line: string) => void) {
    this.#options = options
    this.#say = say
    this.#random = new SeededRandom(`kill ${options.seed}`)
    this.#mesh = new MeshProcesses({
      endpoints: 3,
      agents: Object.fromEntries(agents.map((name) => [name, []])),
      config: { concurrentJobs: 2, pullIntervalMs: 2000, stopGraceMs: 2000 },
      environment: (name) => ({ HOME: effectsHome(this.#mesh.folder, name) })
    })
    this.#supervisor = new Supervisor(this.#mesh)
  }

  /** Never throws: what goes wrong is a violation. */
  async run(): Promise<Report> {
    try {
      await this.#form()
      await this.#kills()
      await this.#stores()
      await this.#restore()
      await this.#fullDisk()
    } catch (error) {
      this.#violate(describeError(error))
    }
    const runs = this.#admin === undefined ? 0 : await this.#prove().catch((error: unknown) => this.#violate(`what is left could not be read: ${describeError(error)}`))
    const { given, refused, failures } = this.#load?.report ?? { given: 0, refused: {}, failures: [] }
    for (const failure of failures) this.#violate(`an order ended with what is no error of Writ's: ${failure}`)
    return {
      seed: this.#options.seed, kills: Object.values(this.#killed).reduce((sum, count) => sum + count, 0), killed: this.#killed,
      orders: { given, refused, failures }, runs: runs ?? 0, skipped: this.#skipped, violations: this.#violations,
      logs: this.#violations.length > 0 ? this.#keepLogs() : null
    }
  }

  /** Ends and removes everything, at any time. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#supervisor.stop()
    this.#mesh.killNodes()
    await this.#mesh.stopNodes()
    this.#disk?.drop()
    this.#disk = undefined
    await this.#mesh.close()
  }

  async #form(): Promise<void> {
    const library = await loadLibrary()
    await this.#mesh.open()
    this.#say(`${this.#mesh.names.length} nodes have joined a mesh, in ${this.#mesh.folder}`)
    for (const name of this.#mesh.names) this.#supervisor.keep(name)
    this.#admin = await library.createAdmin({ home: this.#mesh.admin })
    for (const name of this.#mesh.endpoints) this.#admins.set(name, await library.createAdmin({ home: this.#mesh.adminOf(name) }))
    this.#load = new Load({ admin: this.#admin, random: this.#random.stream('load'), nodes: this.#mesh.names })
    await this.#copyHome()
  }

  /** A copy of a home whose executor has accepted orders, and started some, that it will have ended when the copy comes back. */
  async #copyHome(): Promise<void> {
    const name = restored
    for (let count = 0; count < waitingOrders; count += 1) await this.#order([name], 'copied', 1)
    await eventually(() => readEffects(this.#mesh.folder), (effects) => effects.some(({ node }) => node === name), returnDeadlineMs)
    await this.#supervisor.crash(name)
    cpSync(this.#mesh.home(name), this.#copyOf(name), { recursive: true })
    this.#supervisor.keep(name)
    this.#say(`the home of ${name} is copied while ${waitingOrders} orders wait there`)
  }

  async #kills(): Promise<void> {
    const [mesh, supervisor, load] = [this.#mesh, this.#supervisor, this.#loadOf()]
    const onKill = (count: number): void => {
      if (count % 10 === 0 || count === this.#options.kills) this.#say(`${count} kills of ${this.#options.kills}, ${load.report.given} orders given`)
    }
    load.start('kills')
    this.#killed = await runStorm({ mesh, supervisor, random: this.#random.stream('storm'), onKill }, this.#options.kills)
    await this.#rest('the kills')
  }

  /** Of three endpoints one loses its store, another finds it damaged; the third keeps the history. */
  async #stores(): Promise<void> {
    const random = this.#random.stream('stores')
    const [cut = '', deleted = '', keeper = ''] = random.sample(this.#mesh.endpoints, 3)
    await Promise.all([this.#supervisor.crash(cut), this.#supervisor.release(deleted)])
    this.#say(`the store of ${cut} is cut (${cutFiles(homePaths(this.#mesh.home(cut)).agentState, random).join(', ')}), that of ${deleted} deleted; ${keeper} keeps the history`)
    this.#deleteStore(deleted)
    for (const name of [cut, deleted]) this.#damaged.add(name)
    this.#loadOf().start('stores')
    this.#supervisor.keep(cut)
    this.#supervisor.keep(deleted)
    for (const name of [cut, deleted]) {
      try {
        await this.#mesh.contact(name, returnDeadlineMs)
      } catch {
        this.#violate(`${name} did not come back after its store was ${name === cut ? 'cut' : 'deleted'}`)
        await this.#supervisor.crash(name)
        this.#deleteStore(name)
        this.#supervisor.keep(name)
      }
    }
    await this.#rest('the stores')
  }

  async #restore(): Promise<void> {
    const home = this.#mesh.home(restored)
    await this.#supervisor.release(restored)
    rmSync(home, { recursive: true })
    cpSync(this.#copyOf(restored), home, { recursive: true })
    this.#loadOf().start('restore')
    this.#supervisor.keep(restored)
    await this.#mesh.contact(restored, returnDeadlineMs)
    this.#say(`${restored} goes on from its copy`)
    await this.#rest('the restore')
  }

  async #fullDisk(): Promise<void> {
    if (!mayMount()) {
      const note = 'no disk runs full: mounting is not permitted here (it takes root, or user namespaces, and unshare)'
      this.#skipped.push(note)
      return this.#say(note)
    }
    await this.#supervisor.release(crowded)
    this.#disk = SmallDisk.mount(this.#mesh.home(crowded))
    this.#supervisor.keep(crowded)
    await this.#mesh.contact(crowded, returnDeadlineMs)
    await this.#runFull(async () => undefined)
    await this.#rest('a full disk')
    // And once more, now with a start while it is full.
    await this.#runFull(async () => {
      if (this.#mesh.isUp(crowded)) await this.#supervisor.kill(crowded, 'both', 0)
      await eventually(() => this.#mesh.isUp(crowded), (isUp) => isUp, noticeDeadlineMs)
      await this.#fullIsNoticed()
    })
    await this.#rest('a start on a full disk')
  }

  /** Fills the disk while orders come, and frees it when that was noticed and `meanwhile` is over. */
  async #runFull(meanwhile: () => Promise<void>): Promise<void> {
    this.#loadOf().start('disk')
    this.#disk?.fill()
    this.#say(`the disk of ${crowded} is full`)
    await this.#fullIsNoticed()
    await meanwhile()
    this.#disk?.free()
    this.#say(`the disk of ${crowded} has room again`)
  }

  /** Gives it work until it says that it cannot write it down, or ends. */
  async #fullIsNoticed(): Promise<void> {
    const running = this.#mesh.running(crowded)
    const attempt = async (): Promise<boolean> => {
      await this.#order([crowded], 'disk', 0)
      this.#disk?.fill()
      return running.log.text.split('\n').some((line) => /ENOSPC|no space left|store-write-failed/i.test(line) && !line.includes('status'))
    }
    await eventually(attempt, (isNoticed) => isNoticed, noticeDeadlineMs, 200)
  }

  async #rest(after: string): Promise<void> {
    await this.#loadOf().stop()
    const orders = await comeToRest({ admin: this.#adminOf(), readers: this.#admins }, after)
    const forgotten = this.#known.filter((indication) => !orders.includes(indication))
    if (forgotten.length > 0) this.#violate(`${forgotten.length} orders are forgotten after ${after}, such as ${forgotten[0]}`)
    this.#known = orders
    this.#say(`at rest after ${after}: ${orders.length} orders`)
  }

  /** Stops everything, and judges what is left. Returns how many orders ran. */
  async #prove(): Promise<number> {
    const { names, endpoints, folder } = this.#mesh
    await this.#load?.stop()
    for (const admin of [this.#admin, ...this.#admins.values()]) await admin?.close()
    await Promise.all(names.map((name) => this.#supervisor.release(name)))
    this.#disk?.unmount()
    this.#disk = undefined
    for (const { node, code, lastWords } of this.#supervisor.ends) if (node !== crowded) this.#violate(`${node} ended by itself with ${code}: ${lastWords}`)
    for (const name of names) await this.#checkStores(name)
    const effects = readEffects(folder)
    const queues = await Promise.all(endpoints.map((name) => readEndpoint(this.#mesh.home(name), name)))
    const known = new Set(queues.flatMap(({ orders }) => orders.map(({ indication }) => indication)))
    const nodes = await Promise.all(names.map((name) => readNode(this.#mesh.home(name), name, known)))
    const mayFail = (order: string, node: string): boolean => node === crowded && order.startsWith(`${ordersName}disk`)
    for (const violation of findViolations({ effects, endpoints: queues, nodes }, { attemptsMax: limits.executor.attemptsMax, mayFail })) this.#violate(violation)
    return effects.length
  }

  /** A node says which stores it found damaged: those that were, and no others. */
  async #checkStores(name: string): Promise<void> {
    const { setAside } = await (await loadLibrary()).readStatus({ home: this.#mesh.home(name) })
    const isDamaged = this.#damaged.has(name)
    if (isDamaged && setAside.length === 0) this.#violate(`${name} did not notice that its store was damaged`)
    if (setAside.length > (isDamaged ? 1 : 0)) this.#violate(`${name} set stores aside that nobody had damaged: ${setAside.join(', ')}`)
  }

  async #order(nodes: readonly string[], during: string, seconds: number): Promise<void> {
    await this.#adminOf().submit({ target: { kind: 'nodes', names: nodes }, payload: { kind: 'command', argv: workFor(seconds) }, name: `${ordersName}${during}` })
  }

  #deleteStore(name: string): void {
    rmSync(homePaths(this.#mesh.home(name)).agentState, { recursive: true })
  }

  #copyOf(name: string): string {
    return `${this.#mesh.home(name)}.copy`
  }

  #violate(what: string): void {
    if (this.#isClosing) return // what an interrupted run comes upon
    this.#violations.push(what)
    this.#say(`VIOLATION ${what}`)
  }

  #keepLogs(): string {
    const kept = mkdtempSync(path.join(tmpdir(), 'writ-kill-logs-'))
    if (existsSync(this.#mesh.logs)) cpSync(this.#mesh.logs, kept, { recursive: true })
    if (existsSync(effectsFile(this.#mesh.folder))) cpSync(effectsFile(this.#mesh.folder), path.join(kept, 'effects'))
    return kept
  }

  #adminOf(): api.Admin {
    if (this.#admin === undefined) throw new Error('the mesh is not formed')
    return this.#admin
  }

  #loadOf(): Load {
    if (this.#load === undefined) throw new Error('the mesh is not formed')
    return this.#load
  }
}
