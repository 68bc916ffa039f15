import test from 'ava'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { put } from '../../src/base/key-value-store.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { keys, putRow } from '../../src/queue/queue-store.ts'
import { Checkers } from '../../simulations/checkers.ts'
import { createSignatureMemory } from '../../simulations/signature-memory.ts'
import { createWorld } from '../../simulations/world.ts'
import { Ledger, type GivenOrder } from '../../simulations/ledger.ts'
import { SeededRandom } from '../../simulations/seeded-random.ts'
import type { IndicationId, KeyId } from '../../src/base/brand.ts'
import type { Disk } from '../../simulations/disk.ts'

const { chain, startedAt } = createWorld('checkers', { endpoints: 1, agents: 1 })
const clock = { now: () => startedAt }

/** An endpoint's disk with one entry, one cell and one digest. */
const storeOf = async (entry: string, cell: string, digest: number): Promise<MemoryStore> => {
  const store = new MemoryStore()
  const meta = putRow(keys.meta, { storeId: 'a'.repeat(26), arrival: 1, digest: new Uint8Array(32).fill(digest) })
  await store.write([meta, put('q/entry/a', utf8(entry)), put('q/cell/a', utf8(cell))], { durable: true })
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

const order: GivenOrder = { indication: 'order' as IndicationId, bytes: new Uint8Array(), attemptsMax: 1, isPromised: true, name: 'order', targets: new Set(['target' as KeyId]), expiresAt: startedAt, result: 'succeeded', heldBy: new Set() }

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
