/**
 * Whom a node keeps connections to. An agent holds two endpoints, the best by rendezvous hash that answer, and up to six
 * neighbours; an endpoint holds every other endpoint. Pure: events in, dials and wake-ups out.
 *
 * Invariants: never two dials to one peer at once; after a failure a peer is left alone for a delay that doubles up to
 * its bound; the wanted number is never exceeded by dialling.
 * Source of the ranking: Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998.
 */
import { compareBytes, utf8 } from '../base/bytes.ts'
import { sha256 } from '../base/codec.ts'
import { limits } from '../base/limits.ts'
import type { Random } from '../base/random.ts'
import type { KeyId, Millis } from '../base/brand.ts'

export type ContactKind = 'endpoint' | 'neighbour'

export interface Contact {
  readonly key: KeyId
  readonly kind: ContactKind
  readonly addresses: readonly string[]
}

export type ContactEvent =
  /** The contacts of one kind, as now known; those that are gone are forgotten unless connected. */
  | { readonly kind: 'known'; readonly of: ContactKind; readonly contacts: readonly Omit<Contact, 'kind'>[] }
  | { readonly kind: 'connected'; readonly peer: KeyId }
  | { readonly kind: 'disconnected'; readonly peer: KeyId }
  | { readonly kind: 'dial-failed'; readonly peer: KeyId }
  | { readonly kind: 'tick' }

export type ContactEffect =
  | { readonly kind: 'dial'; readonly peer: KeyId; readonly addresses: readonly string[] }
  /** Send a tick after this long; replaces any wake-up before. */
  | { readonly kind: 'wake'; readonly delayMs: Millis }

interface Track {
  contact: Contact
  status: 'idle' | 'dialling' | 'connected'
  failures: number
  retryAt: Millis
}

export interface ContactOptions {
  readonly self: KeyId
  readonly wanted: Readonly<Record<ContactKind, number>>
}

export class ContactMachine {
  readonly #options: ContactOptions
  readonly #random: Random
  readonly #tracks = new Map<KeyId, Track>()

  constructor(random: Random, options: ContactOptions) {
    this.#random = random
    this.#options = options
  }

  step(event: ContactEvent, now: Millis): ContactEffect[] {
    if (event.kind === 'known') this.#learn(event.of, event.contacts)
    else if (event.kind !== 'tick') this.#note(event.kind, event.peer, now)
    return [...this.#plan('endpoint', now), ...this.#plan('neighbour', now), ...this.#wake(now)]
  }

  #learn(kind: ContactKind, contacts: readonly Omit<Contact, 'kind'>[]): void {
    const known = new Set(contacts.map(({ key }) => key))
    for (const [key, track] of this.#tracks) if (track.contact.kind === kind && !known.has(key) && track.status === 'idle') this.#tracks.delete(key)
    for (const { key, addresses } of contacts) {
      if (key === this.#options.self || addresses.length === 0) continue
      const track = this.#tracks.get(key)
      if (track === undefined) this.#tracks.set(key, { contact: { key, kind, addresses }, status: 'idle', failures: 0, retryAt: 0 })
      else if (kind === 'endpoint' || track.contact.kind === 'neighbour') track.contact = { key, kind, addresses }
    }
  }

  #note(kind: 'connected' | 'disconnected' | 'dial-failed', peer: KeyId, now: Millis): void {
    const track = this.#tracks.get(peer)
    if (track === undefined) return
    if (kind === 'connected') {
      track.status = 'connected'
      track.failures = 0
      return
    }
    track.status = 'idle'
    track.failures = kind === 'dial-failed' ? track.failures + 1 : 1
    const ceiling = Math.min(limits.network.reconnectMsMin * 2 ** (track.failures - 1), limits.network.reconnectMsMax)
    track.retryAt = now + Math.round(ceiling * (0.5 + 0.5 * this.#random.fraction()))
  }

  #plan(kind: ContactKind, now: Millis): ContactEffect[] {
    const tracks = [...this.#tracks.values()].filter(({ contact }) => contact.kind === kind)
    const busy = tracks.filter(({ status }) => status !== 'idle').length
    const ready = tracks.filter(({ status, retryAt }) => status === 'idle' && retryAt <= now)
    const chosen = rankByRendezvous(this.#options.self, ready.map(({ contact }) => contact.key)).slice(0, Math.max(0, this.#options.wanted[kind] - busy))
    return chosen.flatMap((peer) => {
      const track = this.#tracks.get(peer)
      if (track === undefined) return []
      track.status = 'dialling'
      return [{ kind: 'dial' as const, peer, addresses: track.contact.addresses }]
    })
  }

  #wake(now: Millis): ContactEffect[] {
    const waits = [...this.#tracks.values()].filter(({ status, retryAt }) => status === 'idle' && retryAt > now).map(({ retryAt }) => retryAt - now)
    return waits.length === 0 ? [] : [{ kind: 'wake', delayMs: Math.min(...waits) }]
  }
}

/** Highest first: each node has its own order, and a peer that leaves moves only those who had it. */
export const rankByRendezvous = (self: KeyId, peers: readonly KeyId[]): KeyId[] =>
  peers
    .map((peer) => ({ peer, weight: sha256(utf8(`${self}/${peer}`)) }))
    .sort((left, right) => compareBytes(right.weight, left.weight))
    .map(({ peer }) => peer)
