/** Records of Writ beside libp2p's signed envelope, which was the other choice, and beside the bare signatures of node:crypto. */
import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import { promisify } from 'node:util'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { RecordEnvelope } from '@libp2p/peer-record'
import { encodeCbor } from '../src/base/codec.ts'
import { systemRandom } from '../src/base/system-random.ts'
import { drawIncarnation } from '../src/base/random.ts'
import { toBase32 } from '../src/base/bytes.ts'
import { entryKind, type EntryBody } from '../src/record/entry.ts'
import { decodeRecord, sealRecord, verifyRecord } from '../src/record/record.ts'
import { signerFromSeed } from '../src/record/keys.ts'
import { median, round, tabulate, type Report, type Tell } from './report.ts'
import type { IndicationId, KeyId, MeshId, RecordId } from '../src/base/brand.ts'

const spanMs = 1500
const turns = 5
const inFlight = 500

/** One operation, or as many as are in flight, together. */
interface Contestant {
  readonly name: string
  readonly operations: number
  readonly run: () => Promise<unknown>
}

const inParallel = (name: string, operation: () => Promise<unknown>): Contestant => ({ name, operations: inFlight, run: () => Promise.all(Array.from({ length: inFlight }, operation)) })

/** Operations a second: the contestants take turns, so that what else the machine does falls on all alike. */
const measureRates = async (contestants: readonly Contestant[]): Promise<Map<string, number>> => {
  const rates = new Map<string, number[]>(contestants.map(({ name }) => [name, []]))
  for (let turn = -1; turn < turns; turn += 1) {
    for (const { name, operations, run } of contestants) {
      const startedAt = performance.now()
      let done = 0
      while (performance.now() - startedAt < (turn < 0 ? spanMs / 5 : spanMs / turns)) {
        await run()
        done += operations
      }
      if (turn >= 0) rates.get(name)?.push((done * 1000) / (performance.now() - startedAt))
    }
  }
  return new Map([...rates].map(([name, values]) => [name, Math.round(median(values))]))
}

/** The usual load of an endpoint: an entry of an agent's log with the receipts of one order. */
const sampleEntry = (author: KeyId): EntryBody => {
  const id = (): string => toBase32(systemRandom.bytes(32))
  const indication = id() as IndicationId
  const receipt = (state: 'received' | 'validated') => ({ kind: 'agent' as const, indication, state, at: 1_800_000_000_000, code: null, detail: null })
  return {
    mesh: id() as MeshId, author, incarnation: drawIncarnation(systemRandom), sequence: 7, previous: id() as RecordId, at: 1_800_000_000_000,
    content: { kind: 'receipts', receipts: [receipt('received'), receipt('validated')] }
  }
}

const domain = 'writ-bench'
const codec = new TextEncoder().encode('/writ/bench')

export const runSignatures = async (tell: Tell): Promise<Report> => {
  const signer = signerFromSeed(systemRandom.bytes(32))
  const body = sampleEntry(signer.key)
  const bodyBytes = encodeCbor(body)
  const record = sealRecord(entryKind, body, [signer])
  const envelopeKey = await generateKeyPair('Ed25519')
  const payload = { domain, codec, marshal: () => bodyBytes, equals: () => false }
  const envelope = (await RecordEnvelope.seal(payload, envelopeKey)).marshal()
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const message = randomBytes(bodyBytes.length)
  const signature = sign(null, message, privateKey)
  const verifyLater = promisify(verify)
  tell('signing')
  const signed = await measureRates([
    inParallel('writ', async () => sealRecord(entryKind, body, [signer]).bytes),
    inParallel('envelope', async () => (await RecordEnvelope.seal(payload, envelopeKey)).marshal()),
    inParallel('node:crypto', async () => sign(null, message, privateKey))
  ])
  tell('verifying')
  const verified = await measureRates([
    inParallel('writ', async () => {
      const decoded = decodeRecord(entryKind, record.bytes)
      if (!decoded.ok || !(await verifyRecord(decoded.value, [signer.key])).ok) throw new Error('a record was refused')
    }),
    inParallel('envelope', () => RecordEnvelope.openAndCertify(envelope, domain)),
    inParallel('node:crypto', () => verifyLater(null, message, publicKey, signature))
  ])
  return report(bodyBytes.length, signed, verified)
}

const report = (bodySizeBytes: number, signed: ReadonlyMap<string, number>, verified: ReadonlyMap<string, number>): Report => {
  const atLeastEnvelope = (name: string, rates: ReadonlyMap<string, number>) => {
    const ratio = round((rates.get('writ') ?? 0) / (rates.get('envelope') ?? Number.NaN), 2)
    return { name, goal: "at least 1 × the envelope's rate", measured: ratio, met: ratio >= 1 }
  }
  const row = (name: string, what: string) => [what, signed.get(name) ?? 0, verified.get(name) ?? 0]
  return {
    measurements: { bodySizeBytes, inFlight, signedPerSecond: Object.fromEntries(signed), verifiedPerSecond: Object.fromEntries(verified) },
    lines: tabulate([['a second', 'sealed', 'opened and verified'], row('writ', 'record of Writ, shape checked'), row('envelope', "libp2p's signed envelope"), row('node:crypto', 'bare Ed25519 of node:crypto')]),
    goals: [atLeastEnvelope('sealing', signed), atLeastEnvelope('verifying', verified)]
  }
}
