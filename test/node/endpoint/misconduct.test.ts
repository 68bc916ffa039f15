import test from 'ava'
import { blameForEntries, blameForHistory } from '../../../src/node/endpoint/misconduct.ts'
import { bytesOf, said, receipts, signerOf, spoil, World } from '../../queue/world.ts'
import type { MergeReport } from '../../../src/queue/merge.ts'

const sender = signerOf('sender').key

const blamedFor = (blame: typeof blameForEntries, report: MergeReport): string[] => {
  const codes: string[] = []
  blame({ blame: (_peer, code) => void codes.push(code) }, sender, report)
  return codes
}

/** A log of three entries, of which the second has a signature that is not its author's: the third speaks for it. */
const spoiltLog = (): { readonly world: World; readonly first: Uint8Array; readonly spoilt: Uint8Array; readonly last: Uint8Array } => {
  const world = new World()
  const agent = world.agent('web1')
  const order = world.order()
  for (const state of ['received', 'validated'] as const) agent.say(receipts(said(order.id, state)))
  const [first, second, last] = bytesOf(...agent.entries)
  if (first === undefined || second === undefined || last === undefined) throw new Error('three entries were said')
  return { world, first, spoilt: spoil(second), last }
}

test('who hands in an entry of its own with a bad signature is blamed, whatever came along', async (t) => {
  const { world, first, spoilt } = spoiltLog()
  t.deepEqual(blamedFor(blameForEntries, await (await world.queue()).merge([first, spoilt], sender)), ['bad-signature'])
})

test('an endpoint is not blamed for an entry for which a later one speaks that came without it', async (t) => {
  const { world, first, spoilt, last } = spoiltLog()
  const queue = await world.queue()
  t.deepEqual(blamedFor(blameForHistory, await queue.merge([first, spoilt], sender)), [])
  t.is((await queue.merge([spoilt, last], sender)).accepted.length, 2)
})

test('an endpoint whose message brings nothing else is blamed', async (t) => {
  const { world, spoilt } = spoiltLog()
  t.deepEqual(blamedFor(blameForHistory, await (await world.queue()).merge([spoilt], sender)), ['bad-signature'])
})
