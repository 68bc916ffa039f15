import test from 'ava'
import { faultOfAuthor, faultOfEndpoint, faultOfGossiper } from '../../src/queue/misconduct.ts'
import { drawIncarnation } from '../../src/base/random.ts'
import { Author, bytesOf, randomOf, said, receipts, signerOf, spoil, World } from './world.ts'

const sender = signerOf('sender').key

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
  t.is(faultOfAuthor(await (await world.queue()).merge([first, spoilt], sender))?.code, 'bad-signature')
})

test('an endpoint is not blamed for an entry for which a later one speaks that came without it', async (t) => {
  const { world, first, spoilt, last } = spoiltLog()
  const queue = await world.queue()
  t.is(faultOfEndpoint(await queue.merge([first, spoilt], sender)), undefined)
  t.is((await queue.merge([spoilt, last], sender)).accepted.length, 2)
})

test('an endpoint whose message brings nothing else is blamed', async (t) => {
  const { world, spoilt } = spoiltLog()
  t.is(faultOfEndpoint(await (await world.queue()).merge([spoilt], sender))?.code, 'bad-signature')
})

test('who gossips an entry of another with a bad signature is not blamed, the author is, and so is who gossips what cannot be read', async (t) => {
  const { world, first, spoilt } = spoiltLog()
  const queue = await world.queue()
  await queue.merge([first], sender)
  const report = await queue.merge([spoilt], sender)
  t.is(faultOfGossiper(sender, report), undefined)
  t.is(faultOfGossiper(world.mesh.peer('web1'), report)?.code, 'bad-signature')
  t.is(faultOfGossiper(sender, await queue.merge([first.slice(1)], sender))?.code, 'malformed')
})

test('what another node may judge otherwise is nobody\'s fault', async (t) => {
  const world = new World()
  const stranger = new Author(world.mesh, signerOf('sender'), drawIncarnation(randomOf('stranger')))
  const report = await (await world.queue()).merge(bytesOf(stranger.say(receipts(said(world.order().id, 'received')))), sender)
  t.deepEqual(report.rejections.map(({ code }) => code), ['unknown-author'])
  t.deepEqual([faultOfAuthor(report), faultOfEndpoint(report), faultOfGossiper(sender, report)], [undefined, undefined, undefined])
})
