import test from 'ava'
import { limits } from '../../src/base/limits.ts'
import { OwnPresence } from '../../src/node/own-presence.ts'
import { decodeRecord, verifyRecord } from '../../src/record/record.ts'
import { presenceKind, type PresenceBody } from '../../src/record/presence.ts'
import { keyFor } from '../fixtures/mesh.ts'
import type { MeshId } from '../../src/base/brand.ts'

const signer = keyFor('one')
const mesh = 'a'.repeat(52) as MeshId

const setUp = () => {
  const state = { now: 1_000_000, addresses: ['/ip4/10.0.0.1/tcp/4400'] }
  const presence = new OwnPresence({ mesh, signer, clock: { now: () => state.now }, addresses: () => state.addresses })
  const read = (): PresenceBody => {
    const decoded = decodeRecord(presenceKind, presence.record())
    if (!decoded.ok) throw new Error(decoded.detail)
    return decoded.value.body
  }
  return { state, presence, read }
}

test('a presence is signed by the node, and says the same for a while', async (t) => {
  const { state, presence } = setUp()
  const first = presence.record()
  const decoded = decodeRecord(presenceKind, first)
  t.true(decoded.ok && (await verifyRecord(decoded.value, [signer.key])).ok)
  state.now += limits.pull.presenceAgeMs - 1
  t.deepEqual(presence.record(), first)
})

test('a presence that has grown old is made anew', (t) => {
  const { state, read } = setUp()
  read()
  state.now += limits.pull.presenceAgeMs
  t.is(read().at, state.now)
})

test('other addresses are told at once', (t) => {
  const { state, read } = setUp()
  read()
  state.now += 1
  state.addresses = ['/ip4/10.0.0.2/tcp/4400']
  t.like(read(), { at: state.now, addresses: state.addresses })
  state.addresses = []
  t.deepEqual(read().addresses, [])
})

test('a clock that was set back leaves no presence from the future', (t) => {
  const { state, read } = setUp()
  read()
  state.now -= 1
  t.is(read().at, state.now)
})

test('of many addresses as many are told as a presence may hold', (t) => {
  const { state, read } = setUp()
  state.addresses = Array.from({ length: 40 }, (_, index) => `/ip4/10.0.0.${index}/tcp/4400`)
  t.is(read().addresses.length, 16)
})
