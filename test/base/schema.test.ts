import test from 'ava'
import * as v from 'valibot'
import { encodeCbor } from '../../src/base/codec.ts'
import {
  bytesSchema, checkShape, countSchema, decodeShape, keyIdSchema, labelKeySchema, labelValueSchema, millisSchema, nodeNameSchema, nonceSchema, sha256Schema, textMapSchema, textSchema
} from '../../src/base/schema.ts'
import { toBase32 } from '../../src/base/bytes.ts'

const orderSchema = v.strictObject({ name: nodeNameSchema, labels: textMapSchema(2, labelKeySchema, labelValueSchema), parts: v.array(v.strictObject({ sizeBytes: countSchema })) })

test('every problem of a value is named with its path', (t) => {
  const checked = checkShape(orderSchema, { name: '-', labels: { ok: 'not ok' }, parts: [{ sizeBytes: 1 }, { sizeBytes: -1 }], more: true })
  t.false(checked.ok)
  if (checked.ok) return
  t.is(checked.code, 'malformed')
  for (const path of ['name: ', 'labels.ok: ', 'parts.1.sizeBytes: ', 'more: ']) t.true(checked.detail.includes(path), `${path} in ${checked.detail}`)
  t.false(checked.detail.includes('parts.0'))
})

test('a missing field is named too', (t) => {
  const checked = checkShape(orderSchema, { name: 'a', labels: {} })
  t.true(!checked.ok && checked.detail.startsWith('parts: '))
})

test('a problem of the whole value has no path', (t) => {
  const checked = checkShape(orderSchema, 'text')
  t.true(!checked.ok && checked.detail.startsWith('value: '))
})

for (const name of ['constructor', 'prototype', '__proto__']) {
  test(`a text map with the reserved key ${name} is refused, not stripped`, (t) => {
    const map: unknown = JSON.parse(`{"${name}": "a"}`)
    t.like(checkShape(textMapSchema(2, v.string(), v.string()), map), { ok: false, code: 'malformed' })
  })

  test(`an unknown field called ${name} is refused`, (t) => {
    const value: unknown = JSON.parse(`{"a": 1, "${name}": 2}`)
    t.like(checkShape(v.strictObject({ a: v.number() }), value), { ok: false, code: 'malformed' })
  })
}

test('a text map holds so many entries and no more', (t) => {
  const schema = textMapSchema(2, labelKeySchema, labelValueSchema)
  t.deepEqual(checkShape(schema, { a: '1', b: '' }), { ok: true, value: { a: '1', b: '' } })
  t.false(checkShape(schema, { a: '1', b: '2', c: '3' }).ok)
  t.false(checkShape(schema, null).ok)
})

test('a message is judged by size before it is decoded', (t) => {
  const bytes = encodeCbor({ a: 1 })
  const schema = v.strictObject({ a: v.number() })
  t.deepEqual(decodeShape(schema, bytes, bytes.length), { ok: true, value: { a: 1 } })
  t.like(decodeShape(schema, bytes, bytes.length - 1), { ok: false, code: 'oversized' })
  t.like(decodeShape(schema, new Uint8Array(9), 8), { ok: false, code: 'oversized' })
  t.like(decodeShape(schema, Uint8Array.of(0xff), 8), { ok: false, code: 'malformed' })
  t.like(decodeShape(schema, encodeCbor({ a: '1' }), 8), { ok: false, code: 'malformed' })
})

const judges = test.macro({
  exec(t, schema: v.GenericSchema, good: readonly unknown[], bad: readonly unknown[]) {
    for (const value of good) t.true(checkShape(schema, value).ok, `${String(value)} is good`)
    for (const value of bad) t.false(checkShape(schema, value).ok, `${String(value)} is bad`)
  },
  title: (title = '') => title
})

const key = toBase32(new Uint8Array(32).fill(0xff))
test('a key id is 32 bytes in their one base32 text', judges, keyIdSchema, [key, 'a'.repeat(52)], [key.slice(1), `${key}a`, `${key.slice(0, -1)}7`, key.toUpperCase(), key.replace('7', '1'), '', 1])
test('a nonce is 16 bytes in their one base32 text', judges, nonceSchema, [toBase32(new Uint8Array(16).fill(0xff))], [`${'a'.repeat(25)}b`, 'a'.repeat(27)])
test('a SHA-256 is 64 lower-case hexadecimal digits', judges, sha256Schema, ['0f'.repeat(32)], ['0F'.repeat(32), '0f'.repeat(31), `${'0f'.repeat(32)}\n`])
test('a name is what is easily typed', judges, nodeNameSchema, ['a', 'web-1', 'a.b_c', '9', 'a'.repeat(63)], ['', '-a', 'a-', 'A', 'a b', 'a'.repeat(64), 'a\n', 'ä', '../a'])
test('a label key may have a path and capitals', judges, labelKeySchema, ['role', 'example.org/Role', 'a'.repeat(63)], ['', '/a', 'a/', 'a=b', 'a'.repeat(64)])
test('a label value may be empty', judges, labelValueSchema, ['', 'web', '1.2-3_4'], ['a b', '-', 'a,b', 'a/b', 'a'.repeat(64)])
test('a moment is a whole number of milliseconds since 1970', judges, millisSchema, [0, Number.MAX_SAFE_INTEGER], [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', 1n])
test('a text is bounded', judges, textSchema(2), ['', 'ab'], ['abc', null])
test('bytes are bounded', judges, bytesSchema(2), [new Uint8Array(2), Buffer.alloc(1)], [new Uint8Array(3), [1], 'a', new ArrayBuffer(1)])
