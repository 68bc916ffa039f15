/**
 * Orders from the second verification to the end of their processes: what was prepared, how it is started, whether its
 * output is what was expected, and what is removed afterwards.
 */
import { toText } from '../base/bytes.ts'
import { assert, describeError, isWritError, WritError } from '../base/errors.ts'
import { reject, type Result } from '../base/result.ts'
import { computeEnvironment } from './environment.ts'
import { encloseLaunch } from './isolation.ts'
import { matchOutput } from './output-pattern.ts'
import { prepareLaunch, type PreparationDeps, type Prepared } from './preparation.ts'
import { checkFreeDisk } from './prerequisites.ts'
import type { IndicationId } from '../base/brand.ts'
import type { Birth } from './system-orphans.ts'
import type { KeptOutputs } from './file-output.ts'
import type { Log } from '../base/log.ts'
import type { Order } from './job-events.ts'
import type { Run, Runner, RunResult } from './child-runner.ts'
import type { RunReport } from './outcome.ts'

export interface LaunchesDeps extends PreparationDeps {
  readonly runner: Runner
  readonly outputs: KeptOutputs
  /** Ends all processes of these orders, and returns how many there were. */
  readonly killOrphans: (orders: ReadonlySet<IndicationId>, birth?: Birth) => Promise<number>
  readonly log: Log
}

export class Launches {
  readonly #deps: LaunchesDeps
  readonly #prepared = new Map<IndicationId, Prepared>()

  constructor(deps: LaunchesDeps) {
    this.#deps = deps
  }

  /** Room for the payload, which is about to come, and for what the order demands besides. Errors: those of `FileCache.begin`, `prerequisite-missing`. */
  async begin({ id, body, bundle }: Order): Promise<Result<null>> {
    const copies = bundle.payload === null ? 2 : 1 // the agent's blocks, and the cache
    const room = await checkFreeDisk(this.#deps.machine, body.prerequisites, copies * body.payload.sizeBytes)
    return room.ok ? this.#deps.cache.begin(id, body.payload) : room
  }

  /** `isWanted` is asked when it is done: the order may have ended meanwhile. Errors: those of `prepareLaunch`, `cache-unusable`. */
  async prepare(order: Order, isWanted: () => boolean): Promise<Result<null>> {
    const prepared = await prepareLaunch(this.#deps, order).catch((error: unknown) => reject(isWritError(error) ? error.code : 'cache-unusable', describeError(error)))
    if (!prepared.ok) return prepared
    if (isWanted()) this.#prepared.set(order.id, prepared.value)
    return { ok: true, value: null }
  }

  /** Throws when no process could be made, or the payload is no longer what was prepared. */
  async start({ id, body }: Order): Promise<Run> {
    const { baseEnvironment, cache, runner } = this.#deps
    const prepared = this.#prepared.get(id)
    assert(prepared, 'an order is spawned that was not prepared')
    const { launch, enclosure } = prepared
    const [payload, { work, temporary, directory }] = await Promise.all([cache.recheck(id, body.payload), cache.prepareWorkspace(id)])
    if (!payload.ok) throw new WritError(payload.code, payload.detail)
    const environment = computeEnvironment(baseEnvironment, id, { body, account: enclosure.account, temporaryDirectory: temporary })
    const enclosed = encloseLaunch(enclosure, launch, environment)
    return runner.start({ launch: enclosed, environment: enclosed.environment, workDirectory: work, captureDirectory: directory, captures: body.captures ?? [], enter: enclosure.enter, sweep: (birth) => this.#sweep(id, prepared, birth) })
  }

  /** What ended, against what the order expects to be written. */
  async report(order: Order, result: RunResult): Promise<RunReport> {
    const missingFile = (order.body.captures ?? []).find((name) => !result.files.some((file) => file.name === name)) ?? null
    return { ...result, missingFile, pattern: await this.#matchOutput(order, result), limits: this.#prepared.get(order.id)?.enclosure.held ?? null }
  }

  /** A job that has ended takes along what it has started, in whatever group or session. */
  async #sweep(id: IndicationId, { enclosure }: Prepared, birth: Birth): Promise<void> {
    const { killOrphans, isolation, log } = this.#deps
    const orphans = await killOrphans(new Set([id]), birth)
    await isolation.end(enclosure)
    if (orphans > 0) log.info('processes that an order had left were killed', { indication: id, orphans })
  }

  async #matchOutput({ id, body }: Order, { exitCode, stdout }: RunResult): Promise<RunReport['pattern']> {
    if (body.expected.output === null || exitCode !== body.expected.exitCode || stdout === null) return 'matched'
    try {
      return matchOutput(body.expected.output, toText(await this.#deps.outputs.readKept(stdout)))
    } catch (error) {
      this.#deps.log.error('a kept output could not be read', { indication: id, detail: describeError(error) })
      return 'unmatched'
    }
  }

  /** Never throws. */
  async discard(id: IndicationId): Promise<void> {
    this.#prepared.delete(id)
    try {
      await this.#deps.cache.discard(id)
    } catch (error) {
      this.#deps.log.warn('the files of a job could not all be removed', { indication: id, detail: describeError(error) }) // the next start removes them
    }
  }
}
