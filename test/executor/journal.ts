/** What the journal promises over any store, as tests over a factory that opens the same store again. */
import test, { type ExecutionContext } from 'ava'
import { utf8 } from '../../src/base/bytes.ts'
import { limits } from '../../src/base/limits.ts'
import { put, type Change, type KeyValueStore } from '../../src/base/key-value-store.ts'
import { Journal, type Statement } from '../../src/executor/journal.ts'
import { sealStatement } from '../../src/executor/statement-sealing.ts'
import { commandOrder, mesh, node } from './workbench.ts'
import type { Order } from '../../src/executor/job-events.ts'
import type { IndicationBody } from '../../src/record/indication.ts'
import type { ExecutorState } from '../../src/record/statement.ts'

export interface Reopenable {
  /** Closes what is open, as the end of a process does, and opens it again. */
  reopen(): Promise<KeyValueStore>
}

export type CreateReopenable = (t: ExecutionContext) => Promise<Reopenable>

const makeOrder = (change: Partial<IndicationBody> = {}): Order => {
  const { id, indication, bundle } = commandOrder(['true'], change)
  return { id, body: indication.body, bundle }
}

const makeStatement = (order: Order, state: ExecutorState): Statement =>
  sealStatement(node.executor, mesh.mesh, null, { indication: order.id, state, at: mesh.now, startedAt: null, code: null, detail: null, report: null })

const finish = async (journal: Journal, order: Order): Promise<Statement> => {
  const outcome = makeStatement(order, 'succeeded')
  await journal.recordStarted(order, 1, mesh.now, makeStatement(order, 'running'))
  await journal.recordOutcome(order, outcome)
  return outcome
}

const idsOf = (statements: readonly Statement[]): string[] => statements.map(({ id }) => id)

export const testJournal = (name: string, create: CreateReopenable): void => {
  testHistory(name, create)
  testStatements(name, create)
  testForgetting(name, create)
  testAdoption(name, create)
}

const testHistory = (name: string, create: CreateReopenable): void => {
  test(`${name}: what was accepted, started and finished is known after a restart`, async (t) => {
    const stores = await create(t)
    const [accepted, started, finished, fresh] = [makeOrder(), makeOrder(), makeOrder(), makeOrder()]
    const before = await Journal.open(await stores.reopen())
    await before.recordAccepted(accepted)
    await before.recordAccepted(started)
    await before.recordStarted(started, 2, mesh.now + 5, makeStatement(started, 'running'))
    await finish(before, finished)
    const after = await Journal.open(await stores.reopen())
    t.deepEqual(await after.recall(fresh.id), { kind: 'fresh' })
    t.deepEqual(await after.recall(accepted.id), { kind: 'fresh' })
    t.deepEqual(await after.recall(started.id), { kind: 'started' })
    t.deepEqual(await after.recall(finished.id), { kind: 'finished' })
    const active = new Map((await after.active()).map((record) => [record.id, record]))
    t.deepEqual([...active.keys()].sort(), [accepted.id, started.id].sort())
    t.deepEqual(active.get(accepted.id), { id: accepted.id, bundle: accepted.bundle, attempts: 0, startedAt: null })
    t.deepEqual(active.get(started.id), { id: started.id, bundle: started.bundle, attempts: 2, startedAt: mesh.now + 5 })
  })


  test(`${name}: a record that cannot be read is an error, not a fresh order`, async (t) => {
    const stores = await create(t)
    const order = makeOrder()
    const store = await stores.reopen()
    await store.write([put(`active/${order.id}`, utf8('?'))], { durable: true })
    const journal = await Journal.open(store)
    await t.throwsAsync(journal.recall(order.id), { code: 'journal-unreadable' })
    await t.throwsAsync(journal.active(), { code: 'journal-unreadable' })
    await store.write([put('statement/0000000000000001', utf8('?'))], { durable: true })
    await t.throwsAsync(Journal.open(store), { code: 'journal-unreadable' })
  })
}

const testStatements = (name: string, create: CreateReopenable): void => {
  test(`${name}: statements stay, in their order, until they are kept`, async (t) => {
    const stores = await create(t)
    const journal = await Journal.open(await stores.reopen())
    const orders = Array.from({ length: 12 }, () => makeOrder())
    for (const order of orders) await finish(journal, order)
    const all = idsOf(journal.unkept())
    t.is(all.length, 24)
    const again = await Journal.open(await stores.reopen())
    t.deepEqual(idsOf(again.unkept()), all)
    for (const statement of again.unkept().slice(0, 20)) t.is((await again.keep(statement.id))?.id, statement.id)
    const third = await Journal.open(await stores.reopen())
    t.deepEqual(idsOf(third.unkept()), all.slice(20))
    const last = await finish(third, makeOrder())
    t.is(idsOf((await Journal.open(await stores.reopen())).unkept()).at(-1), last.id)
  })

  test(`${name}: outcomes that an agent lost wait, all of them, until each is kept once more`, async (t) => {
    const stores = await create(t)
    const journal = await Journal.open(await stores.reopen())
    const [first, second, waiting, started] = [makeOrder(), makeOrder(), makeOrder(), makeOrder()]
    const outcomes = [await finish(journal, first), await finish(journal, second)]
    for (const { id } of journal.unkept()) await journal.keep(id)
    await finish(journal, waiting)
    await journal.recordStarted(started, 1, mesh.now, makeStatement(started, 'running'))
    const before = idsOf(journal.unkept())
    t.deepEqual(idsOf(await journal.retell(null)).sort(), idsOf(outcomes).sort())
    t.deepEqual(await journal.retell(null), [], 'they wait already')
    const again = await Journal.open(await stores.reopen())
    t.deepEqual(idsOf(again.unkept()).slice(0, before.length), before)
    t.deepEqual(idsOf(again.unkept()).slice(before.length).sort(), idsOf(outcomes).sort())
    for (const { id } of outcomes) t.is((await again.keep(id))?.id, id)
    t.deepEqual(idsOf((await Journal.open(await stores.reopen())).unkept()), before)
  })

  test(`${name}: a statement that is kept twice, or never was, is nothing`, async (t) => {
    const journal = await Journal.open(await (await create(t)).reopen())
    const outcome = await finish(journal, makeOrder())
    t.not(await journal.keep(outcome.id), undefined)
    t.is(await journal.keep(outcome.id), undefined)
    t.is(await journal.keep(makeStatement(makeOrder(), 'failed').id), undefined)
  })
}

/** An order that was made after `at`. */
const laterOrder = (at: number): Order => makeOrder({ createdAt: at, notBefore: at, expiresAt: at + 1000 })

const testForgetting = (name: string, create: CreateReopenable): void => {
  test(`${name}: an id is forgotten once later orders have run, after its expiry and the tolerance, not before`, async (t) => {
    const stores = await create(t)
    const journal = await Journal.open(await stores.reopen())
    const order = makeOrder()
    await finish(journal, order)
    const due = order.body.expiresAt + limits.trust.clockToleranceMs
    t.is(await journal.forget(due * 2), 0)
    t.is((await journal.recall(order.id)).kind, 'finished')
    await journal.recordStarted(laterOrder(due), 1, due, makeStatement(order, 'running'))
    t.is(await journal.forget(due * 2), 0)
    await journal.recordStarted(laterOrder(due + 1), 1, due, makeStatement(order, 'running'))
    t.is(await journal.forget(due), 0)
    t.is((await journal.recall(order.id)).kind, 'finished')
    t.is(await journal.forget(due + 1), 1)
    t.is((await journal.recall(order.id)).kind, 'fresh')
    t.true(order.body.expiresAt < journal.forgottenBefore)
    t.is((await journal.recall(laterOrder(due + 2).id)).kind, 'fresh')
    t.is(await journal.forget(due * 2), 0)
    const again = await Journal.open(await stores.reopen())
    t.is(again.forgottenBefore, journal.forgottenBefore)
  })

  test(`${name}: an order without an outcome is never forgotten`, async (t) => {
    const journal = await Journal.open(await (await create(t)).reopen())
    const order = makeOrder()
    const later = laterOrder(order.body.expiresAt * 2)
    await journal.recordStarted(order, 1, mesh.now, makeStatement(order, 'running'))
    await journal.recordStarted(later, 1, mesh.now, makeStatement(later, 'running'))
    await journal.forget(order.body.expiresAt * 2)
    t.is((await journal.recall(order.id)).kind, 'started')
  })
}

const testAdoption = (name: string, create: CreateReopenable): void => {
  test(`${name}: what was said before a restore is known after a restart, and is not said again`, async (t) => {
    const stores = await create(t)
    const [ended, cutOff, accepted] = [makeOrder(), makeOrder(), makeOrder()]
    const before = await Journal.open(await stores.reopen())
    await before.recordAccepted(accepted)
    const outcome = makeStatement(ended, 'succeeded')
    for (const statement of [makeStatement(ended, 'running'), outcome, makeStatement(ended, 'running'), outcome, makeStatement(cutOff, 'running'), makeStatement(accepted, 'failed')]) await before.recordAdopted(statement)
    const after = await Journal.open(await stores.reopen())
    t.deepEqual(await after.recall(ended.id), { kind: 'finished' })
    t.deepEqual(await after.recall(cutOff.id), { kind: 'started' })
    t.is((await after.recall(accepted.id)).kind, 'finished')
    t.deepEqual(await after.active(), [])
    t.deepEqual(idsOf(await after.unsettled()), [makeStatement(cutOff, 'running').id])
    t.deepEqual(after.unkept(), [])
    t.deepEqual(idsOf(await after.retell(ended.id)), [outcome.id])
  })

  test(`${name}: an adopted start is settled once, and its outcome is said`, async (t) => {
    const journal = await Journal.open(await (await create(t)).reopen())
    const order = makeOrder()
    await journal.recordAdopted(makeStatement(order, 'running'))
    const outcome = makeStatement(order, 'interrupted')
    await journal.settle(outcome)
    t.deepEqual(await journal.unsettled(), [])
    t.deepEqual(idsOf(journal.unkept()), [outcome.id])
    t.is((await journal.recall(order.id)).kind, 'finished')
    await journal.recordAdopted(outcome)
    t.deepEqual(await journal.unsettled(), [])
  })

  test(`${name}: an outcome that the agent lost, while its start is known elsewhere, is said again`, async (t) => {
    const stores = await create(t)
    const journal = await Journal.open(await stores.reopen())
    const [lost, known] = [makeOrder(), makeOrder()]
    const outcomes = [await finish(journal, lost), await finish(journal, known)]
    for (const { id } of journal.unkept()) await journal.keep(id)
    const { last } = journal
    for (const order of [lost, known]) await journal.recordAdopted(makeStatement(order, 'running'))
    await journal.recordAdopted(outcomes[1] ?? makeStatement(known, 'succeeded'))
    t.deepEqual((await journal.unsettled()).map(({ body }) => body.indication), [lost.id])
    t.deepEqual(idsOf(await journal.retell(lost.id)), idsOf(outcomes.slice(0, 1)))
    t.deepEqual(await journal.retell(makeOrder().id), [])
    const again = await Journal.open(await stores.reopen())
    t.deepEqual([idsOf(again.unkept()), await again.unsettled(), again.last], [[outcomes[0]?.id ?? ''], [], last])
  })

  test(`${name}: a start is not noted whose outcome waits to be kept, since that one comes anyway`, async (t) => {
    const journal = await Journal.open(await (await create(t)).reopen())
    const order = makeOrder()
    await finish(journal, order)
    await journal.recordAdopted(makeStatement(order, 'running'))
    t.deepEqual(await journal.unsettled(), [])
  })

  test(`${name}: what is known here stays as it is, whatever is adopted`, async (t) => {
    const journal = await Journal.open(await (await create(t)).reopen())
    const order = makeOrder()
    const outcome = await finish(journal, order)
    await journal.recordAdopted(makeStatement(order, 'failed'))
    await journal.keep(outcome.id)
    t.deepEqual(idsOf(await journal.retell(order.id)), [outcome.id])
  })
}

/** A store that notes which writes were durable. */
export const noteWrites = (store: KeyValueStore): { store: KeyValueStore; writes: { keys: string[]; durable: boolean }[] } => {
  const writes: { keys: string[]; durable: boolean }[] = []
  const noting: KeyValueStore = {
    get: (key) => store.get(key),
    getMany: (keys) => store.getMany(keys),
    entries: (range) => store.entries(range),
    close: () => store.close(),
    write: (changes: readonly Change[], options) => {
      writes.push({ keys: changes.map(({ key }) => key), durable: options.durable })
      return store.write(changes, options)
    }
  }
  return { store: noting, writes }
}
