/** One admin's hold on a mesh: what `types.ts` promises, over whichever endpoints answer. */
import { sealRecord } from '../record/record.ts'
import { compareText } from '../base/bytes.ts'
import { controlKind } from '../record/control.ts'
import { fetchOutput } from '../node/endpoint/endpoint-output.ts'
import { indicationKind, type IndicationBody } from '../record/indication.ts'
import { describeAsked, isAuthorised } from '../trust/order.ts'
import { systemClock } from '../base/system-clock.ts'
import { WritError } from '../base/errors.ts'
import { withAdminLog } from './admin-log.ts'
import { buildIndication, findNode, resolveTarget } from './order-building.ts'
import { buildPayload } from './payload-building.ts'
import { openAdminConnection, type AdminConnection } from './admin-connection.ts'
import { appendEntry, askLives, submitEntry } from './submission.ts'
import { buildThaw, chooseBranch } from './fork-choice.ts'
import { assembleViews } from './order-view.ts'
import type { Admin, LogChunk, OrderDraft, OrderView, SubmitProgress, SubmittedOrder } from './types.ts'
import type { CharterBody } from '../record/charter.ts'
import type { EntryContent } from '../record/entry.ts'
import type { IndicationId, KeyId } from '../base/brand.ts'
import type { NodeRow, OrderRow, QueueRow, State } from '../queue/views.ts'
import type { Output } from '../record/statement.ts'
import type { ForkRow, QueryRequest } from '../node/protocol/query.ts'

/** Errors: `home-missing`, `bad-config`, `wrong-home`, and others of a home's files. Dials nobody until something is asked. */
export const createAdmin = async (options: { readonly home: string }): Promise<Admin> => new MeshAdmin(await openAdminConnection(options.home))

class MeshAdmin implements Admin {
  readonly #connection: AdminConnection

  constructor(connection: AdminConnection) {
    this.#connection = connection
  }

  get mesh(): Admin['mesh'] {
    const { mesh, meshName } = this.#connection.home.config
    return { id: mesh, name: meshName }
  }

  async submit(draft: OrderDraft, options: { readonly signal?: AbortSignal; readonly onProgress?: (progress: SubmitProgress) => void } = {}): Promise<SubmittedOrder> {
    const { charters, content, signer, session } = this.#connection
    await session.contact()
    const [nodes, payload] = await Promise.all([this.nodes(), buildPayload(draft.payload, content), this.#connection.refreshEndpoints()])
    const resolved = resolveTarget(draft.target, nodes)
    const body = buildIndication(draft, resolved, payload, signer.key, charters.chain)
    refuseForbidden(charters.chain.current, body, resolved.nodes)
    const indication = sealRecord(indicationKind, body, [signer])
    const heldBy = await this.#append({ kind: 'indication', indication: indication.bytes }, { bytes: payload.inline, sizeBytes: payload.ref.sizeBytes }, options).catch(async (error: unknown) => {
      // It stays in the log, which may not have gaps; so that a later command does not send it off, it is taken back there.
      await this.#takeBack(indication.id as IndicationId)
      throw error
    })
    return {
      indication: indication.id as IndicationId,
      name: body.name,
      format: body.format,
      targets: resolved.nodes.map(({ name }) => name).sort(compareText),
      heldBy,
      endpoints: charters.chain.current.endpoints.length
    }
  }

  async nodes(): Promise<readonly NodeRow[]> {
    const nodes: NodeRow[] = []
    for await (const page of this.#connection.session.ask({ kind: 'nodes' })) if (page.kind === 'nodes') nodes.push(...page.nodes)
    return nodes
  }

  async orders(options: { readonly sinceMs?: number } = {}): Promise<readonly OrderRow[]> {
    const orders: OrderRow[] = []
    const since = options.sinceMs === undefined ? 0 : Math.max(0, systemClock.now() - options.sinceMs)
    for await (const page of this.#connection.session.ask({ kind: 'orders', since })) if (page.kind === 'orders') orders.push(...(page.orders as OrderRow[]))
    return orders
  }

  async queue(options: { readonly agent?: string; readonly status?: State } = {}): Promise<readonly QueueRow[]> {
    const agent = options.agent === undefined ? null : findNode(options.agent, await this.nodes()).key
    const rows: QueueRow[] = []
    for await (const page of this.#connection.session.ask({ kind: 'queue', agent, status: options.status ?? null })) if (page.kind === 'queue') rows.push(...page.rows)
    return rows
  }

  async show(indication: string): Promise<OrderView> {
    for await (const view of this.#views({ kind: 'order', prefix: indication, follow: false })) return view
    throw new WritError('unknown-indication', `no endpoint knows the order ${indication}`)
  }

  follow(indication: string, options: { readonly signal?: AbortSignal } = {}): AsyncIterable<OrderView> {
    return this.#views({ kind: 'order', prefix: indication, follow: true }, options.signal)
  }

  async *logs(indication: string, options: { readonly agent?: string; readonly file?: string } = {}): AsyncIterable<LogChunk> {
    const { rows } = await this.show(indication)
    const wanted = options.agent === undefined ? undefined : findNode(options.agent, await this.nodes()).key
    for (const row of rows) {
      if (wanted !== undefined && row.agent !== wanted) continue
      for (const { stream, output } of planStreams(row, options.file)) {
        for await (const bytes of this.#output(row.agent, output)) yield { agent: row.agent, agentName: row.agentName, stream, bytes }
      }
    }
  }

  async cancel(indication: string): Promise<OrderRow> {
    const { order } = await this.show(indication)
    await this.#append(this.#cancellation(order.indication), { bytes: null, sizeBytes: 0 }, {})
    return (await this.show(order.indication)).order
  }

  async forks(): Promise<readonly ForkRow[]> {
    const forks: ForkRow[] = []
    for await (const page of this.#connection.session.ask({ kind: 'forks' })) if (page.kind === 'forks') forks.push(...page.forks)
    return forks
  }

  async thaw(entry: string): Promise<ForkRow> {
    const { signer, charters } = this.#connection
    const choice = chooseBranch(entry, await this.forks())
    const body = buildThaw(choice, charters.chain.mesh, signer.key, systemClock.now())
    await this.#append({ kind: 'control', control: sealRecord(controlKind, body, [signer]).bytes }, { bytes: null, sizeBytes: 0 }, {})
    const adminName = charters.chain.current.admins.find(({ key }) => key === signer.key)?.name ?? signer.key
    return { ...choice.fork, thaw: { keep: choice.keep, admin: signer.key, adminName, at: body.at } }
  }

  async close(): Promise<void> {
    await this.#connection.close()
  }

  async #append(content: EntryContent, payload: { readonly bytes: Uint8Array | null; readonly sizeBytes: number }, options: { readonly signal?: AbortSignal; readonly onProgress?: (progress: SubmitProgress) => void }): Promise<string[]> {
    const { home, signer, charters } = this.#connection
    const log = { directory: home.paths.adminLog, mesh: charters.chain.mesh, signer }
    const entry = await appendEntry(askLives(this.#connection), log, content)
    return submitEntry(this.#connection, log, { entry, payload: payload.bytes, payloadSizeBytes: payload.sizeBytes }, options)
  }

  async #takeBack(indication: IndicationId): Promise<void> {
    const { home, signer, charters } = this.#connection
    await withAdminLog({ directory: home.paths.adminLog, mesh: charters.chain.mesh, signer }, (own) => own.append(this.#cancellation(indication), { durable: true }))
  }

  #cancellation(indication: IndicationId): EntryContent {
    const { signer, charters } = this.#connection
    const control = sealRecord(controlKind, { mesh: charters.chain.mesh, admin: signer.key, indication, action: 'cancel', at: systemClock.now() }, [signer])
    return { kind: 'control', control: control.bytes }
  }

  #views(request: Extract<QueryRequest, { kind: 'order' }>, signal?: AbortSignal): AsyncIterable<OrderView> {
    const { session } = this.#connection
    return assembleViews(request.follow ? session.follow(request, signal) : session.ask(request, signal))
  }

  async *#output(agent: KeyId, output: Output): AsyncIterable<Uint8Array> {
    if (output.cid === null) {
      yield output.head
      return
    }
    const [endpoint] = await this.#connection.session.contact()
    if (endpoint !== undefined) yield* fetchOutput(this.#connection.network, endpoint, { cid: output.cid, agent, local: false })
  }
}

const planStreams = ({ stdout, stderr, files = [] }: QueueRow, file?: string): readonly Readonly<{ stream: LogChunk['stream']; output: Output }>[] => {
  if (file !== undefined) return files.flatMap(({ name, output }) => (name === file ? [{ stream: 'stdout', output }] : []))
  return ([['stdout', stdout], ['stderr', stderr]] as const).flatMap(([stream, output]) => (output === null || output.sizeBytes === 0 ? [] : [{ stream, output }]))
}

const refuseForbidden = (charter: CharterBody, { admin, ...asked }: IndicationBody, nodes: readonly NodeRow[]): void => {
  const forbidden = nodes.filter((node) => !isAuthorised(charter, admin, asked, node)).map(({ name }) => name)
  if (forbidden.length === 0) return
  const more = forbidden.length > 5 ? ` and ${forbidden.length - 5} more` : ''
  throw new WritError('not-authorised', `the charter does not let you order ${describeAsked(asked)} on ${forbidden.slice(0, 5).join(', ')}${more}; nothing was ordered`, { details: { nodes: forbidden.slice(0, 100) } })
}
