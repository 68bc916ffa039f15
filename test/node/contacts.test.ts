import test from 'ava'
import { WritError } from '../../src/base/errors.ts'
import { silentLog } from '../../src/base/log.ts'
import { Contacts } from '../../src/node/contacts.ts'
import { FakeNetwork } from './in-memory.ts'
import { keyFor } from '../fixtures/mesh.ts'
import { ManualTime, settled } from './manual-time.ts'

const peer = keyFor('endpoint').key
const known = { kind: 'known', of: 'endpoint', contacts: [{ key: peer, addresses: ['/ip4/192.0.2.1/tcp/1'] }] } as const

const make = (onConnect: () => Promise<void>) => {
  const network = new FakeNetwork(keyFor('self').key)
  network.onConnect = onConnect
  const time = new ManualTime()
  const contacts = new Contacts({ network, clock: time, timers: time, random: { bytes: (length) => new Uint8Array(length), fraction: () => 1 }, log: silentLog }, { self: network.self, wanted: { endpoint: 1, neighbour: 0 } })
  return { network, time, contacts }
}

test('a peer that refuses is dialled again after a while that grows', async (t) => {
  const { network, time, contacts } = make(async () => {
    throw new WritError('unreachable', 'nobody there')
  })
  contacts.handle(known)
  await settled()
  t.is(network.dialled.length, 1)
  await time.pass(250)
  t.is(network.dialled.length, 2)
  await time.pass(499)
  t.is(network.dialled.length, 2)
  await time.pass(1)
  t.is(network.dialled.length, 3)
})

test('after the stop nobody is dialled any more', async (t) => {
  const { network, time, contacts } = make(async () => {
    throw new WritError('unreachable', 'nobody there')
  })
  contacts.handle(known)
  await settled()
  contacts.stop()
  await time.pass(60_000)
  contacts.handle(known)
  t.is(network.dialled.length, 1)
})
