import test from 'ava'
import { fc } from '../../fixtures/properties.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import { accept, reject, type Result } from '../../../src/base/result.ts'
import { limits } from '../../../src/base/limits.ts'
import { OrderMachine, type OrderEffect, type OrderEvent } from '../../../src/node/agent/order-machine.ts'
import { startedAt, TestMesh } from '../../fixtures/mesh.ts'
import { orderOf, payloadOf } from '../../fixtures/orders.ts'
import type { IndicationId } from '../../../src/base/brand.ts'

const mesh = new TestMesh()
const indications = ['a', 'b', 'c'].map((name) => orderOf(mesh, { name, payload: payloadOf(utf8(name)).ref }))
const [indication] = indications as [(typeof indications)[0] & object]
const now = startedAt
const id = indication.id
const { payload } = indication.body
const bundle = { indication: indication.bytes, controls: [], payload: null }
const statement = utf8('signed')

const offered = (verdict: Result<null> = accept(null)): OrderEvent => ({ kind: 'offered', indication, bundle, verdict })
const kindsOf = (effects: readonly OrderEffect[]): string[] => effects.map((effect) => (effect.kind !== 'receipt' ? effect.kind : effect.receipt.kind === 'executor' ? 'statement' : effect.receipt.state))
const after = (...events: readonly OrderEvent[]): OrderMachine => {
  const machine = new OrderMachine()
  for (const event of events) machine.step(event, now)
  return machine
}
const fetched: OrderEvent = { kind: 'fetched', indication: id, outcome: accept(null) }
const ranges = [{ offset: 0, sizeBytes: 1 }]
const wanted = { kind: 'wanted', indication: id, ranges } as const
const stated = (state: 'running' | 'succeeded'): OrderEvent => ({ kind: 'stated', indication: id, state, statement })

test('an order that passes its first verification is received and handed over', (t) => {
  const effects = after().step(offered(), now)
  t.deepEqual(kindsOf(effects), ['received', 'hand-over'])
  t.deepEqual(effects[1], { kind: 'hand-over', bundle })
})

const held = (running: boolean): OrderEvent => ({ kind: 'held', indication, bundle, running })

test('an order that the executor held before this process started is asked after, fetched and ended as any other, and not reported anew', (t) => {
  const machine = after()
  t.deepEqual(machine.step(held(false), now), [])
  t.deepEqual(machine.have(), [id])
  t.deepEqual(machine.payloads(), [payload])
  t.deepEqual(machine.step(offered(), now), [])
  t.deepEqual(kindsOf(machine.step(wanted, now)), ['retrieving', 'fetch'])
  machine.step(stated('succeeded'), now)
  t.deepEqual(machine.have(), [])
})

test('an order that the executor runs is not forgotten while it runs, and one that has ended stays so', (t) => {
  const machine = after(held(true))
  machine.step({ kind: 'tick' }, now + limits.indication.validityMsMax)
  t.deepEqual(machine.have(), [id])
  t.deepEqual(after(offered(), stated('succeeded'), held(true)).have(), [])
})

test('an order that is known already is not taken up twice', (t) => {
  t.deepEqual(after(offered()).step(offered(), now), [])
})

const refuses = test.macro({
  exec: (t, code: string, state: string) => {
    const machine = after()
    const [effect, ...others] = machine.step(offered(reject(code, 'because')), now)
    t.deepEqual(others, [])
    t.deepEqual(effect, { kind: 'receipt', urgent: true, receipt: { kind: 'agent', indication: id, state: state as 'rejected', at: now, code, detail: 'because' } })
    t.deepEqual(machine.step(offered(), now), [])
    t.deepEqual(machine.have(), [])
  },
  title: (_, code, state) => `an order that fails with ${code} is ${state} at once, and never handed over`
})
test(refuses, 'not-authorised', 'rejected')
test(refuses, 'unknown-format', 'rejected')
test(refuses, 'expired', 'expired')

const passes = test.macro({
  exec: (t, code: string, expected: readonly string[]) => {
    const machine = after()
    t.deepEqual(kindsOf(machine.step(offered(reject(code)), now)), expected)
    t.deepEqual(kindsOf(machine.step(offered(), now)), ['received', 'hand-over'])
  },
  title: (_, code) => `an order that is ${code} is not remembered, and taken up when that has changed`
})
test(passes, 'not-a-target', [])
test(passes, 'not-yet-valid', [])
test(passes, 'charter-behind', ['pull'])

test('what the executor lacks is fetched once, until the order expires, and delivered', (t) => {
  const machine = after(offered())
  const effects = machine.step(wanted, now + 1000)
  t.deepEqual(kindsOf(effects), ['retrieving', 'fetch'])
  t.deepEqual(effects[1], { kind: 'fetch', indication: id, payload, ranges, deadlineMs: indication.body.expiresAt - now - 1000 })
  t.deepEqual(machine.step(wanted, now), [])
  t.deepEqual(machine.step(fetched, now), [{ kind: 'deliver', indication: id, payload, ranges }])
})

test('the executor may want a payload part by part, which is one retrieval for all others', (t) => {
  const machine = after(offered(), wanted, fetched)
  const next = [{ offset: 1, sizeBytes: 5 }, { offset: 9, sizeBytes: 2 }]
  t.deepEqual(kindsOf(machine.step({ ...wanted, ranges: next }, now)), ['fetch'])
  t.deepEqual(machine.step(fetched, now), [{ kind: 'deliver', indication: id, payload, ranges: next }])
})

test('a fetch that failed is told to the executor, and may be wanted again', (t) => {
  const machine = after(offered(), wanted)
  t.deepEqual(machine.step({ kind: 'fetched', indication: id, outcome: reject('payload-unavailable', 'nobody') }, now), [{ kind: 'give-up', indication: id, code: 'payload-unavailable', detail: 'nobody' }])
  t.deepEqual(kindsOf(machine.step(wanted, now)), ['retrieving', 'fetch'])
})

test('a fetch that ends after its order is no news', (t) => {
  t.deepEqual(after(offered(), wanted, stated('succeeded')).step(fetched, now), [])
})

test('one fetch at a time, also where the order is said to run or is taken up anew meanwhile', (t) => {
  t.deepEqual(after(offered(), wanted, stated('running')).step(wanted, now), [])
  const again = after(offered(), wanted, { kind: 'refused', indication: id }, offered())
  t.deepEqual(again.step(wanted, now), [])
  t.deepEqual(kindsOf(again.step(fetched, now)), ['deliver'])
})

test('what is delivered is what was wanted last, fetched after the fetch that was under way', (t) => {
  const anew = [{ offset: 1, sizeBytes: 2 }]
  const machine = after(offered(), wanted, { ...wanted, ranges: anew })
  const fetch = machine.step(fetched, now).find(({ kind }) => kind === 'fetch')
  t.like(fetch, { kind: 'fetch', ranges: anew })
  t.deepEqual(machine.step(fetched, now), [{ kind: 'deliver', indication: id, payload, ranges: anew }])
})

test('an order past its expiry is fetched with no time left rather than with a negative one', (t) => {
  const [, effect] = after(offered()).step(wanted, indication.body.expiresAt + 5000)
  t.like(effect, { kind: 'fetch', deadlineMs: 0 })
})

test('only what ends an order is urgent', (t) => {
  const machine = after(offered())
  t.like(machine.step(stated('running'), now)[0], { urgent: false, receipt: { kind: 'executor', statement } })
  t.like(machine.step(stated('succeeded'), now)[0], { urgent: true })
})

test('a statement about an order that is not known is reported all the same', (t) => {
  t.deepEqual(kindsOf(after().step(stated('succeeded'), now)), ['statement'])
})

test('validated is reported with the time that the executor gave, and only of orders that are known', (t) => {
  t.like(after(offered()).step({ kind: 'validated', indication: id, at: 7 }, now)[0], { receipt: { state: 'validated', at: 7 } })
  t.deepEqual(after().step({ kind: 'validated', indication: id, at: 7 }, now), [])
})

test('an order that the executor could not take up is forgotten, so that it can come again', (t) => {
  const machine = after(offered(), { kind: 'refused', indication: id })
  t.deepEqual(machine.have(), [])
  t.deepEqual(kindsOf(machine.step(offered(), now)), ['received', 'hand-over'])
})

test('an order is remembered until its expiry and the clock tolerance have passed, and its payload with it', (t) => {
  const machine = after(offered(), stated('succeeded'))
  const { expiresAt } = indication.body
  machine.step({ kind: 'tick' }, expiresAt + limits.trust.clockToleranceMs)
  t.deepEqual(machine.payloads(), [payload])
  machine.step({ kind: 'tick' }, expiresAt + limits.trust.clockToleranceMs + 1)
  t.deepEqual(machine.payloads(), [])
})

test('an order that runs is not forgotten, however late it is', (t) => {
  const machine = after(offered(), stated('running'))
  machine.step({ kind: 'tick' }, Number.MAX_SAFE_INTEGER)
  t.deepEqual(machine.have(), [id])
})

test('a detail that is too long for a receipt is cut', (t) => {
  const [effect] = after().step(offered(reject('not-authorised', 'x'.repeat(5000))), now)
  t.true(effect?.kind === 'receipt' && effect.receipt.kind === 'agent' && effect.receipt.detail?.length === 1024)
})

const events = fc.array(fc.record({ what: fc.constantFrom('offer', 'offer-bad', 'wanted', 'fetched', 'fetch-failed', 'running', 'ended', 'refused', 'tick'), of: fc.nat(2), passMs: fc.nat(3_000_000) }), { maxLength: 80 })

test('whatever happens, an order is handed over only after its verification, fetched by one fetch at a time, and not taken up again after its end', (t) => {
  fc.assert(
    fc.property(events, (list) => {
      const machine = new OrderMachine()
      const verified = new Set<IndicationId>()
      const fetching = new Set<IndicationId>()
      const ended = new Set<IndicationId>()
      let at = now
      for (const { what, of, passMs } of list) {
        const chosen = indications[of] ?? indication
        at += passMs
        const own = { indication: chosen.bytes, controls: [], payload: null }
        const event: OrderEvent =
          what === 'offer' ? { kind: 'offered', indication: chosen, bundle: own, verdict: accept(null) }
          : what === 'offer-bad' ? { kind: 'offered', indication: chosen, bundle: own, verdict: reject('not-authorised') }
          : what === 'wanted' ? { kind: 'wanted', indication: chosen.id, ranges }
          : what === 'running' || what === 'ended' ? { kind: 'stated', indication: chosen.id, state: what === 'ended' ? 'failed' : 'running', statement }
          : what === 'refused' ? { kind: 'refused', indication: chosen.id }
          : what === 'tick' ? { kind: 'tick' }
          : { kind: 'fetched', indication: chosen.id, outcome: what === 'fetched' ? accept(null) : reject('payload-unavailable') }
        // The driver reports the end of a fetch once, and only of one that it was told to make.
        if (event.kind === 'fetched' && !fetching.delete(chosen.id)) continue
        // The executor says nothing more about an order that ended.
        if (event.kind === 'stated' && event.state === 'running' && ended.has(chosen.id)) continue
        if (what === 'offer') verified.add(chosen.id)
        for (const effect of machine.step(event, at)) {
          if (effect.kind === 'hand-over') {
            const of = indications.find(({ bytes }) => bytes === effect.bundle.indication)?.id
            if (of === undefined || !verified.has(of)) throw new Error('handed over without a verification')
            if (ended.has(of)) throw new Error('taken up after its end')
          }
          if (effect.kind === 'fetch') {
            if (fetching.has(effect.indication)) throw new Error('two fetches at once')
            fetching.add(effect.indication)
          }
        }
        if (what === 'ended' && at <= chosen.body.expiresAt + limits.trust.clockToleranceMs && verified.has(chosen.id)) {
          if (machine.have().includes(chosen.id)) throw new Error('an order that ended is still had')
          if (machine.payloads().some(({ cid }) => cid === chosen.body.payload.cid)) ended.add(chosen.id)
        }
        if (what === 'refused') ended.delete(chosen.id)
        if (what === 'tick' && at > chosen.body.expiresAt) ended.clear()
      }
      return true
    }),
    { numRuns: 300 }
  )
  t.pass()
})

test('an order whose outcome was adopted is not taken up, until it is long expired', (t) => {
  const adopted = (state: 'running' | 'succeeded'): OrderEvent => ({ kind: 'adopted', indication: id, state, at: now })
  t.deepEqual(after(adopted('succeeded')).step(offered(), now), [])
  t.deepEqual(kindsOf(after(adopted('running')).step(offered(), now)), ['received', 'hand-over'])
  const known = after(offered(), adopted('succeeded'))
  t.deepEqual(known.have(), [])
  const old = after(adopted('succeeded'))
  old.step({ kind: 'tick' }, now + limits.indication.validityMsMax + limits.trust.clockToleranceMs + 1)
  t.deepEqual(kindsOf(old.step(offered(), now)), ['received', 'hand-over'])
})
