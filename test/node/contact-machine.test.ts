import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { limits } from '../../src/base/limits.ts'
import { ContactMachine, rankByRendezvous, type ContactEffect, type ContactEvent, type ContactOptions } from '../../src/node/contact-machine.ts'
import { keyFor } from '../fixtures/mesh.ts'
import type { KeyId } from '../../src/base/brand.ts'
import type { Random } from '../../src/base/random.ts'

const self = keyFor('self').key
const endpoints = rankByRendezvous(self, ['a', 'b', 'c', 'd'].map((name) => keyFor(name).key))
const [first, second, third, fourth] = endpoints as [KeyId, KeyId, KeyId, KeyId]
const contactsOf = (...keys: readonly KeyId[]) => keys.map((key) => ({ key, addresses: [`/ip4/192.0.2.1/tcp/${1 + endpoints.indexOf(key)}`] }))
const known = (of: 'endpoint' | 'neighbour', ...keys: readonly KeyId[]): ContactEvent => ({ kind: 'known', of, contacts: contactsOf(...keys) })
const always = (fraction: number): Random => ({ bytes: (length) => new Uint8Array(length), fraction: () => fraction })
const dialsOf = (effects: readonly ContactEffect[]): KeyId[] => effects.flatMap((effect) => (effect.kind === 'dial' ? [effect.peer] : []))
const wakeOf = (effects: readonly ContactEffect[]): number | undefined => effects.flatMap((effect) => (effect.kind === 'wake' ? [effect.delayMs] : []))[0]

const machine = (wanted: Partial<ContactOptions['wanted']> = {}, fraction = 1) => new ContactMachine(always(fraction), { self, wanted: { endpoint: 2, neighbour: 1, ...wanted } })

test('the best endpoints by rank are dialled, no more than wanted', (t) => {
  const contacts = machine()
  t.deepEqual(dialsOf(contacts.step(known('endpoint', fourth, third, second, first), 0)), [first, second])
  t.deepEqual(dialsOf(contacts.step({ kind: 'tick' }, 0)), [])
})

test('a node does not dial itself, nor a peer without an address', (t) => {
  const contacts = machine()
  t.deepEqual(contacts.step({ kind: 'known', of: 'endpoint', contacts: [{ key: self, addresses: ['/ip4/192.0.2.1/tcp/1'] }, { key: first, addresses: [] }] }, 0), [])
})

test('when a dial fails the endpoint that is next in rank takes its place', (t) => {
  const contacts = machine()
  contacts.step(known('endpoint', ...endpoints), 0)
  t.deepEqual(dialsOf(contacts.step({ kind: 'dial-failed', peer: first }, 1)), [third])
  t.deepEqual(dialsOf(contacts.step({ kind: 'dial-failed', peer: third }, 2)), [fourth])
})

test('when an endpoint goes away the one that is next in rank takes its place', (t) => {
  const contacts = machine()
  contacts.step(known('endpoint', ...endpoints), 0)
  for (const peer of [first, second]) {
    contacts.step({ kind: 'connected', peer }, 0)
    contacts.step({ kind: 'dialled', peer }, 0)
  }
  t.deepEqual(dialsOf(contacts.step({ kind: 'disconnected', peer: second }, 5)), [third])
})

test('the wait before the next dial doubles up to its bound, and starts anew after a connection', (t) => {
  const contacts = machine()
  contacts.step(known('endpoint', first), 0)
  let now = 0
  const waits: number[] = []
  for (let failure = 0; failure < 10; failure += 1) {
    const delayMs = wakeOf(contacts.step({ kind: 'dial-failed', peer: first }, now)) ?? 0
    waits.push(delayMs)
    t.deepEqual(dialsOf(contacts.step({ kind: 'tick' }, now + delayMs - 1)), [])
    now += delayMs
    t.deepEqual(dialsOf(contacts.step({ kind: 'tick' }, now)), [first])
  }
  t.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  contacts.step({ kind: 'connected', peer: first }, now)
  contacts.step({ kind: 'dialled', peer: first }, now)
  t.is(wakeOf(contacts.step({ kind: 'disconnected', peer: first }, now)), 250)
})

test('the wait is never shorter than half of what it may be', (t) => {
  const contacts = machine({}, 0)
  contacts.step(known('endpoint', first), 0)
  t.is(wakeOf(contacts.step({ kind: 'dial-failed', peer: first }, 0)), limits.network.reconnectMsMin / 2)
})

test('a peer that was connected before it became a contact is not dialled and counts', (t) => {
  const contacts = machine({ neighbour: 1 })
  contacts.step({ kind: 'connected', peer: first }, 0)
  t.deepEqual(dialsOf(contacts.step(known('neighbour', first, second), 0)), [])
})

test('a connection that was lost before its dial was reported is made again', (t) => {
  const contacts = machine({ endpoint: 1 })
  contacts.step(known('endpoint', first), 0)
  contacts.step({ kind: 'connected', peer: first }, 1)
  contacts.step({ kind: 'disconnected', peer: first }, 2)
  const delayMs = wakeOf(contacts.step({ kind: 'dialled', peer: first }, 3)) ?? Number.NaN
  t.deepEqual(dialsOf(contacts.step({ kind: 'tick' }, 3 + delayMs)), [first])
})

test('a neighbour that is no longer proposed stays while it is connected and is forgotten then', (t) => {
  const contacts = machine({ neighbour: 1 })
  contacts.step(known('neighbour', first), 0)
  contacts.step({ kind: 'connected', peer: first }, 0)
  contacts.step({ kind: 'dialled', peer: first }, 0)
  t.deepEqual(dialsOf(contacts.step(known('neighbour', second), 0)), [])
  t.deepEqual(dialsOf(contacts.step({ kind: 'disconnected', peer: first }, 0)), [second])
  contacts.step({ kind: 'dial-failed', peer: second }, 0)
  t.deepEqual(dialsOf(contacts.step({ kind: 'tick' }, 60_000)), [second])
})

test('a neighbour that turns out to be an endpoint is an endpoint from then on', (t) => {
  const contacts = machine({ endpoint: 1, neighbour: 1 })
  contacts.step(known('neighbour', first), 0)
  contacts.step(known('endpoint', first), 0)
  t.deepEqual(dialsOf(contacts.step(known('neighbour', first, second), 0)), [second])
})

/** What a network may report, given what it was asked to do: it never makes things up about dials. */
const happenings = fc.array(fc.record({ what: fc.constantFrom('connected', 'disconnected', 'dial-ends', 'dial-fails', 'known', 'pass'), peer: fc.nat(3), of: fc.constantFrom('endpoint' as const, 'neighbour' as const), chosen: fc.subarray(endpoints), spanMs: fc.nat(40_000) }), { maxLength: 60 })

test('whatever the network reports, a peer is never dialled twice at once nor while it is connected, and never more are sought than wanted', (t) => {
  fc.assert(
    fc.property(happenings, fc.nat(3), fc.nat(3), fc.boolean(), (list, endpoint, neighbour, isMixed) => {
      const contacts = machine({ endpoint, neighbour }, 0.5)
      const dialling = new Set<KeyId>()
      const connected = new Set<KeyId>()
      let now = 0
      const step = (event: ContactEvent): void => {
        for (const peer of dialsOf(contacts.step(event, now))) {
          if (dialling.has(peer)) throw new Error('dialled twice at once')
          if (connected.has(peer)) throw new Error('dialled while connected')
          dialling.add(peer)
        }
        if (!isMixed && dialling.size > endpoint + neighbour) throw new Error('more dials than wanted')
      }
      for (const { what, peer: index, of, chosen, spanMs } of list) {
        const peer = endpoints[index] ?? first
        // A neighbour may become an endpoint while it is dialled; then it counts there.
        if (what === 'known') step(known(of, ...chosen.filter((key) => isMixed || (endpoints.indexOf(key) < 2) === (of === 'endpoint'))))
        else if (what === 'connected' && !connected.has(peer)) {
          connected.add(peer)
          step({ kind: 'connected', peer })
        } else if (what === 'disconnected' && connected.delete(peer)) step({ kind: 'disconnected', peer })
        else if (what === 'dial-ends' && dialling.delete(peer)) {
          if (!connected.has(peer)) {
            connected.add(peer)
            step({ kind: 'connected', peer })
          }
          step({ kind: 'dialled', peer })
        } else if (what === 'dial-fails' && dialling.delete(peer)) step({ kind: 'dial-failed', peer })
        else if (what === 'pass') {
          now += spanMs
          step({ kind: 'tick' })
        }
      }
      return true
    }),
    { numRuns: 300 }
  )
  t.pass()
})

test('an endpoint that can be reached is reached in the end, whatever happened before', (t) => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('dial-fails' as const, 'lost' as const), { maxLength: 12 }), (list) => {
      const contacts = machine({ endpoint: 1 }, 0.5)
      let now = 0
      let effects = contacts.step(known('endpoint', first), now)
      for (const what of list) {
        if (what === 'lost') {
          contacts.step({ kind: 'connected', peer: first }, now)
          contacts.step({ kind: 'dialled', peer: first }, now)
        }
        effects = contacts.step({ kind: what === 'lost' ? 'disconnected' : 'dial-failed', peer: first }, now)
        now += wakeOf(effects) ?? Number.NaN
        effects = contacts.step({ kind: 'tick' }, now)
      }
      return dialsOf(effects).length === 1
    }),
    { numRuns: 100 }
  )
  t.pass()
})

test('each node has its own ranking, and one that leaves moves nobody else', (t) => {
  const peers = Array.from({ length: 8 }, (_, index) => keyFor(`peer ${index}`).key)
  const rankings = new Set(Array.from({ length: 8 }, (_, index) => rankByRendezvous(keyFor(`node ${index}`).key, peers)[0]))
  t.true(rankings.size > 2)
  const ranked = rankByRendezvous(self, peers)
  const [gone] = ranked
  t.deepEqual(rankByRendezvous(self, peers.filter((peer) => peer !== gone).toReversed()), ranked.slice(1))
})
