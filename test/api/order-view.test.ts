import test from 'ava'
import { assembleViews } from '../../src/api/order-view.ts'
import { orderRow, queueRow } from '../cli/fake-admin.ts'
import type { QueryPage } from '../../src/node/protocol/query.ts'
import type { QueueRow } from '../../src/queue/views.ts'

const [queued, running, other] = [queueRow('web1', 'queued'), queueRow('web1', 'running'), queueRow('web2', 'queued')]
const pageOf = (all: readonly QueueRow[], news: readonly QueueRow[], last = true): QueryPage => ({ kind: 'order', order: orderRow(all), rows: [...news], last })

const views = async (...pages: readonly QueryPage[]): Promise<string[][]> => {
  const found: string[][] = []
  const source = async function* () {
    yield* pages
  }
  for await (const { rows } of assembleViews(source())) found.push(rows.map(({ agentName, state }) => `${agentName} ${state}`))
  return found
}

test('each view is whole, sorted by name, though its pages hold only what is new', async (t) => {
  t.deepEqual(await views(pageOf([queued, other], [other], false), pageOf([queued, other], [queued]), pageOf([running, other], [running])), [
    ['web1 queued', 'web2 queued'],
    ['web1 running', 'web2 queued']
  ])
})

test('a page that says nothing new is no view, not even when another endpoint says it all again', async (t) => {
  t.deepEqual(await views(pageOf([queued], [queued]), pageOf([queued], []), pageOf([queued], [queued])), [['web1 queued']])
})

test('an order without targets is one view', async (t) => {
  t.deepEqual(await views(pageOf([], []), pageOf([], [])), [[]])
})

test('an order that was cancelled is news, though no row has changed', async (t) => {
  const cancelled: QueryPage = { kind: 'order', order: orderRow([running], { cancelled: true }), rows: [], last: true }
  t.is((await views(pageOf([running], [running]), cancelled)).length, 2)
})
