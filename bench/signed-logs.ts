/** A mesh of agents with logs that were signed beforehand: what an endpoint is fed with when its merging is measured. */
import { encodeCbor, sha256 } from '../src/base/codec.ts'
import { toBase32 } from '../src/base/bytes.ts'
import { drawIncarnation, drawNonce } from '../src/base/random.ts'
import { limits } from '../src/base/limits.ts'
import { systemRandom } from '../src/base/system-random.ts'
import { charterKind } from '../src/record/charter.ts'
import { credentialKind } from '../src/record/credential.ts'
import { entryKind, type EntryBody, type EntryContent, type Receipt } from '../src/record/entry.ts'
import { indicationKind } from '../src/record/indication.ts'
import { inviteKind } from '../src/record/invite.ts'
import { signerFromSeed, type Signer } from '../src/record/keys.ts'
import { rawCidOf } from '../src/record/payload-location.ts'
import { sealRecord, type Verified } from '../src/record/record.ts'
import { statementKind, type StatementBody } from '../src/record/statement.ts'
import { openCharterChain, type CharterChain } from '../src/trust/charter-chain.ts'
import type { Incarnation, IndicationId, MeshId, RecordId } from '../src/base/brand.ts'

export const benchTime = 1_800_000_000_000
const hour = 3_600_000

/** A log that is being written. */
export class Author {
  readonly #mesh: MeshId
  readonly #signer: Signer
  readonly #incarnation: Incarnation = drawIncarnation(systemRandom)
  #last: { readonly sequence: number; readonly id: RecordId | null } = { sequence: 0, id: null }

  constructor(mesh: MeshId, signer: Signer) {
    this.#mesh = mesh
    this.#signer = signer
  }

  say(content: EntryContent): Verified<EntryBody> {
    const sequence = this.#last.sequence + 1
    const body = { mesh: this.#mesh, author: this.#signer.key, incarnation: this.#incarnation, sequence, previous: this.#last.id, at: benchTime + sequence, content }
    const entry = sealRecord(entryKind, body, [this.#signer])
    this.#last = { sequence, id: entry.id }
    return entry
  }
}

/** What all agents of a fleet are measured with. */
export interface Fleet {
  readonly chain: CharterChain
  /** The admin's log and the first entry of each agent's: what an endpoint holds before it is measured. */
  readonly beginning: readonly Uint8Array[]
  /** By agent, in the order of its log: one entry for each order. */
  readonly logs: readonly (readonly Verified<EntryBody>[])[]
}

/** `transport`: an agent's own receipts; `statements`: `running` and the outcome, signed by its executor. */
export type ReceiptKind = 'transport' | 'statements'

export interface BenchMesh {
  readonly chain: CharterChain
  readonly admin: Signer
  readonly counter: Signer
}

export const drawSigner = (): Signer => signerFromSeed(systemRandom.bytes(32))

export const foundBenchMesh = (): BenchMesh => {
  const [admin, counter] = [drawSigner(), drawSigner()]
  const charter = sealRecord(
    charterKind,
    {
      name: 'bench', version: 1, previous: null, rootKeys: [admin.key], threshold: 1,
      admins: [{ key: admin.key, name: 'admin', may: [{ formats: ['*'], on: '' }] }], endpoints: [], enrollers: [{ key: admin.key, name: 'admin' }],
      issuedAt: benchTime, expiresAt: benchTime + limits.trust.charterValidityMs
    },
    [admin]
  )
  const mesh = charter.id as string as MeshId
  const chain = openCharterChain(mesh, [charter.bytes])
  if (!chain.ok) throw new Error(chain.detail)
  return { chain: chain.value, admin, counter }
}

export const signFleet = (agents: number, entriesEach: number, kind: ReceiptKind): Fleet => {
  const { chain, admin, counter } = foundBenchMesh()
  const { mesh } = chain
  const adminLog = new Author(mesh, admin)
  const orders: IndicationId[] = []
  const beginning: Uint8Array[] = []
  for (let index = 0; index < entriesEach; index += 1) {
    const indication = sealOrder(mesh, admin, index)
    orders.push(indication.id as IndicationId)
    beginning.push(adminLog.say({ kind: 'indication', indication: indication.bytes }).bytes)
  }
  const logs = Array.from({ length: agents }, (_, index) => {
    const [peer, executor] = [drawSigner(), drawSigner()]
    const log = new Author(mesh, peer)
    beginning.push(log.say({ kind: 'credential', credential: sealCredential(mesh, { admin, counter, peer, executor }, `agent-${index}`) }).bytes)
    const say = kind === 'transport' ? transportReceipts : statementsOf(mesh, executor)
    return orders.map((order) => log.say({ kind: 'receipts', receipts: say(order) }))
  })
  return { chain, beginning, logs }
}

export const sealOrder = (mesh: MeshId, admin: Signer, index: number) => {
  const payload = encodeCbor({ argv: ['true'] })
  const digest = sha256(payload)
  return sealRecord(
    indicationKind,
    {
      mesh, admin: admin.key, nonce: drawNonce(systemRandom), name: `order ${index}`, format: 'command',
      payload: { cid: rawCidOf(digest).toString(), sizeBytes: payload.length, sha256: Buffer.from(digest).toString('hex') },
      repository: { kind: 'mesh' }, parameters: {}, environment: {}, target: { kind: 'select', selector: '', enrolledUntil: benchTime + hour },
      prerequisites: { executables: [] }, expected: { exitCode: 0, output: null }, createdAt: benchTime + index, notBefore: benchTime, expiresAt: benchTime + hour,
      timeoutMs: 60_000, idempotent: false, priority: 5, charterVersion: 1
    },
    [admin]
  )
}

export const sealCredential = (mesh: MeshId, keys: { readonly admin: Signer; readonly counter: Signer; readonly peer: Signer; readonly executor: Signer }, name: string): Uint8Array => {
  const { admin, counter, peer, executor } = keys
  const token = signerFromSeed(systemRandom.bytes(32))
  const terms = { mesh, role: 'agent' as const, labels: {}, expiresAt: benchTime + limits.trust.credentialValidityMs }
  const invite = sealRecord(inviteKind, { ...terms, enroller: admin.key, token: token.key, counter: counter.key, uses: 1, issuedAt: benchTime }, [admin])
  const body = { ...terms, invite: invite.bytes, peer: peer.key, executor: executor.key, sealing: toBase32(systemRandom.bytes(32)), name, enrolledAt: benchTime }
  return sealRecord(credentialKind, body, [token, peer, executor, counter]).bytes
}

export const transportReceipts = (indication: IndicationId): Receipt[] =>
  (['received', 'validated'] as const).map((state) => ({ kind: 'agent', indication, state, at: benchTime, code: null, detail: null }))

const statementsOf = (mesh: MeshId, executor: Signer): ((indication: IndicationId) => Receipt[]) => {
  let previous: RecordId | null = null
  const state = (indication: IndicationId, outcome: Pick<StatementBody, 'state' | 'exitCode' | 'stdout' | 'stderr'>): Receipt => {
    const body = { mesh, executor: executor.key, previous, indication, at: benchTime + 1, startedAt: benchTime, signal: null, code: null, detail: null, ...outcome }
    const statement = sealRecord(statementKind, body, [executor])
    previous = statement.id
    return { kind: 'executor', statement: statement.bytes }
  }
  const output = (text: string) => ({ head: new TextEncoder().encode(text), sizeBytes: text.length, cid: null, keptBytes: text.length })
  return (indication) => [
    state(indication, { state: 'running', exitCode: null, stdout: null, stderr: null }),
    state(indication, { state: 'succeeded', exitCode: 0, stdout: output('up 12 days, 3:04\n'), stderr: output('') })
  ]
}
