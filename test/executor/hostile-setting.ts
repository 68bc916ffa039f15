/**
 * An executor under attack: a real process whose agent is replaced by a program that does what a test plans. In the end
 * the honest agent takes its place, and an order of its own must run, once.
 */
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { toBase32, utf8 } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/base/codec.ts'
import { encodeFrame } from '../../src/base/framing.ts'
import { limits } from '../../src/base/limits.ts'
import { encodeMessage, type ToAgent, type ToExecutor } from '../../src/executor/ipc.ts'
import { commandPayload, orderOf, payloadOf } from '../fixtures/orders.ts'
import { createHome, hears, startExecutor, type Heard, type Release, type TestHome } from './executor-process.ts'
import { planFile, type Deed, type Plan, type WriteDeed } from './hostile-plan.ts'
import type { ChildProcess } from 'node:child_process'
import type { ExecutionContext } from 'ava'
import type { IndicationBody } from '../../src/record/indication.ts'
import type { Signer } from '../../src/record/keys.ts'
import type { Indication } from '../../src/trust/order.ts'
import type { TestMesh } from '../fixtures/mesh.ts'

export const raw = (bytes: Uint8Array, times = 1): WriteDeed => ({ kind: 'write', base64: Buffer.from(bytes).toString('base64'), times, apart: false })
export const say = (message: ToExecutor, times = 1): WriteDeed => raw(encodeFrame(encodeMessage(message)), times)
export const heard = (kind: ToAgent['kind'], times = 1): Deed => ({ kind: 'await', heard: kind, times })
export const die: Deed = { kind: 'die' }
export const caughtUp = say({ kind: 'caught-up' })
export const listening = (...deeds: Deed[]): Plan => ({ reads: true, deeds })
export const deaf = (...deeds: Deed[]): Plan => ({ reads: false, deeds })

/** No other name has it. */
export const nonceOf = (name: string): string => toBase32(sha256(utf8(`nonce of ${name}`)).slice(0, 16))

export interface Attack {
  readonly indication: Indication
  readonly payload: Uint8Array
  readonly deed: WriteDeed
}

/** A dozen MB live in an executor at rest: one that hoards what it hears ends soon. */
const smallHeap = ['--max-old-space-size=32', '--max-semi-space-size=1']

const isAgent = ({ kind }: Heard): boolean => kind === 'hostile' || kind === 'ready'

export class Attacked {
  readonly setting: TestHome
  readonly #start: () => ChildProcess
  #executor: ChildProcess | undefined

  private constructor(setting: TestHome, start: () => ChildProcess) {
    this.setting = setting
    this.#start = start
  }

  /** Not started yet: plans need to know its mesh. */
  static async prepare(t: ExecutionContext, release: Release, mesh?: TestMesh): Promise<Attacked> {
    const setting = await createHome(t, mesh)
    return new Attacked(setting, () => startExecutor(t, release, [setting.home], smallHeap))
  }

  get home(): string {
    return this.setting.home
  }

  get executor(): ChildProcess {
    if (this.#executor === undefined) throw new Error('the executor was not started')
    return this.#executor
  }

  /** Its agent is the hostile one, with a plan. */
  async start(plan: Plan): Promise<void> {
    await writeFile(path.join(this.home, planFile), JSON.stringify(plan))
    this.#executor = this.#start()
  }

  /** A power cut, and a new start. */
  async restart(plan: Plan): Promise<void> {
    const exit = once(this.executor, 'exit')
    this.executor.kill('SIGKILL')
    await exit
    await this.start(plan)
  }

  /** A command that leaves a line with this name when it runs. */
  markWith(name: string, afterwards = 'true'): string[] {
    return ['sh', '-c', `echo ${name} >> ${path.join(this.home, 'marks')}; exec ${afterwards}`]
  }

  order(name: string, change: Partial<IndicationBody> = {}, signer?: Signer, argv = this.markWith(name)): Attack {
    return this.#orderOf(name, commandPayload(...argv).bytes, change, signer)
  }

  /** A script that does the same, too large to travel along. */
  script(name: string, change: Partial<IndicationBody> = {}): Attack {
    const text = `echo ${name} >> ${path.join(this.home, 'marks')}\n`
    return this.#orderOf(name, Buffer.concat([Buffer.from(text), Buffer.alloc(limits.payload.inlineBytesMax, '\n')]), { format: 'script', ...change })
  }

  #orderOf(name: string, bytes: Uint8Array, change: Partial<IndicationBody>, signer?: Signer): Attack {
    const indication = orderOf(this.setting.mesh, { payload: payloadOf(bytes).ref, nonce: nonceOf(name), ...change }, signer)
    const deed = say({ kind: 'order', bundle: { indication: indication.bytes, controls: [], payload: bytes.length > limits.payload.inlineBytesMax ? null : bytes } })
    return { indication, payload: bytes, deed }
  }

  hears(isReached: (heard: Heard[]) => boolean): Promise<Heard[]> {
    return hears(this.home, isReached)
  }

  /** All that was planned has been done. */
  done(): Promise<Heard[]> {
    return this.hears((all) => all.some(({ kind }) => kind === 'done'))
  }

  /** The honest agent takes over, and an order of its own runs. What has run by then, in order. */
  async recover(): Promise<string[]> {
    const good = await this.setting.offer('good', this.markWith('good'), { nonce: nonceOf('good') })
    await rm(path.join(this.home, planFile))
    const before = await this.#endHostile()
    await this.hears((all) => all.slice(before.length).some(({ state, indication }) => state === 'succeeded' && indication === good))
    return this.marks()
  }

  async marks(): Promise<string[]> {
    return (await readFile(path.join(this.home, 'marks'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
  }

  /** The most that the executor had in memory at once. */
  async peakMiB(): Promise<number> {
    const status = await readFile(`/proc/${this.executor.pid}/status`, 'utf8')
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024
  }

  /** What had been heard before. */
  async #endHostile(): Promise<Heard[]> {
    const before = await this.hears((all) => all.some(isAgent))
    endIfThere(before.findLast(isAgent)?.pid)
    await this.hears((all) => all.slice(before.length).some(({ kind }) => kind === 'ready'))
    return before
  }
}

const endIfThere = (pid: number | undefined): void => {
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL')
  } catch {
    return // it has ended by itself
  }
}
