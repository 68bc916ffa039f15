/**
 * The rows as `--json` shows them: plain JSON values, times in milliseconds since the Unix epoch, output as text.
 */
import { toText } from '../base/bytes.ts'
import type { ForkRow } from '../node/protocol/query.ts'
import type { Output } from '../record/statement.ts'
import { states, type NodeRow, type OrderRow, type QueueRow } from '../queue/views.ts'
import type { NodeStatus, OrderView, SubmittedOrder } from '../api/types.ts'

type Json = Readonly<Record<string, unknown>>

export const orderJson = (row: OrderRow): Json => ({ ...row, counts: Object.fromEntries(states.map((state) => [state, row.counts[state]])) })

export const nodeJson = (row: NodeRow): Json => ({ ...row })

export const forkJson = (row: ForkRow): Json => ({ ...row })

export const statusJson = (status: NodeStatus): Json => ({ ...status })

/** `stdout` is the first bytes as UTF-8 text; `stdoutBytes` all that was written, `stdoutKeptBytes` what `writ logs` can give. */
export const queueRowJson = ({ stdout, stderr, files, ...row }: QueueRow): Json => ({
  ...row,
  ...outputJson('stdout', stdout),
  ...outputJson('stderr', stderr),
  ...(files === undefined ? {} : { files: files.map(({ name, output: { sizeBytes, keptBytes, cid } }) => ({ name, bytes: sizeBytes, keptBytes, cid })) })
})

export const orderViewJson = ({ order, rows }: OrderView): Json => ({ order: orderJson(order), rows: rows.map(queueRowJson) })

export const submittedJson = ({ indication, name, format, targets, heldBy }: SubmittedOrder): Json => ({ indication, name, format, targets, heldBy })

const outputJson = (stream: 'stdout' | 'stderr', output: Output | null): Json => ({
  [stream]: output === null ? null : toText(output.head),
  [`${stream}Bytes`]: output?.sizeBytes ?? null,
  [`${stream}KeptBytes`]: output?.keptBytes ?? null,
  [`${stream}Cid`]: output?.cid ?? null
})
