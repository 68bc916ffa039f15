import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import * as v from 'valibot'
import { encodeCbor } from '../../src/base/codec.ts'
import { textMapSchema, textSchema } from '../../src/base/schema.ts'
import { compareText, utf8 } from '../../src/base/bytes.ts'
import { controlKind } from '../../src/record/control.ts'
import { indicationKind } from '../../src/record/indication.ts'
import { cosignRecord, decodeRecord, sealRecord, verifyRecord, verifyRecordSync, type RecordKind } from '../../src/record/record.ts'
import { keyFor, TestMesh } from '../fixtures/mesh.ts'
import { orderOf } from '../fixtures/orders.ts'
import type { Result } from '../../src/base/result.ts'

interface Note {
  readonly text: string
  readonly tags: Readonly<Record<string, string>>
}

const noteSchema = v.strictObject({ text: textSchema(100), tags: textMapSchema(4, textSchema(20), textSchema(20)) })
const noteKind: RecordKind<Note> = { type: 'note', schema: noteSchema, sizeBytesMax: 512 }
const otherKind: RecordKind<Note> = { ...noteKind, type: 'other' }

const [anna, bert] = [keyFor('anna'), keyFor('bert')]
const note = sealRecord(noteKind, { text: 'hello', tags: { a: 'b' } }, [anna])

/** The whole way of untrusted bytes, as every reader goes it. */
const open = (bytes: Uint8Array): Result<unknown> => {
  const decoded = decodeRecord(noteKind, bytes)
  return decoded.ok ? verifyRecordSync(decoded.value, [anna.key]) : decoded
}

/** An envelope made by hand, around a body that nobody checked. */
const envelope = (type: string, body: unknown, signatures: readonly (readonly [string, Uint8Array])[]): Uint8Array => encodeCbor([type, encodeCbor(body), signatures])
const signBody = (type: string, body: unknown, signer = anna): readonly [string, Uint8Array] => [signer.key, signer.sign(Buffer.concat([utf8(`writ/1/${type}\0`), encodeCbor(body)]))]

test('a sealed record decodes to itself and verifies both ways', async (t) => {
  const decoded = decodeRecord(noteKind, note.bytes)
  t.true(decoded.ok)
  if (!decoded.ok) return
  t.deepEqual(decoded.value, note as typeof decoded.value)
  t.true(verifyRecordSync(decoded.value, [anna.key]).ok)
  t.true((await verifyRecord(decoded.value, [anna.key])).ok)
})

test('the envelope is the documented one, so that a record made by hand is accepted', (t) => {
  const body = { text: 'by hand', tags: {} }
  t.true(open(envelope('note', body, [signBody('note', body)])).ok)
})

test('the id is the hash of type and body, and so differs by either', (t) => {
  const { body } = note
  const ids = [note, sealRecord(otherKind, body, [anna]), sealRecord(noteKind, { ...body, text: 'hallo' }, [anna])].map(({ id }) => id)
  t.is(new Set(ids).size, 3)
  t.true(ids.every((id) => /^[a-z2-7]{52}$/.test(id)))
  t.is(sealRecord(noteKind, body, [bert]).id, note.id)
})

test('a record with any one byte altered is refused', (t) => {
  fc.assert(
    fc.property(fc.nat({ max: note.bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (place, difference) => {
      const altered = note.bytes.slice()
      altered[place] = (altered[place] ?? 0) ^ difference
      t.false(open(altered).ok, `byte ${place} xor ${difference}`)
    }),
    { numRuns: 2000 }
  )
})

test('a record with any one bit altered is refused', (t) => {
  for (const place of note.bytes.keys()) {
    for (let bit = 0; bit < 8; bit += 1) {
      const altered = note.bytes.slice()
      altered[place] = (altered[place] ?? 0) ^ (1 << bit)
      if (open(altered).ok) t.fail(`bit ${bit} of byte ${place}`)
    }
  }
  t.pass()
})

test('a record that was cut short or lengthened is refused', (t) => {
  for (const length of note.bytes.keys()) t.false(open(note.bytes.subarray(0, length)).ok)
  t.like(open(Uint8Array.of(...note.bytes, 0)), { ok: false, code: 'malformed' })
})

test('no bytes whatever make the decoder throw', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => t.false(open(bytes).ok)), { numRuns: 1000 })
})

const isRefused = test.macro({
  exec(t, bytes: Uint8Array, code: string, detail: string = '') {
    const opened = open(bytes)
    if (opened.ok) return t.fail('was accepted')
    t.is(opened.code, code)
    t.true(opened.detail.includes(detail), opened.detail)
  },
  title: (name = '') => `${name} is refused`
})

const good = { text: 'x', tags: {} }
test('a record of another type', isRefused, sealRecord(otherKind, good, [anna]).bytes, 'wrong-type', 'other')
test('a signature that was made for another type', isRefused, envelope('note', good, [signBody('other', good)]), 'bad-signature')
test('a record without a signature', isRefused, envelope('note', good, []), 'malformed')
test('a record that the wrong key signed', isRefused, sealRecord(noteKind, good, [bert]).bytes, 'bad-signature', anna.key)
test('a good signature beside a bad one', isRefused, cosignRecord(sealRecord(noteKind, good, [anna]), { key: bert.key, sign: () => new Uint8Array(64) }).bytes, 'bad-signature')
test('an unknown field, though it was signed', isRefused, envelope('note', { ...good, more: 1 }, [signBody('note', { ...good, more: 1 })]), 'malformed', 'more')
test('a missing field, though it was signed', isRefused, envelope('note', { text: 'x' }, [signBody('note', { text: 'x' })]), 'malformed', 'tags')
test('a field that was added under a good signature', isRefused, envelope('note', { ...good, tags: { b: 'c' } }, [signBody('note', good)]), 'bad-signature')
test('a body that is not canonical', isRefused, encodeCbor(['note', Uint8Array.of(0x18, 0x01), [signBody('note', good)]]), 'malformed')
test('an envelope with a fourth element', isRefused, encodeCbor(['note', encodeCbor(good), [signBody('note', good)], 0]), 'malformed')
test('an envelope that is a map', isRefused, encodeCbor({ type: 'note' }), 'malformed')

for (const name of ['constructor', 'prototype', '__proto__']) {
  // A key that the reader would drop makes a second id for one signed body: the once-only journal would not know it.
  const tags: unknown = JSON.parse(`{"${name}": "x"}`)
  test(`a tag called ${name} that was put under a good signature`, isRefused, envelope('note', { ...good, tags }, [signBody('note', good)]), 'malformed')
}

test('a record larger than its kind allows is refused before it is decoded', (t) => {
  const body = { text: 'y'.repeat(100), tags: {} }
  const { bytes } = sealRecord(noteKind, body, [anna])
  t.like(decodeRecord({ ...noteKind, sizeBytesMax: bytes.length - 1 }, bytes), { ok: false, code: 'oversized' })
  t.true(decodeRecord({ ...noteKind, sizeBytesMax: bytes.length }, bytes).ok)
  t.like(decodeRecord(noteKind, new Uint8Array(513)), { ok: false, code: 'oversized' })
})

test('signatures are sorted by key, whatever the order of the signers', (t) => {
  t.deepEqual(sealRecord(noteKind, good, [anna, bert]).bytes, sealRecord(noteKind, good, [bert, anna]).bytes)
})

test('signatures that are not sorted, or come twice, are refused', (t) => {
  const [first, second] = [anna, bert].sort((left, right) => compareText(left.key, right.key)).map((signer) => signBody('note', good, signer))
  if (first === undefined || second === undefined) return t.fail()
  t.true(open(envelope('note', good, [first, second])).ok)
  t.like(open(envelope('note', good, [second, first])), { ok: false, code: 'malformed' })
  t.like(open(envelope('note', good, [first, first])), { ok: false, code: 'malformed' })
  return undefined
})

test('co-signing keeps the id and adds one signature', (t) => {
  const cosigned = cosignRecord(note, bert)
  t.is(cosigned.id, note.id)
  t.notDeepEqual(cosigned.bytes, note.bytes)
  const decoded = decodeRecord(noteKind, cosigned.bytes)
  t.true(decoded.ok && verifyRecordSync(decoded.value, [anna.key, bert.key]).ok)
  t.deepEqual(cosignRecord(cosigned, bert).bytes, cosigned.bytes)
})

test('both ways to verify ask for the same signers', async (t) => {
  t.like(verifyRecordSync(note, [anna.key, bert.key]), { ok: false, code: 'bad-signature' })
  t.like(await verifyRecord(note, [anna.key, bert.key]), { ok: false, code: 'bad-signature' })
  const forged = { ...note, signatures: [{ key: anna.key, signature: new Uint8Array(64) }] }
  t.like(verifyRecordSync(forged, []), { ok: false, code: 'bad-signature' })
  t.like(await verifyRecord(forged, []), { ok: false, code: 'bad-signature' })
})

test('sealing a body of the wrong shape or size is a mistake of the program', (t) => {
  t.throws(() => sealRecord(noteKind, { text: 'z'.repeat(101), tags: {} }, [anna]), { message: /wrong shape: text/ })
  t.throws(() => sealRecord({ ...noteKind, sizeBytesMax: 50 }, good, [anna]), { message: /at most 50/ })
})

test('the bytes of a control are no indication, nor the other way round', (t) => {
  const mesh = new TestMesh()
  const order = orderOf(mesh)
  const control = sealRecord(controlKind, { mesh: mesh.mesh, admin: mesh.admin.key, indication: order.id, action: 'cancel', at: 1 }, [mesh.admin])
  t.like(decodeRecord(indicationKind, control.bytes), { ok: false, code: 'wrong-type' })
  t.like(decodeRecord(controlKind, order.bytes), { ok: false, code: 'wrong-type' })
})
