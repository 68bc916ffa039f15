/** Lists in questions and answers: one of the largest size is read, one more is refused. */
import test from 'ava'
import { encodeCbor } from '../../../src/base/codec.ts'
import { limits } from '../../../src/base/limits.ts'
import { decodeShape } from '../../../src/base/schema.ts'
import { pullAnswerSchema, pullRequestSchema } from '../../../src/node/protocol/pull.ts'
import { submitRequestSchema } from '../../../src/node/protocol/submit.ts'
import { syncAnswerSchema } from '../../../src/queue/sync-message.ts'
import type * as v from 'valibot'

const { pull, record, sync } = limits
const bytes = new Uint8Array()
const id = 'a'.repeat(52)
const life = { incarnation: 'a'.repeat(26), sequence: 1, id: null, frozenAt: null }

const pullRequest = { charterVersion: 1, charterHead: id, presence: bytes, entries: [], have: [], wanted: null }
const pullAnswer = { charters: [], acknowledged: [], history: [], endpoints: [], neighbours: [], work: { kind: 'nothing' } }
const orders = { kind: 'orders', bundles: [], controls: [], more: false }
const syncAnswer = { kind: 'cursor', isLost: false, isTrimmed: false, storeId: 'a'.repeat(26), entries: [], next: 0, presences: [], presenceNext: 0, more: false, digest: new Uint8Array(32), charters: [] }

const bounded = test.macro({
  title: (_, what: string, countMax: number) => `${what}: ${countMax} and no more`,
  exec: (t, _: string, countMax: number, schema: v.GenericSchema, make: (count: number) => unknown) => {
    const decode = (count: number) => decodeShape(schema, encodeCbor(make(count)), limits.network.messageBytesMax)
    t.like(decode(countMax), { ok: true })
    t.like(decode(countMax + 1), { ok: false, code: 'malformed' })
  }
})

const list = <T>(count: number, item: T): T[] => Array<T>(count).fill(item)

test(bounded, 'entries of a pull', sync.entriesMax, pullRequestSchema, (count) => ({ ...pullRequest, entries: list(count, bytes) }))
test(bounded, 'orders that an agent has', pull.haveMax, pullRequestSchema, (count) => ({ ...pullRequest, have: list(count, id) }))
test(bounded, 'lives that are acknowledged', pull.livesMax, pullAnswerSchema, (count) => ({ ...pullAnswer, acknowledged: list(count, life) }))
test(bounded, 'orders of a pull', pull.ordersMax, pullAnswerSchema, (count) => ({ ...pullAnswer, work: { ...orders, bundles: list(count, { indication: bytes, controls: [], payload: null }) } }))
test(bounded, 'controls of a pull', pull.haveMax, pullAnswerSchema, (count) => ({ ...pullAnswer, work: { ...orders, controls: list(count, bytes) } }))
test(bounded, 'controls on one order', limits.queue.controlsPerOrderMax, pullAnswerSchema, (count) => ({ ...pullAnswer, work: { ...orders, bundles: [{ indication: bytes, controls: list(count, bytes), payload: null }] } }))
test(bounded, 'entries that are submitted', sync.entriesMax, submitRequestSchema, (count) => ({ kind: 'entries', entries: list(count, bytes), payload: null }))
test(bounded, 'charters that are submitted', record.charterVersionsMax, submitRequestSchema, (count) => ({ kind: 'charters', charters: list(count, bytes) }))
test(bounded, 'entries of an answer in sync', sync.entriesMax, syncAnswerSchema, (count) => ({ ...syncAnswer, entries: list(count, bytes) }))
test(bounded, 'presences of an answer in sync', sync.presencesMax, syncAnswerSchema, (count) => ({ ...syncAnswer, presences: list(count, { record: bytes, contactAt: 0 }) }))
test(bounded, 'charters of an answer in sync', record.charterVersionsMax, syncAnswerSchema, (count) => ({ ...syncAnswer, charters: list(count, bytes) }))

test('the largest answers of pull and sync stay below the limit of a message', (t) => {
  const { controlsPerOrderMax } = limits.queue
  const overhead = 64 * 1024
  const controls = pull.ordersMax * controlsPerOrderMax
  t.true(sync.entriesBytesMax + record.entryBytesMax + sync.presencesBytesMax + record.presenceBytesMax + sync.chartersBytesMax + record.charterBytesMax + overhead < limits.network.messageBytesMax)
  t.true(pull.entriesBytesMax + record.entryBytesMax + record.presenceBytesMax + pull.haveMax * 54 + overhead < limits.network.messageBytesMax)
  // A control is 0.4 KiB; each order may carry all that it may, and each of those that the agent has.
  t.true(pull.ordersBytesMax + record.indicationBytesMax + (controls + pull.haveMax) * 512 + pull.livesMax * 64 + overhead < limits.network.messageBytesMax)
})
