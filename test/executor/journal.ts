/** What the journal promises over any store, as tests over a factory that opens the same store again. */
import test, { type ExecutionContext } from 'ava'
import { utf8 } from '../../src/base/bytes.ts'
import { limits } from '../../src/base/limits.ts'
import { put, type Change, type KeyValueStore } from '../../src/base/key-value-store.ts'
import { Journal, type Statement } from '../../src/executor/journal.ts'
import { sealStatement } from '../../src/executor/statement-sealing.ts'
import { commandOrder, mesh, node } from './workbench.ts'
import type { Order } from '../../src/executor/job-events.ts'
import type { ExecutorState } from '../../src/record/statement.ts'

export interface Reopenable {
  /** Closes what is open, as the end of a process does, and opens it again. */
  reopen(): Promise<KeyValueStore>
}

export type CreateReopenable = (t: ExecutionContext) => Promise<Reopenable>

const makeOrder = (): Order => {
  const { id, indication, bundle } = commandOrder(['true'])
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
}

const testHistory = (name: string, create: CreateReopenable): void => {
  test(`${name}: what was accepted, started and finished is known after a restart`, async (t) => {
    const stores = await create(t)
    const [accepted, started, finished, fresh] = [makeOrder(), makeOrder(), makeOrder(), makeOrder()]
    const before = await Journal.open(await stores.reopen())
    await before.recordAccepted(accepted)
    await before.recordAccepted(started)
    await before.recordStarted(started, 2, mesh.now + 5, makeStatement(started, 'running'))
    const outcome = await finish(before, finished)
    const after = await Journal.open(await stores.reopen())
    t.deepEqual(await after.recall(fresh.id), { kind: 'fresh' })
    t.deepEqual(await after.recall(accepted.id), { kind: 'fresh' })
    t.deepEqual(await after.recall(started.id), { kind: 'started' })
    const history = await after.recall(finished.id)
    t.deepEqual(history.kind === 'finished' ? [...history.statement] : [], [...outcome.bytes])
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
    const orders = Array.from({ length: 12 }, makeOrder)
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

  test(`${name}: a statement that is kept twice, or never was, is nothing`, async (t) => {
    const journal = await Journal.open(await (await create(t)).reopen())
    const outcome = await finish(journal, makeOrder())
    t.not(await journal.keep(outcome.id), undefined)
    t.is(await journal.keep(outcome.id), undefined)
    t.is(await journal.keep(makeStatement(makeOrder(), 'failed').id), undefined)
  })
}

const testForgetting = (name: string, create: CreateReopenable): void => {
  test(`${name}: an id is forgotten after its expiry and the tolerance, not before`, async (t) => {
    const journal = await Journal.open(await (await create(t)).reopen())
    const order = makeOrder()
    await finish(journal, order)
    const { expiresAt } = order.body
    t.is(await journal.forget(expiresAt + limits.trust.clockToleranceMs), 0)
    t.is((await journal.recall(order.id)).kind, 'finished')
    t.is(await journal.forget(expiresAt + limits.trust.clockToleranceMs + 1), 1)
    t.is((await journal.recall(order.id)).kind, 'fresh')
    t.is(await journal.forget(expiresAt * 2), 0)
    t.is(journal.unkept().length, 2)
  })

  test(`${name}: an order without an outcome is never forgotten`, async (t) => {
    const journal = await Journal.open(await (await create(t)).reopen())
    const order = makeOrder()
    await journal.recordStarted(order, 1, mesh.now, makeStatement(order, 'running'))
    await journal.forget(order.body.expiresAt * 2)
    t.is((await journal.recall(order.id)).kind, 'started')
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
