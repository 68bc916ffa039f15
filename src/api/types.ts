/**
 * The public library's shapes: what the command line, and any other program of an operator's, works with.
 */
import type { IndicationId, KeyId, MeshId, Millis } from '../base/brand.ts'
import type { LiveStatus } from '../node/file-status.ts'
import type { ForkRow } from '../node/protocol/query.ts'
import type { JobLimits } from '../record/isolation.ts'
import type { Prerequisites } from '../record/indication.ts'
import type { NodeRow, OrderRow, QueueRow, State } from '../queue/views.ts'

/** Who an order is for. Names are those of `writ nodes`. */
export type DraftTarget =
  | { readonly kind: 'all' }
  | { readonly kind: 'select'; readonly selector: string }
  | { readonly kind: 'nodes'; readonly names: readonly string[] }

/** What is to be run; docs/FORMATS.md says how. */
export type DraftPayload =
  /** Without a shell. */
  | { readonly kind: 'command'; readonly argv: readonly string[] }
  /** The file may be of any size up to the payload limit. `interpreter` (a name, or an absolute path) instead of the one that its first line names. */
  | { readonly kind: 'script'; readonly file: string; readonly interpreter?: string }
  /** All below `directory` takes the place of `to`, an absolute path, as a whole; owned by whoever runs the node where no owner is named. */
  | { readonly kind: 'files'; readonly directory: string; readonly to: string; readonly owner?: string; readonly group?: string; readonly postCheck?: string }
  /** A release as `npm run release` makes it: each node tries it, and goes back where it does not prove itself in `trialSeconds` (120 when absent). */
  | { readonly kind: 'release'; readonly directory: string; readonly trialSeconds?: number; readonly allowDowngrade?: boolean }
  /** Debian packages: `names` as apt takes them (`nginx`, `nginx=1.22.1-9`), and the `.deb` files themselves. At least one in all. */
  | { readonly kind: 'packages'; readonly names: readonly string[]; readonly files: readonly string[] }
  /** Absolute paths of files, and of directories with all below them; comes as the captured file `logs.tar.gz`. */
  | { readonly kind: 'logs'; readonly paths: readonly string[] }
  | { readonly kind: 'facts' }
  /** The nodes stop, and do not start again. */
  | { readonly kind: 'leave' }
  /** For a format that the nodes' configurations name. */
  | { readonly kind: 'other'; readonly format: string; readonly file: string }

export interface OrderDraft {
  readonly target: DraftTarget
  readonly payload: DraftPayload
  /** For people; the command line or the script's file name when absent. */
  readonly name?: string
  /** Reach the process as `WRIT_PARAM_<NAME>`. */
  readonly parameters?: Readonly<Record<string, string>>
  readonly environment?: Readonly<Record<string, string>>
  /** 60 s when absent, 15 min for packages. */
  readonly timeoutMs?: Millis
  /** 1 h when absent. */
  readonly expiresInMs?: Millis
  /** 0 when absent. */
  readonly expectedExitCode?: number
  /** Regular expression (flags `mu`) that stdout must match. */
  readonly expectedOutput?: string
  readonly idempotent?: boolean
  /** Where something of it is missing the order is rejected. */
  readonly requires?: Prerequisites
  /** Files that the run must leave, relative to its working directory; they are kept as output is. */
  readonly captures?: readonly string[]
  /** What its job may take, within what the nodes allow. */
  readonly limits?: JobLimits
  /** Whom its job runs as, instead of whoever runs the node. */
  readonly user?: string
  /** Its job reaches no network. */
  readonly network?: 'none'
}

export interface SubmittedOrder {
  readonly indication: IndicationId
  readonly name: string
  readonly format: string
  /** The nodes that are meant, by name. */
  readonly targets: readonly string[]
  /** Endpoints that hold the order; fewer than two is worth a warning when the mesh has more than one. */
  readonly heldBy: readonly string[]
  readonly endpoints: number
}

/** An order and its state on each target, sorted by the agent's name. */
export interface OrderView {
  readonly order: OrderRow
  readonly rows: readonly QueueRow[]
}

export interface LogChunk {
  readonly agentName: string
  readonly agent: KeyId
  readonly stream: 'stdout' | 'stderr'
  readonly bytes: Uint8Array
}

export type SubmitProgress = { readonly kind: 'uploading'; readonly sentBytes: number; readonly sizeBytes: number } | { readonly kind: 'accepted'; readonly endpoint: string }

/**
 * One admin's hold on a mesh, through whichever endpoint answers first. Every method throws a `WritError`:
 * `no-endpoint-reachable` (with the addresses tried and for how long), `no-target`, `not-authorised`, `unknown-indication`,
 * `ambiguous-indication`, `unknown-node`, `bad-selector`, `payload-too-large` and others of docs/errors.md.
 */
export interface Admin {
  readonly mesh: { readonly id: MeshId; readonly name: string }
  /** Returns when min(2, endpoints) hold the order durably, or fewer when fewer can be reached. */
  submit(draft: OrderDraft, options?: { readonly signal?: AbortSignal; readonly onProgress?: (progress: SubmitProgress) => void }): Promise<SubmittedOrder>
  nodes(): Promise<readonly NodeRow[]>
  /** Newest first. */
  orders(options?: { readonly sinceMs?: Millis }): Promise<readonly OrderRow[]>
  /** Rows of one agent's queue, or of all; newest order first. */
  queue(options?: { readonly agent?: string; readonly status?: State }): Promise<readonly QueueRow[]>
  /** `indication` may be a unique prefix. */
  show(indication: string): Promise<OrderView>
  /** The order now, then again at each change, until it has ended on every target or `signal` aborts. */
  follow(indication: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<OrderView>
  /** The full output, agent by agent, stdout before stderr; or, as stdout, the captured file of that name. */
  logs(indication: string, options?: { readonly agent?: string; readonly file?: string }): AsyncIterable<LogChunk>
  cancel(indication: string): Promise<OrderRow>
  /** Logs of which two entries have one number, thawed or not; sorted by author, life and number. */
  forks(): Promise<readonly ForkRow[]>
  /** Lets one branch of a forked log count; `entry` is the id of the branch's entry, or a unique prefix of it. Errors: `unknown-fork`, `ambiguous-fork`. */
  thaw(entry: string): Promise<ForkRow>
  close(): Promise<void>
}

export interface InviteDraft {
  readonly role: 'agent' | 'endpoint'
  readonly labels?: Readonly<Record<string, string>>
  /** 1 h when absent. */
  readonly expiresInMs?: Millis
  /** 1 when absent; always 1 for an endpoint. */
  readonly uses?: number
}

/** What `writ status` shows; read from the home, so it works when the node is down. */
export interface NodeStatus {
  readonly name: string
  readonly key: KeyId
  readonly role: 'agent' | 'endpoint'
  readonly labels: Readonly<Record<string, string>>
  readonly mesh: { readonly id: MeshId; readonly name: string }
  readonly release: string
  readonly running: boolean
  /** Stores that were found damaged and replaced, as paths within the home; nothing removes them but the operator. */
  readonly setAside: readonly string[]
  /** Whether it was told to leave: it does not start again. */
  readonly left: boolean
  /** When the home was last restored from a backup, and when that was made. */
  readonly restored: { readonly at: Millis; readonly backupAt: Millis } | null
  /** Present when it is running, or was: the newest that the node wrote down. */
  readonly live: LiveStatus | null
}
