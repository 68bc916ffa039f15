import test from 'ava'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { put } from '../../src/base/key-value-store.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { limits } from '../../src/base/limits.ts'
import { encodeCell, factOfAgent } from '../../src/queue/fold.ts'
import { keys, putRow } from '../../src/queue/queue-store.ts'
import { Checkers } from '../../simulations/checkers.ts'
import { createSignatureMemory } from '../../simulations/signature-memory.ts'
import { createWorld } from '../../simulations/world.ts'
import { Ledger, type GivenOrder } from '../../simulations/ledger.ts'
import { SeededRandom } from '../../simulations/seeded-random.ts'
import type { Incarnation, IndicationId, KeyId, RecordId } from '../../src/base/brand.ts'
import type { Disk } from '../../simulations/disk.ts'

const { chain, startedAt } = createWorld('checkers', { endpoints: 1, agents: 1 })
const clock = { now: () => startedAt }

const name = { author: 'author' as KeyId, incarnation: 'life' as Incarnation }

/** An endpoint's disk with one log of one entry, one cell and one digest, and evidence that is nobody else's. */
const storeOf = async (entry: string, cell: string, digest: number): Promise<MemoryStore> => {
  const store = new MemoryStore()
  const meta = putRow(keys.meta, { storeId: 'a'.repeat(26), arrival: 1, digest: new Uint8Array(32).fill(digest) })
  const log = putRow(keys.log(name), { kind: 'node', head: { sequence: 1, id: 'a' as RecordId }, executor: null, frozenAt: null, base: 1 })
  const evidence = put(keys.conflict(name, 1, `evidence of ${digest}` as RecordId), utf8(`${entry} ${cell}`))
  const fact = { ...factOfAgent({ kind: 'agent', indication: order.indication, state: 'received', at: 1, code: cell, detail: null }, 'a' as RecordId) }
  await store.write([meta, log, evidence, put(keys.entry(name, 1), utf8(entry)), put(keys.cell(order.indication, name.author), encodeCell(fact))], { durable: true })
  return store
}

const check = async (...stores: MemoryStore[]): Promise<string[]> => {
  const ledger = new Ledger(clock)
  const endpoints = stores.map((store, index) => ({ key: `k${index}` as KeyId, name: `endpoint-${index}`, agentDisk: { peek: () => store, generation: 0 } as unknown as Disk }))
  const deps = { chain, clock, random: new SeededRandom('c'), checkSignature: createSignatureMemory(), ledger, names: new Map(), intruders: new Set<KeyId>(), machines: () => [], endpoints: () => endpoints }
  await new Checkers(deps).checkAlways()
  return ledger.violations.map(({ checker }) => checker)
}

const isJudged = test.macro({
  async exec(t, left: [string, string, number], right: [string, string, number], violated: string[]) {
    t.deepEqual(await check(await storeOf(...left), await storeOf(...right)), violated)
  },
  title: (name = '') => name
})

test('equal entries, queues and digests are right', isJudged, ['a', 'x', 1], ['a', 'x', 1], [])
test('other entries, queues and digests are right', isJudged, ['a', 'x', 1], ['b', 'y', 2], [])
test('equal entries under other digests are caught', isJudged, ['a', 'x', 1], ['a', 'x', 2], ['digest'])
test('other entries under one digest are caught', isJudged, ['a', 'x', 1], ['b', 'x', 1], ['digest'])
test('equal entries folded to other queues are caught', isJudged, ['a', 'x', 1], ['a', 'y', 1], ['fold'])

const order: GivenOrder = { indication: 'order' as IndicationId, bytes: new Uint8Array(), attemptsMax: 1, isPromised: true, entry: null, name: 'order', targets: new Set(['target' as KeyId]), expiresAt: startedAt, result: 'succeeded', heldBy: new Set() }

const starts = (now: number, ...agents: string[]): string[] => {
  const ledger = new Ledger({ now: () => now })
  ledger.noteOrder(order)
  for (const agent of agents) ledger.noteStart({ key: agent as KeyId, name: agent, now }, order.indication)
  return ledger.violations.map(({ checker }) => checker)
}

test('a start on a target before the expiry breaks no rule', (t) => t.deepEqual(starts(startedAt, 'target'), []))
test('a second start is caught', (t) => t.deepEqual(starts(startedAt, 'target', 'target'), ['started-once']))
test('a start where nobody ordered it is caught', (t) => t.deepEqual(starts(startedAt, 'another'), ['no-unauthorised-run']))
test('a start after the expiry is caught', (t) => t.deepEqual(starts(startedAt + 1, 'target'), ['no-late-start']))

test('an order that may be repeated is started as often as its limit, and no more', (t) => {
  const ledger = new Ledger({ now: () => startedAt })
  ledger.noteOrder({ ...order, attemptsMax: 2 })
  const start = (): void => ledger.noteStart({ key: 'target' as KeyId, name: 'target', now: startedAt }, order.indication)
  start()
  start()
  t.deepEqual(ledger.violations, [])
  start()
  t.is(ledger.violations.length, 1)
})

test('a second start after a restore is for those to judge who know what the endpoints hold', (t) => {
  const ledger = new Ledger({ now: () => startedAt })
  const doubts: number[] = []
  ledger.onDoubt = ({ earlier }) => doubts.push(earlier.length)
  ledger.noteOrder(order)
  const start = (): void => ledger.noteStart({ key: 'target' as KeyId, name: 'target', now: startedAt }, order.indication)
  start()
  ledger.noteRestore('target' as KeyId, startedAt)
  start()
  t.deepEqual(ledger.violations, [])
  t.is(doubts.length, 1)
})

test('a start is late by its own clock, and by the true time beyond the tolerance', (t) => {
  const isLate = (trueNow: number, ownNow: number): boolean => {
    const ledger = new Ledger({ now: () => trueNow })
    ledger.noteOrder(order)
    ledger.noteStart({ key: 'target' as KeyId, name: 'target', now: ownNow }, order.indication)
    return ledger.violations.some(({ checker }) => checker === 'no-late-start')
  }
  const tolerance = limits.trust.clockToleranceMs
  t.true(isLate(startedAt, startedAt + 1))
  t.false(isLate(startedAt + tolerance, startedAt))
  t.true(isLate(startedAt + tolerance + 2, startedAt + 2))
})
