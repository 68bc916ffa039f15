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
  /** The end of a dial. Whether the peer is connected is said by the events above: it may be gone again. */
  | { readonly kind: 'dialled'; readonly peer: KeyId }
  | { readonly kind: 'dial-failed'; readonly peer: KeyId }
  | { readonly kind: 'tick' }

export type ContactEffect =
  | { readonly kind: 'dial'; readonly peer: KeyId; readonly addresses: readonly string[] }
  /** Send a tick after this long; replaces any wake-up before. */
  | { readonly kind: 'wake'; readonly delayMs: Millis }

interface Track {
  contact: Contact
  /** False for one that was left out since, and is kept only while something goes on with it. */
  isKnown: boolean
  isDialling: boolean
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
  /** Whoever is connected, a contact or not: one that becomes a contact later needs no dial. */
  readonly #connected = new Set<KeyId>()

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
    for (const [key, track] of this.#tracks) {
      if (track.contact.kind !== kind || known.has(key)) continue
      track.isKnown = false
      this.#forget(key, track)
    }
    for (const { key, addresses } of contacts) {
      if (key === this.#options.self || addresses.length === 0) continue
      const track = this.#tracks.get(key)
      if (track === undefined) this.#tracks.set(key, { contact: { key, kind, addresses }, isKnown: true, isDialling: false, failures: 0, retryAt: 0 })
      else if (kind === 'endpoint' || track.contact.kind === 'neighbour') Object.assign(track, { contact: { key, kind, addresses }, isKnown: true })
    }
  }

  #note(kind: 'connected' | 'disconnected' | 'dialled' | 'dial-failed', peer: KeyId, now: Millis): void {
    if (kind === 'connected') this.#connected.add(peer)
    if (kind === 'disconnected') this.#connected.delete(peer)
    const track = this.#tracks.get(peer)
    if (track === undefined) return
    if (kind === 'dialled' || kind === 'dial-failed') track.isDialling = false
    if (this.#connected.has(peer)) {
      track.failures = 0
      return
    }
    track.failures = kind === 'dial-failed' ? track.failures + 1 : 1
    const ceiling = Math.min(limits.network.reconnectMsMin * 2 ** (track.failures - 1), limits.network.reconnectMsMax)
    track.retryAt = now + Math.round(ceiling * (0.5 + 0.5 * this.#random.fraction()))
    this.#forget(peer, track)
  }

  #forget(peer: KeyId, track: Track): void {
    if (!track.isKnown && this.#isIdle(track)) this.#tracks.delete(peer)
  }

  #isIdle({ contact, isDialling }: Track): boolean {
    return !isDialling && !this.#connected.has(contact.key)
  }

  #plan(kind: ContactKind, now: Millis): ContactEffect[] {
    const tracks = [...this.#tracks.values()].filter(({ contact }) => contact.kind === kind)
    const idle = tracks.filter((track) => this.#isIdle(track))
    const ready = idle.filter(({ retryAt }) => retryAt <= now)
    const missing = Math.max(0, this.#options.wanted[kind] - (tracks.length - idle.length))
    if (missing === 0 || ready.length === 0) return []
    const keys = ready.map(({ contact }) => contact.key)
    const chosen = keys.length > missing ? rankByRendezvous(this.#options.self, keys).slice(0, missing) : keys
    return chosen.flatMap((peer) => {
      const track = this.#tracks.get(peer)
      if (track === undefined) return []
      track.isDialling = true
      return [{ kind: 'dial' as const, peer, addresses: track.contact.addresses }]
    })
  }

  #wake(now: Millis): ContactEffect[] {
    const waits = [...this.#tracks.values()].filter((track) => this.#isIdle(track) && track.retryAt > now).map(({ retryAt }) => retryAt - now)
    return waits.length === 0 ? [] : [{ kind: 'wake', delayMs: Math.min(...waits) }]
  }
}

/** Highest first: each node has its own order, and a peer that leaves moves only those who had it. */
export const rankByRendezvous = (self: KeyId, peers: readonly KeyId[]): KeyId[] =>
  peers
    .map((peer) => ({ peer, weight: sha256(utf8(`${self}/${peer}`)) }))
    .sort((left, right) => compareBytes(right.weight, left.weight))
    .map(({ peer }) => peer)
