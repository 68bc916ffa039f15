import test from 'ava'
import { fc } from '../../fixtures/properties.ts'
import { limits } from '../../../src/base/limits.ts'
import { Directory } from '../../../src/node/endpoint/directory.ts'
import { endpointAddresses } from '../../../src/node/endpoint/endpoint-addresses.ts'
import { NeighbourRing } from '../../../src/node/endpoint/neighbours.ts'
import { keyFor, startedAt } from '../../fixtures/mesh.ts'
import { ManualTime } from '../manual-time.ts'
import type { NodeRow } from '../../../src/queue/views.ts'

const row = (name: string, rest: Partial<NodeRow> = {}): NodeRow => ({
  key: keyFor(name).key, name, role: 'agent', labels: {}, enrolledAt: 0, release: null, addresses: ['/ip4/192.0.2.1/tcp/1'], lastContactAt: startedAt, queueLength: 0, ...rest
})
const fleet = (size: number): NodeRow[] => Array.from({ length: size }, (_, index) => row(`agent ${index}`))

test('an agent gets a few neighbours, each once and never itself', (t) => {
  fc.assert(
    fc.property(fc.nat(60), fc.nat(59), (size, who) => {
      const self = keyFor(`agent ${who}`).key
      const chosen = new NeighbourRing(fleet(size), startedAt).choose(self).map(({ key }) => key)
      return chosen.length <= limits.network.neighboursMax && !chosen.includes(self) && new Set(chosen).size === chosen.length
    }),
    { numRuns: 60 }
  )
  t.true(new NeighbourRing(fleet(60), startedAt).choose(keyFor('agent 1').key).length >= 3)
})

test('the choice does not depend on the order of the nodes, and hardly on who joins', (t) => {
  const nodes = fleet(200)
  const before = new NeighbourRing(nodes, startedAt)
  const shuffled = new NeighbourRing(nodes.toReversed(), startedAt)
  const after = new NeighbourRing([...nodes, row('newcomer')], startedAt)
  const changed = nodes.filter(({ key }) => {
    t.deepEqual(before.choose(key), shuffled.choose(key))
    return JSON.stringify(before.choose(key)) !== JSON.stringify(after.choose(key))
  })
  t.true(changed.length < 40, `${changed.length} of 200 got others`)
})

test('a ring that is made from the one before is as one that is made afresh', (t) => {
  const nodes = fleet(50)
  const first = new NeighbourRing(nodes.slice(0, 40), startedAt)
  const second = new NeighbourRing(nodes.slice(10), startedAt, first)
  const third = new NeighbourRing(nodes, startedAt, second)
  for (const { key } of nodes) {
    t.deepEqual(second.choose(key), new NeighbourRing(nodes.slice(10), startedAt).choose(key))
    t.deepEqual(third.choose(key), new NeighbourRing(nodes, startedAt).choose(key))
  }
})

test('the load is spread: nobody is the neighbour of a large part of the fleet', (t) => {
  const nodes = fleet(300)
  const ring = new NeighbourRing(nodes, startedAt)
  const chosenBy = new Map<string, number>()
  for (const { key } of nodes) for (const neighbour of ring.choose(key)) chosenBy.set(neighbour.key, (chosenBy.get(neighbour.key) ?? 0) + 1)
  t.true(Math.max(...chosenBy.values()) < 90)
})

const isProposed = test.macro({
  exec: (t, rest: Partial<NodeRow>, expected: boolean) => {
    const ring = new NeighbourRing([row('candidate', rest)], startedAt)
    t.is(ring.choose(keyFor('asker').key).length > 0, expected)
  },
  title: (name = '', _rest, expected) => `${name} is ${expected ? '' : 'not '}proposed as a neighbour`
})
test('an agent that listens and was heard of lately', isProposed, {}, true)
test('an agent that only dials', isProposed, { addresses: [] }, false)
test('an endpoint', isProposed, { role: 'endpoint' }, false)
test('an agent that was never heard of', isProposed, { lastContactAt: null }, false)
test('an agent that has been silent for long', isProposed, { lastContactAt: startedAt - 4 * limits.pull.intervalMs }, false)

test('endpoints are told with their own names, and only those that can be dialled', (t) => {
  const known = endpointAddresses([row('e1~abcd', { role: 'endpoint' }), row('e2', { role: 'endpoint', addresses: [] }), row('a1')])
  t.deepEqual(known, [{ key: keyFor('e1~abcd').key, name: 'e1', addresses: ['/ip4/192.0.2.1/tcp/1'] }])
})

test('the directory is made anew only after a while', async (t) => {
  const time = new ManualTime()
  let nodes = [row('e1', { role: 'endpoint' })]
  let reads = 0
  const directory = new Directory({ clock: time, nodes: () => ((reads += 1), nodes) })
  t.is(directory.page().endpoints.length, 1)
  nodes = [...nodes, row('e2', { role: 'endpoint' })]
  await time.pass(limits.pull.directoryAgeMs)
  t.is(directory.page().endpoints.length, 1)
  t.is(reads, 1)
  await time.pass(1)
  t.is(directory.page().endpoints.length, 2)
})
