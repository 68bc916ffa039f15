import test from 'ava'
import { MemoryStore } from '../../../src/base/memory-store.ts'
import { limits } from '../../../src/base/limits.ts'
import { WritError } from '../../../src/base/errors.ts'
import { ReceiptWriter } from '../../../src/node/agent/receipt-writer.ts'
import { OwnLog } from '../../../src/queue/own-log.ts'
import { decodeRecord } from '../../../src/record/record.ts'
import { statementKind } from '../../../src/record/statement.ts'
import { randomOf, said, World } from '../../queue/world.ts'
import { RecordingLog } from '../in-memory.ts'
import { ManualTime, settled } from '../manual-time.ts'
import type { Change } from '../../../src/base/key-value-store.ts'
import type { EntryBody, Receipt } from '../../../src/record/entry.ts'
import type { RecordId } from '../../../src/base/brand.ts'

const world = new World()
const { node } = world.agent('web-1')
const orders = Array.from({ length: 80 }, () => world.order().id)
const received = (index: number): Receipt => said(orders[index] ?? '' as RecordId, 'received')
const outcome = (index: number, overrides = {}): Receipt => world.statement(node.executor, orders[index] ?? '' as RecordId, 'succeeded', overrides)

class FailingStore extends MemoryStore {
  failures = 0
  attempts = 0
  override async write(changes: readonly Change[], options: { durable: boolean }): Promise<void> {
    this.attempts += 1
    if (this.failures > 0) {
      this.failures -= 1
      throw new WritError('disk-full', 'no space left')
    }
    await super.write(changes, options)
  }
}

const make = async (options: { readonly released: boolean } = { released: true }) => {
  const store = new FailingStore()
  const time = new ManualTime()
  const log = new RecordingLog()
  const ownLog = await OwnLog.open({ store, signer: node.peer, mesh: world.mesh.mesh, random: randomOf('own'), clock: time, first: { kind: 'credential', credential: node.credential.bytes } })
  const appended: EntryBody[] = []
  const kept: RecordId[] = []
  const writer = new ReceiptWriter({ ownLog, timers: time, log, onAppended: ({ body }) => appended.push(body), onKept: (statement) => kept.push(statement) })
  if (options.released) writer.release()
  return { store, time, log, ownLog, appended, kept, writer }
}

const receiptsOf = (entries: readonly EntryBody[]): Receipt[][] => entries.map(({ content }) => (content.kind === 'receipts' ? [...content.receipts] : []))
const idOf = (receipt: Receipt): RecordId => {
  const statement = receipt.kind === 'executor' ? decodeRecord(statementKind, receipt.statement) : undefined
  if (statement?.ok !== true) throw new Error('no statement')
  return statement.value.id
}

test('what is due together becomes one entry', async (t) => {
  const { time, appended, writer } = await make()
  writer.add(received(0), false)
  await time.pass(limits.receipts.settleMs - 1)
  writer.add(received(1), false)
  t.is(appended.length, 0)
  await time.pass(1)
  t.deepEqual(receiptsOf(appended), [[received(0), received(1)]])
})

test('an outcome does not wait, and takes along what does', async (t) => {
  const { time, appended, writer } = await make()
  writer.add(received(0), false)
  writer.add(outcome(0), true)
  await settled()
  t.deepEqual(receiptsOf(appended), [[received(0), outcome(0)]])
  await time.pass(1000)
  t.is(appended.length, 1)
})

test('the executor hears that its statement is kept, once it is', async (t) => {
  const { kept, appended, writer } = await make()
  const receipt = outcome(0)
  writer.add(receipt, true)
  t.deepEqual(kept, [])
  await settled()
  t.is(appended.length, 1)
  t.deepEqual(kept, [idOf(receipt)])
})

test('nothing is written before a peer has told how far the log is known, and everything then', async (t) => {
  const { time, appended, writer, ownLog } = await make({ released: false })
  writer.add(received(0), false)
  writer.add(outcome(0), true)
  await time.pass(60_000)
  t.deepEqual(appended, [])
  t.is(ownLog.head().head.sequence, 1)
  writer.release()
  await settled()
  t.deepEqual(receiptsOf(appended), [[received(0), outcome(0)]])
})

test('what comes while an entry is written goes into the next one', async (t) => {
  const { time, appended, writer } = await make()
  writer.add(outcome(0), true)
  writer.add(outcome(1), true)
  writer.add(received(2), false)
  await settled()
  await time.pass(limits.receipts.settleMs)
  t.deepEqual(receiptsOf(appended).flat(), [outcome(0), outcome(1), received(2)])
  t.deepEqual(appended.map(({ sequence }) => sequence), appended.map((_, index) => index + 2))
})

test('a write that fails is tried again, and nothing is lost or said twice', async (t) => {
  const { store, time, log, appended, kept, writer } = await make()
  store.failures = 2
  writer.add(received(0), false)
  writer.add(outcome(0), true)
  await settled()
  writer.add(received(1), false)
  t.deepEqual(appended, [])
  t.deepEqual(kept, [])
  await time.pass(10 * limits.network.reconnectMsMin)
  t.deepEqual(receiptsOf(appended).flat(), [received(0), outcome(0), received(1)])
  t.deepEqual(kept, [idOf(outcome(0))])
  t.is(log.problems().length, 1)
})

test('a store that stays broken is not hammered', async (t) => {
  const { store, time, log, writer } = await make()
  store.failures = Number.POSITIVE_INFINITY
  writer.add(outcome(0), true)
  await settled()
  await time.pass(60 * limits.receipts.retryMsMax)
  const before = store.attempts
  await time.pass(60 * limits.receipts.retryMsMax)
  t.true(store.attempts > before && store.attempts - before <= 61, `${store.attempts - before} attempts`)
  t.is(log.problems().length, 1)
})

test('more receipts than an entry may hold become several', async (t) => {
  const { time, appended, writer } = await make()
  for (let index = 0; index < 70; index += 1) writer.add(received(index), false)
  await time.pass(limits.receipts.settleMs)
  t.deepEqual(receiptsOf(appended).map(({ length }) => length), [32, 32, 6])
})

test('statements with full heads never make an entry too large', async (t) => {
  const { appended, kept, writer } = await make()
  const head = new Uint8Array(limits.output.headBytesMax)
  const large = { stdout: { head, sizeBytes: head.length, cid: null, keptBytes: head.length }, stderr: { head, sizeBytes: head.length, cid: null, keptBytes: head.length }, detail: '€'.repeat(1024) }
  for (let index = 0; index < 40; index += 1) writer.add(outcome(index, large), true)
  await settled()
  t.is(kept.length, 40)
  t.true(appended.length >= 4)
})
