import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import * as v from 'valibot'
import { keyIdSchema, recordIdSchema } from '../../src/base/schema.ts'
import { decodeRecord, sealRecord, verifyRecord, type RecordKind, type Sealed } from '../../src/record/record.ts'
import { verifySignature, type CheckSignature, type Signer } from '../../src/record/keys.ts'
import { verifyLinked, type VouchingOptions } from '../../src/record/vouching.ts'
import { keyFor } from '../fixtures/mesh.ts'
import type { KeyId, RecordId } from '../../src/base/brand.ts'

interface Step {
  readonly by: KeyId
  readonly previous: RecordId | null
  readonly number: number
}

const stepKind: RecordKind<Step> = {
  type: 'step',
  schema: v.strictObject({ by: keyIdSchema, previous: v.nullable(recordIdSchema), number: v.number() }),
  sizeBytesMax: 1024
}
const [anna, bert] = [keyFor('anna'), keyFor('bert')]

const step = (signer: Signer, previous: Sealed<Step> | null, number: number, by = signer.key): Sealed<Step> => sealRecord(stepKind, { by, previous: previous?.id ?? null, number }, [signer])

const chainOf = (signer: Signer, length: number): Sealed<Step>[] => {
  const chain: Sealed<Step>[] = []
  for (let number = 1; number <= length; number += 1) chain.push(step(signer, chain.at(-1) ?? null, number))
  return chain
}

/** The same record with a signature that is not valid, as it would be decoded. */
const spoil = (record: Sealed<Step>): Sealed<Step> => {
  const bytes = Uint8Array.from(record.bytes)
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  const decoded = decodeRecord(stepKind, bytes)
  if (!decoded.ok) throw new Error(decoded.detail)
  return decoded.value
}

const judge = async (records: readonly Sealed<Step>[], options: Partial<VouchingOptions<Step>> = {}): Promise<{ verdicts: string[]; checks: number }> => {
  let checks = 0
  const checkSignature: CheckSignature = (...signed) => {
    checks += 1
    return verifySignature(...signed)
  }
  const results = await verifyLinked(records, { signerOf: ({ by }) => by, checkSignature, ...options })
  return { verdicts: results.map((result) => (result.ok ? 'ok' : result.code)), checks }
}

const [first, second, third, fourth] = chainOf(anna, 4) as [Sealed<Step>, Sealed<Step>, Sealed<Step>, Sealed<Step>]
const fork = step(anna, second, 30)

const cases = test.macro({
  exec: async (t, records: readonly Sealed<Step>[], verdicts: readonly string[], checks: number) => t.deepEqual(await judge(records), { verdicts: [...verdicts], checks }),
  title: (name = '') => name
})
const bad = 'bad-signature'

test('nothing costs nothing', cases, [], [], 0)
test('a chain costs one verification', cases, [first, second, third, fourth], ['ok', 'ok', 'ok', 'ok'], 1)
test('a chain in another order costs no more', cases, [third, first, fourth, second], ['ok', 'ok', 'ok', 'ok'], 1)
test('what is not linked is verified by itself', cases, [first, third], ['ok', 'ok'], 2)
test('two branches cost two verifications', cases, [first, second, third, fork], ['ok', 'ok', 'ok', 'ok'], 2)
test('a bad tip does not hide the good ones before it', cases, [first, second, spoil(third)], ['ok', 'ok', bad], 2)
test('each bad one at the end is reported', cases, [first, spoil(second), spoil(third)], ['ok', bad, bad], 3)
test('what a good one links to is authentic, whatever its own signature says', cases, [spoil(first), spoil(second), third], ['ok', 'ok', 'ok'], 1)
test('a bad branch takes nothing from a good one', cases, [first, second, third, spoil(fork)], ['ok', 'ok', 'ok', bad], 2)
test('a bad branch lends nothing to a good one', cases, [spoil(second), spoil(third), fork], ['ok', bad, 'ok'], 2)
test('two bad branches leave their root to be judged by itself', cases, [first, second, spoil(third), spoil(fork)], ['ok', 'ok', bad, bad], 3)
test('of two copies of a tip the bad one is refused', cases, [second, spoil(second)], ['ok', bad], 2)
test('nobody vouches for a record of somebody else', cases, [spoil(first), step(bert, first, 2)], [bad, 'ok'], 2)
test('a record in another name is refused without a look at its signature', cases, [step(bert, null, 1, anna.key)], [bad], 0)

test('a record that was verified earlier vouches as well', async (t) => {
  const isVouched = ({ id }: Sealed<Step>): boolean => id === second.id
  t.deepEqual(await judge([first, spoil(second), spoil(fourth)], { isVouched }), { verdicts: ['ok', 'ok', bad], checks: 1 })
})

interface Drawn {
  readonly chain: number
  readonly parent: number
  readonly isBad: boolean
}

const drawn = fc.array(fc.record({ chain: fc.integer({ min: 0, max: 1 }), parent: fc.nat(40), isBad: fc.boolean() }), { minLength: 1, maxLength: 30 })

/** A forest of records by two signers, each linked to any earlier one of either. */
const plant = (draws: readonly Drawn[]): { records: Sealed<Step>[]; parents: (number | undefined)[] } => {
  const records: Sealed<Step>[] = []
  const parents: (number | undefined)[] = []
  for (const [number, { chain, parent, isBad }] of draws.entries()) {
    const parentIndex = parent < number ? parent : undefined
    const made = step(chain === 0 ? anna : bert, parentIndex === undefined ? null : (records[parentIndex] ?? null), number)
    records.push(isBad ? spoil(made) : made)
    parents.push(parentIndex)
  }
  return { records, parents }
}

test('where nothing is forged, the outcome is that of verifying each one', async (t) => {
  await fc.assert(
    fc.asyncProperty(drawn, fc.infiniteStream(fc.nat()), async (draws, keys) => {
      const { records } = plant(draws.map((draw) => ({ ...draw, isBad: false })))
      const shuffled = records.map((record) => ({ record, key: keys.next().value ?? 0 })).sort((left, right) => left.key - right.key).map(({ record }) => record)
      const { verdicts, checks } = await judge(shuffled)
      const each = await Promise.all(shuffled.map((record) => verifyRecord(record, [record.body.by])))
      if (!each.every(({ ok }) => ok) || !verdicts.every((verdict) => verdict === 'ok')) throw new Error('a good record was refused')
      if (checks > records.length) throw new Error('more verifications than records')
    }),
    { numRuns: 60 }
  )
  t.pass()
})

test('a record counts when its own signature is good, or when one that counts, of its signer, links to it; nothing else does', async (t) => {
  await fc.assert(
    fc.asyncProperty(drawn, async (draws) => {
      const { records, parents } = plant(draws)
      const counts = draws.map(({ isBad }) => !isBad)
      for (let index = records.length - 1; index >= 0; index -= 1) {
        const parent = parents[index]
        if (counts[index] === true && parent !== undefined && draws[parent]?.chain === draws[index]?.chain) counts[parent] = true
      }
      const { verdicts, checks } = await judge(records)
      if (verdicts.join() !== counts.map((does) => (does ? 'ok' : bad)).join()) throw new Error(`${verdicts.join()} for ${counts.join()}`)
      if (checks > records.length) throw new Error('more verifications than records')
    }),
    { numRuns: 200 }
  )
  t.pass()
})
