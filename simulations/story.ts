/** All that a seed decides about a run, before it starts. Times are from its start. */
import type { Ending } from './machine.ts'
import type { KeyId, Millis } from '../src/base/brand.ts'
import type { OrderDraft } from './simulated-admin.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Trap } from './disk.ts'
import type { Weather } from './fabric.ts'
import type { World } from './world.ts'

export interface Span {
  readonly fromMs: Millis
  readonly untilMs: Millis
}

/** What goes wrong. */
export type Trouble =
  /** The cable is pulled. */
  | (Span & { readonly kind: 'away'; readonly host: KeyId })
  /** Nothing comes through from these to those; the other way is another cut. */
  | (Span & { readonly kind: 'cut'; readonly from: readonly KeyId[]; readonly to: readonly KeyId[] })
  /** The links of these hosts are other than the rest. */
  | (Span & { readonly kind: 'links'; readonly hosts: readonly KeyId[]; readonly weather: Weather })
  /** A process, or all of a machine, ends and is started again. */
  | { readonly kind: 'end'; readonly host: KeyId; readonly ending: Ending; readonly atMs: Millis; readonly downMs: Millis }
  /** The same, in the moment of the first durable write from then on. */
  | { readonly kind: 'trap'; readonly host: KeyId; readonly disk: 'agent' | 'executor'; readonly at: Trap['at']; readonly ending: Exclude<Ending, 'stop'>; readonly atMs: Millis; readonly downMs: Millis }
  | (Span & { readonly kind: 'full'; readonly host: KeyId; readonly disk: 'agent' | 'executor' })
  /** The clock is set to be ahead by so much, or behind where that is negative. */
  | { readonly kind: 'clock'; readonly host: KeyId; readonly atMs: Millis; readonly aheadMs: Millis }
  /** The disks are put back to what they were. */
  | { readonly kind: 'restore'; readonly host: KeyId; readonly imageAtMs: Millis; readonly atMs: Millis; readonly downMs: Millis }
  /** The executor's journal is lost, and its processes end. */
  | { readonly kind: 'forget'; readonly host: KeyId; readonly atMs: Millis; readonly downMs: Millis }
  /** What the agent's process keeps is lost: its log, and an endpoint's queues. */
  | { readonly kind: 'wipe'; readonly host: KeyId; readonly atMs: Millis; readonly downMs: Millis }

/** A member that does not run what it should, in place of its agent. */
export interface Intruder {
  readonly host: KeyId
  readonly kind: 'flooder' | 'forger' | 'equivocator'
}

export interface PlannedOrder {
  readonly atMs: Millis
  readonly draft: OrderDraft
  /** After the order was given; null for one that is let run. */
  readonly cancelAfterMs: Millis | null
}

/** What comes when every order is long over: endpoints have dropped what they held of them, and the mesh goes on. */
export interface Aftermath {
  /** Loses what it keeps then: the others have no longer all that was ever said. */
  readonly wiped: KeyId | null
  readonly draft: OrderDraft
}

export interface Story {
  readonly gossip: boolean
  readonly weather: Weather
  readonly troubles: readonly Trouble[]
  readonly intruders: readonly Intruder[]
  readonly orders: readonly PlannedOrder[]
  /** Two stories that another admin tells, each to other endpoints. */
  readonly equivocation: { readonly atMs: Millis; readonly drafts: readonly [OrderDraft, OrderDraft, OrderDraft] } | null
  /** When an admin chooses between the branches of all forks, each time perhaps otherwise. */
  readonly thawsAtMs: readonly Millis[]
  /** New versions of the charter, by either admin: where both make one at a time, these are rivals. */
  readonly charters: readonly { readonly atMs: Millis; readonly by: 'admin' | 'rival' }[]
  /** How many entries of a node's log there are from one checkpoint to the next. */
  readonly checkpointEntries: number
  /** From then on nothing is lost and everybody is there. */
  readonly healAtMs: Millis
  /** How long after its expiry endpoints show an order. */
  readonly retentionMs: Millis
  /** Null for a mesh that is left as soon as everything has come true. */
  readonly aftermath: Aftermath | null
}

export interface Scenario {
  readonly name: string
  /** How many of so many nodes are endpoints. */
  readonly drawEndpoints: (nodes: number, random: SeededRandom) => number
  readonly tell: (world: World, random: SeededRandom) => Story
}
