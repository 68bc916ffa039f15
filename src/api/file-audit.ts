/**
 * An audit of a home, offline: verifies every link and every signature of the logs that it holds, together with archives of
 * earlier exports, and tells what they prove. Reads a copy, so a node may run meanwhile; writes nothing into the stores.
 */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CarWriter } from '../base/file-car.ts'
import { drawNonce } from '../base/random.ts'
import { isWritError } from '../base/errors.ts'
import { LevelStore } from '../base/level-store.ts'
import { limits } from '../base/limits.ts'
import { makeDirectory, removeTree } from '../base/file-durable.ts'
import { openSnapshot } from '../base/level-guard.ts'
import { systemClock } from '../base/system-clock.ts'
import { systemRandom } from '../base/system-random.ts'
import { logIdOf } from '../queue/log.ts'
import { openHeldEntry } from '../queue/intake.ts'
import { openCredential, type Membership } from '../trust/admission.ts'
import { verifySignature } from '../record/keys.ts'
import { wasEverAdmin, type CharterChain } from '../trust/charter-chain.ts'
import { loadCharters, loadSigner, openHome, type Home } from '../trust/file-home.ts'
import { AuditLedger, type AuditedOrder } from './audit-ledger.ts'
import { AuditProof } from './audit-proof.ts'
import { AuditThaws } from './audit-thaws.ts'
import { createArchive, extendByArchive, openArchive, openOwnEvidence, openQueueEvidence, refuseExisting, type EvidenceSource } from './file-evidence.ts'
import { isFault, mergeEvidence, type Claim, type Evidence, type Finding, type Held } from './evidence.ts'
import { LogAudit, type Checked } from './log-audit.ts'
import { planScratch } from './system-scratch.ts'
import type { Rejected } from '../base/result.ts'
import type { Sealed } from '../record/record.ts'
import type { EntryBody } from '../record/entry.ts'
import type { KeyId } from '../base/brand.ts'

export interface AuditOptions {
  readonly home: string
  /** Earlier exports, whose evidence counts as if the home held it. */
  readonly archives?: readonly string[]
  /** A new file for all evidence that verifies. */
  readonly export?: string
}

export interface AuditSummary {
  readonly mesh: string
  readonly logs: number
  readonly entries: number
  readonly orders: number
  readonly faults: number
  readonly forks: number
  readonly exported: string | null
}

export type AuditEvent =
  | { readonly kind: 'order'; readonly order: AuditedOrder; readonly nameOf: (key: KeyId) => string }
  | { readonly kind: 'finding'; readonly finding: Finding; readonly nameOf: (key: KeyId) => string }
  /** The files of the home's store are not what they were. */
  | { readonly kind: 'damage'; readonly detail: string }
  /** The last one. */
  | { readonly kind: 'summary'; readonly summary: AuditSummary }

/**
 * Everything found, by order, then what is wrong, then the sum. Errors: those of `openHome` and of its files,
 * `archive-foreign`, `archive-damaged`, `archive-unreadable`, `file-exists`, `store-unusable`, and those of writing a file.
 */
export async function* audit(options: AuditOptions): AsyncGenerator<AuditEvent> {
  const home = openHome(options.home)
  if (options.export !== undefined) refuseExisting(options.export)
  const scratch = makeScratch(home)
  const stores: LevelStore[] = []
  try {
    const chain = (options.archives ?? []).reduce(extendByArchive, loadCharters(home, home.config.kind === 'admin' ? 'admin' : 'agent'))
    const { sources, damage } = await openSources(home, chain, join(scratch, 'home'), stores)
    const ledgerStore = await LevelStore.open(join(scratch, 'ledger'))
    stores.push(ledgerStore)
    const archives = (options.archives ?? []).map((file) => openArchive(file, chain.mesh))
    const writer = options.export === undefined ? null : createArchive(options.export, { mesh: chain.mesh, meshName: home.config.meshName, at: systemClock.now() }, chain)
    const auditor = new Auditor(chain, [...sources, ...archives], ledgerStore, writer)
    yield* tell(await run(auditor, writer), auditor, { damage, exported: options.export ?? null })
  } finally {
    for (const store of stores) await store.close()
    removeTree(scratch)
  }
}

const run = async (auditor: Auditor, writer: CarWriter | null): Promise<AuditCounts> => {
  try {
    const counts = await auditor.run()
    writer?.finish()
    return counts
  } catch (error) {
    writer?.abandon()
    throw error
  }
}

async function* tell(counts: AuditCounts, auditor: Auditor, more: { readonly damage: string | null; readonly exported: string | null }): AsyncGenerator<AuditEvent> {
  const nameOf = (key: KeyId): string => auditor.nameOf(key)
  let orders = 0
  for await (const order of auditor.ledger.orders()) {
    orders += 1
    yield { kind: 'order', order, nameOf }
  }
  if (more.damage !== null) yield { kind: 'damage', detail: more.damage }
  for await (const finding of auditor.ledger.findings()) yield { kind: 'finding', finding, nameOf }
  yield { kind: 'summary', summary: { mesh: auditor.mesh, ...counts, faults: counts.faults + (more.damage === null ? 0 : 1), orders, exported: more.exported } }
}

/** Beside the stores, so that their copies are links; elsewhere when the home may not be written. */
const makeScratch = ({ paths, config }: Home): string => {
  const nonce = drawNonce(systemRandom)
  const beside = planScratch(config.kind === 'admin' ? paths.adminScratch : paths.scratch, nonce)
  const scratch = tryMake(beside) ?? join(tmpdir(), `writ-audit-${nonce}`)
  makeDirectory(scratch)
  return scratch
}

const tryMake = (path: string): string | null => {
  try {
    makeDirectory(path)
    return path
  } catch (error) {
    if (isWritError(error, 'home-unwritable')) return null
    throw error
  }
}

const openSources = async ({ config, paths, agentOwner }: Home, { mesh }: CharterChain, scratch: string, stores: LevelStore[]): Promise<{ readonly sources: EvidenceSource[]; readonly damage: string | null }> => {
  const snapshot = await openSnapshot(config.kind === 'admin' ? paths.adminLog : paths.agentState, scratch)
  if (snapshot === null) return { sources: [], damage: null }
  const { store, damage } = snapshot
  stores.push(store)
  const own = await openOwnEvidence(store, mesh, loadSigner(config.kind === 'admin' ? paths.adminKey : paths.peerKey, agentOwner).key)
  return { sources: config.kind === 'node' && config.role === 'endpoint' ? [...own, await openQueueEvidence(store, mesh)] : own, damage }
}

type AuditCounts = Pick<AuditSummary, 'logs' | 'entries' | 'faults' | 'forks'>

class Auditor {
  readonly ledger: AuditLedger
  readonly #chain: CharterChain
  readonly #sources: readonly EvidenceSource[]
  readonly #writer: CarWriter | null
  readonly #proof: AuditProof
  readonly #thaws: AuditThaws
  readonly #names = new Map<KeyId, string>()
  readonly #counts = { logs: 0, entries: 0, faults: 0, forks: 0 }
  readonly #met = new Set<string>()
  #current: { readonly id: string; readonly log: LogAudit; readonly author: KeyId } | undefined

  constructor(chain: CharterChain, sources: readonly EvidenceSource[], store: LevelStore, writer: CarWriter | null) {
    this.#chain = chain
    this.#sources = sources
    this.#writer = writer
    this.ledger = new AuditLedger(store)
    this.#proof = new AuditProof(store, verifySignature)
    this.#thaws = new AuditThaws(chain)
    for (const { body } of chain.versions) for (const { key, name } of [...body.endpoints, ...body.admins]) this.#names.set(key, name)
  }

  get mesh(): string {
    return this.#chain.mesh
  }

  nameOf(key: KeyId): string {
    return this.#names.get(key) ?? `${key.slice(0, 12)}…`
  }

  async run(): Promise<AuditCounts> {
    for (const { thaws } of this.#sources) for (const control of thaws) await this.#thaws.note(control)
    await this.#read(async (group) => {
      await this.#proof.examine(entriesOf(group))
      await this.#thaws.noteEntries(entriesOf(group))
    })
    if (!this.#proof.isSettled) await this.#read((group) => this.#proof.settle(entriesOf(group)))
    await this.#read((group) => this.#verify(group))
    await this.#endLog()
    await this.#noteAbsent()
    return this.#counts
  }

  /** All evidence in order, a bounded part at a time. */
  async #read(take: (group: readonly Evidence[]) => Promise<void>): Promise<void> {
    let waiting: Evidence[] = []
    for await (const evidence of mergeEvidence(this.#sources.map((source) => source.entries()))) {
      waiting.push(evidence)
      if (waiting.length < limits.audit.verifiedAtOnce) continue
      await take(waiting)
      waiting = []
    }
    await take(waiting)
  }

  /** Signatures on all cores, decisions one after the other. */
  async #verify(group: readonly Evidence[]): Promise<void> {
    const verdicts = await this.#proof.judge(entriesOf(group))
    const judged = new Map(entriesOf(group).map((entry, index) => [entry, verdicts[index] ?? null]))
    const checked = await Promise.all(group.map(({ held }) => Promise.all(held.map((one) => this.#check(one, judged)))))
    for (const [index, evidence] of group.entries()) {
      const results = checked[index] ?? []
      for (const [position, one] of evidence.held.entries()) if (results[position]?.kind === 'sound') this.#writer?.add(one.bytes)
      await this.#take(evidence, results)
    }
  }

  async #check({ entry, problem }: Held, judged: ReadonlyMap<Sealed<EntryBody>, Rejected | null>): Promise<Checked> {
    if (entry === null) return { kind: 'bad', detail: problem ?? 'it cannot be read' }
    const refused = judged.get(entry)
    if (refused !== null && refused !== undefined) return { kind: 'bad', detail: refused.detail }
    const opened = await openHeldEntry({ chain: this.#chain, checkSignature: verifySignature }, entry)
    return { kind: 'sound', opened, checkpoint: this.#checkpointOf(entry) }
  }

  #checkpointOf({ body }: Sealed<EntryBody>): Membership | null {
    if (body.content.kind !== 'checkpoint' || body.content.credential === null) return null
    const opened = openCredential(this.#chain, body.content.credential)
    return opened.ok && opened.value.credential.body.peer === body.author ? opened.value : null
  }

  async #take(evidence: Evidence, checked: readonly Checked[]): Promise<void> {
    const id = logIdOf(evidence)
    if (this.#current?.id !== id) {
      await this.#endLog()
      this.#counts.logs += 1
      this.#met.add(id)
      this.#current = { id, log: new LogAudit(evidence, { isAdmin: wasEverAdmin(this.#chain, evidence.author), choices: this.#thaws.choicesOf(evidence), claims: this.#claimsOf(id) }), author: evidence.author }
    }
    this.#counts.entries += evidence.held.length
    await this.ledger.note(this.#current?.log.next(evidence.sequence, checked) ?? [])
    await this.#report()
  }

  async #endLog(): Promise<void> {
    if (this.#current === undefined) return
    const { log, author } = this.#current
    await this.ledger.note(log.end())
    await this.#report()
    if (log.membership !== null) this.#names.set(author, log.membership.credential.body.name)
  }

  #claimsOf(id: string): Claim[] {
    return this.#sources.flatMap(({ claims }) => claims.get(id) ?? [])
  }

  /** Logs that the home says it holds, and of which nothing is there. */
  async #noteAbsent(): Promise<void> {
    for (const { claims } of this.#sources) {
      for (const [id, { first, last }] of claims) {
        const [author = '', incarnation = ''] = id.split('/')
        if (last === 0 || this.#met.has(id)) continue
        this.#counts.faults += 1
        await this.ledger.find([{ kind: 'missing', author: author as KeyId, incarnation: incarnation as Finding['incarnation'], from: first, through: last, detail: 'the home says that it holds them', entries: [], thaw: null }])
      }
    }
  }

  async #report(): Promise<void> {
    const findings = this.#current?.log.findings.splice(0) ?? []
    if (findings.length === 0) return
    for (const finding of findings) {
      if (isFault(finding)) this.#counts.faults += 1
      if (finding.kind === 'fork') this.#counts.forks += 1
    }
    await this.ledger.find(findings)
  }
}

const entriesOf = (group: readonly Evidence[]): Sealed<EntryBody>[] => group.flatMap(({ held }) => held.flatMap(({ entry }) => (entry === null ? [] : [entry])))
