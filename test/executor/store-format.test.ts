/**
 * What a release writes while it is on trial, the release before must be able to read: here is the form of all that a journal
 * holds. When it changes, `src/base/store-format.ts` says what else must.
 */
import test from 'ava'
import { decodeCbor } from '../../src/base/codec.ts'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { storeFormat } from '../../src/base/store-format.ts'
import { Journal } from '../../src/executor/journal.ts'
import { sealStatement } from '../../src/executor/statement-sealing.ts'
import { commandOrder, mesh, node } from './workbench.ts'
import type { ExecutorState } from '../../src/record/statement.ts'
import type { Order } from '../../src/executor/job-events.ts'

const orderOf = (): Order => {
  const { id, indication, bundle } = commandOrder(['true'])
  return { id, body: indication.body, bundle }
}

const statementOf = (order: Order, state: ExecutorState) =>
  sealStatement(node.executor, mesh.mesh, null, { indication: order.id, state, at: mesh.now, startedAt: null, code: null, detail: null, report: null })

const formOf = (value: unknown): string => {
  if (value === null) return 'null'
  if (value instanceof Uint8Array) return 'bytes'
  if (Array.isArray(value)) return value.length === 0 ? '[]' : 'record' // the only ones there are
  if (typeof value !== 'object') return typeof value
  return `{${Object.entries(value).map(([name, part]) => `${name}: ${formOf(part)}`).sort().join(', ')}}`
}

/** By key, where ids and numbers are left out. */
const formsIn = async (store: MemoryStore): Promise<string[]> => {
  const forms = new Set<string>()
  for await (const [key, bytes] of store.entries({ from: '', to: '~' })) {
    const value = decodeCbor(bytes)
    forms.add(`${key.replace(/[a-z2-7]{52}/g, 'ID').replace(/\d{16}/g, 'NUMBER')} ${value.ok ? formOf(value.value) : 'text'}`)
  }
  return [...forms].sort()
}

test('the form of what a journal holds belongs to the number that the release gives for it', async (t) => {
  const store = new MemoryStore()
  const journal = await Journal.open(store)
  const [accepted, started, finished, adopted] = [orderOf(), orderOf(), orderOf(), orderOf()]
  await journal.recordAccepted(accepted)
  await journal.recordStarted(started, 1, mesh.now, statementOf(started, 'running'))
  await journal.recordStarted(finished, 1, mesh.now, statementOf(finished, 'running'))
  await journal.recordOutcome(finished, statementOf(finished, 'succeeded'))
  await journal.recordAdopted(statementOf(adopted, 'running'))
  await journal.recordUpdate({ indication: finished.id, slot: '0.2.0-x', version: '0.2.0', trialSeconds: 60 })
  await journal.recordLoss(mesh.now)
  await journal.forget(mesh.now)
  t.is(storeFormat.written, 1)
  t.deepEqual(await formsIn(store), [
    'active/ID {attempts: number, bundle: {controls: [], indication: bytes, payload: bytes}, startedAt: null}',
    'active/ID {attempts: number, bundle: {controls: [], indication: bytes, payload: bytes}, startedAt: number}',
    'adopted/ID record',
    'expiry/NUMBER/ID text',
    'finished/ID record',
    'forgotten number',
    'last text',
    'lost number',
    'newest number',
    'statement/NUMBER record',
    'update {indication: string, slot: string, trialSeconds: number, version: string}'
  ])
})

test('what a release writes it can read itself', (t) => {
  t.true(storeFormat.written <= storeFormat.readMax)
})
