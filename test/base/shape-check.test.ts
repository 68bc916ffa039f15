import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import * as v from 'valibot'
import { bytesSchema, checkShape, countSchema, millisSchema, recordIdSchema, textMapSchema, textSchema } from '../../src/base/schema.ts'
import { hasShape } from '../../src/base/shape-check.ts'
import { entryKind } from '../../src/record/entry.ts'
import { statementKind } from '../../src/record/statement.ts'

const id = 'a'.repeat(52)
const everything = v.strictObject({
  id: recordIdSchema,
  count: v.pipe(countSchema, v.minValue(1), v.maxValue(9)),
  at: v.nullable(millisSchema),
  exitCode: v.pipe(v.number(), v.integer()),
  text: textSchema(4),
  bytes: bytesSchema(2),
  flag: v.boolean(),
  maybe: v.exactOptional(v.boolean()),
  state: v.picklist(['on', 'off']),
  pairs: v.pipe(v.array(v.strictTuple([v.string(), v.instance(Uint8Array)])), v.minLength(1), v.maxLength(2)),
  what: v.variant('kind', [v.strictObject({ kind: v.literal('none') }), v.strictObject({ kind: v.literal('some'), value: v.number() })])
})

const good = {
  id, count: 1, at: null, exitCode: -1, text: 'text', bytes: new Uint8Array(2), flag: true, state: 'on', pairs: [['a', new Uint8Array(1)]], what: { kind: 'some', value: 0.5 }
}

/** Values near the right ones, for any field. */
const anything = fc.oneof(
  fc.constantFrom<unknown>(id, `${'a'.repeat(51)}b`, null, undefined, Number.NaN, -0, 0, 1, 9, 10, 1.5, -1, 2 ** 53, 'text', 'texts', '', 'on', true, [], [[]], {}),
  fc.constantFrom<unknown>(new Uint8Array(3), [['a', new Uint8Array(1)]], [['a']], [['a', 'b']], [['a', new Uint8Array(0), 1]], { kind: 'none' }, { kind: 'none', value: 1 }, { kind: 'some' }, { kind: 'more' }),
  fc.anything()
)

test('the fast check says yes where valibot does, to what it would give back', (t) => {
  t.true(hasShape(everything, good))
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(good), 'maybe', 'more'), anything, (field, value) => {
      const changed = { ...good, [field]: value }
      const parsed = v.safeParse(everything, changed)
      t.is(hasShape(everything, changed), parsed.success)
      if (parsed.success) t.deepEqual(parsed.output as unknown, changed)
    }),
    { numRuns: 3000 }
  )
})

test('a missing field, and what is no object, are not of the shape', (t) => {
  const { flag: _flag, ...rest } = good
  for (const value of [rest, [], null, 'text', Object.create(good)]) t.false(hasShape(everything, value))
})

test('the schemas of the records that come by the thousand are known to it', (t) => {
  const receipt = { kind: 'agent', indication: id, state: 'received', at: 1, code: null, detail: null }
  const entry = { mesh: id, author: id, incarnation: 'a'.repeat(26), sequence: 1, previous: null, at: 1, content: { kind: 'receipts', receipts: [receipt] } }
  t.true(hasShape(entryKind.schema, entry))
  const output = { head: new Uint8Array(1), sizeBytes: 1, cid: null, keptBytes: 1 }
  const statement = { mesh: id, executor: id, previous: null, indication: id, state: 'running', at: 1, startedAt: null, exitCode: 0, signal: null, code: null, detail: null, stdout: output, stderr: null }
  t.true(hasShape(statementKind.schema, statement))
  t.true(hasShape(statementKind.schema, { ...statement, files: [{ name: 'report.txt', output }] }))
})

test('what it does not know it leaves to valibot', (t) => {
  const schema = v.strictObject({ labels: textMapSchema(1, v.string(), v.string()) })
  t.false(hasShape(schema, { labels: {} }))
  t.true(checkShape(schema, { labels: {} }).ok)
  const trimmed = v.strictObject({ text: v.pipe(v.string(), v.transform((text) => text.trim())) })
  t.false(hasShape(trimmed, { text: ' a ' }))
  t.deepEqual(checkShape(trimmed, { text: ' a ' }), { ok: true, value: { text: 'a' } })
})
