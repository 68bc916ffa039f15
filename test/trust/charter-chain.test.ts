import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { charterKind, type CharterBody } from '../../src/record/charter.ts'
import { sealRecord, type Verified } from '../../src/record/record.ts'
import { limits } from '../../src/base/limits.ts'
import { chartersAfter, extendCharterChain, knownVersions, newestOf, openCharterChain, wasEverAdmin, wasEverEnroller, type CharterChain } from '../../src/trust/charter-chain.ts'
import { keyFor, TestMesh } from '../fixtures/mesh.ts'
import { orderOf } from '../fixtures/orders.ts'
import type { MeshId } from '../../src/base/brand.ts'
import type { Result } from '../../src/base/result.ts'
import type { Signer } from '../../src/record/keys.ts'

type Charter = Verified<CharterBody>

const [anna, bert, cora, dora] = [keyFor('anna'), keyFor('bert'), keyFor('cora'), keyFor('dora')]
const blank = new TestMesh().chain.current

/** Version 1 needs two of anna, bert and cora. */
const firstOf = (change: Partial<CharterBody> = {}, signers: readonly Signer[] = [anna, bert]): Charter =>
  sealRecord(charterKind, { ...blank, rootKeys: [anna.key, bert.key, cora.key], threshold: 2, ...change }, signers)

const nextOf = (last: Charter, change: Partial<CharterBody> = {}, signers: readonly Signer[] = [anna, bert]): Charter =>
  sealRecord(charterKind, { ...last.body, version: last.body.version + 1, previous: last.id, ...change }, signers)

const open = (...charters: readonly Charter[]): Result<CharterChain> => openCharterChain((charters[0]?.id ?? '') as string as MeshId, charters.map(({ bytes }) => bytes))

const opened = (...charters: readonly Charter[]): CharterChain => {
  const chain = open(...charters)
  if (!chain.ok) throw new Error(chain.detail)
  return chain.value
}

const idsOf = (chain: CharterChain): string[] => chain.versions.map(({ id }) => id)

const first = firstOf()
const second = nextOf(first)
const third = nextOf(second)

test('who goes by a rival of some version is given the whole chain', (t) => {
  const chain = opened(first, second, third)
  const rival = nextOf(first, { name: 'rival' })
  const known = (...charters: readonly Charter[]): number => knownVersions(chain, newestOf(opened(...charters)))
  t.deepEqual([known(first), known(first, second), known(first, second, third), known(first, rival)], [1, 2, 3, 0])
  // One that is ahead lacks nothing.
  t.deepEqual([knownVersions(opened(first), newestOf(chain)), knownVersions(chain, { charterVersion: 0, charterHead: null })], [3, 0])
})

test('a chain opens from its mesh id and holds every version, newest last', (t) => {
  const chain = opened(first, second, third)
  t.is(chain.mesh as string, first.id)
  t.deepEqual(idsOf(chain), [first.id, second.id, third.id])
  t.is(chain.current.version, 3)
})

const isRefused = test.macro({
  exec(t, chain: Result<CharterChain>, code: string, detail: string = '') {
    if (chain.ok) return t.fail('was accepted')
    t.is(chain.code, code)
    t.true(chain.detail.includes(detail), chain.detail)
  },
  title: (name = '') => `${name} is refused`
})

const forged: Signer = { key: bert.key, sign: () => new Uint8Array(64) }
test('a chain of nothing', isRefused, openCharterChain('a' as MeshId, []), 'bad-charter', 'no charter')
test('the first charter of another mesh', isRefused, openCharterChain(second.id as string as MeshId, [first.bytes]), 'wrong-mesh')
test('a chain that starts with version 2', isRefused, openCharterChain(second.id as string as MeshId, [second.bytes]), 'bad-charter', 'not version 1')
test('a version 1 with a predecessor', isRefused, open(firstOf({ previous: second.id })), 'bad-charter', 'not version 1')
test('a first charter with one signature of two', isRefused, open(firstOf({}, [anna])), 'bad-charter', 'lacks signatures')
test('a first charter that strangers signed', isRefused, open(firstOf({}, [anna, dora])), 'bad-charter', 'lacks signatures')
test('a first charter with a forged signature', isRefused, open(firstOf({}, [anna, forged])), 'bad-signature')
test('a threshold that its keys cannot meet', isRefused, open(firstOf({ rootKeys: [anna.key, anna.key], threshold: 2 }, [anna])), 'bad-charter', 'lacks signatures')
test('a gap', isRefused, open(first, third), 'bad-charter', 'without version 2')
test('a version that follows another one', isRefused, open(first, nextOf(first, { previous: third.id })), 'bad-charter', 'does not follow')
test('a version that follows nothing', isRefused, open(first, nextOf(first, { previous: null })), 'bad-charter', 'does not follow')
test('a version with one signature of two', isRefused, open(first, nextOf(first, {}, [anna])), 'bad-charter', 'of version 1')
test('a version that lowers the threshold and is signed for the lower one alone', isRefused, open(first, nextOf(first, { threshold: 1 }, [anna])), 'bad-charter', 'of version 1')
test('a version that only its new root keys signed', isRefused, open(first, nextOf(first, { rootKeys: [dora.key], threshold: 1 }, [dora])), 'bad-charter', 'of version 1')
test('a version that its new root keys did not sign', isRefused, open(first, nextOf(first, { rootKeys: [dora.key], threshold: 1 })), 'bad-charter', 'its own root keys')
test('a second version 1', isRefused, open(first, firstOf({ name: 'other' })), 'bad-charter', 'second version 1')
test('a version beyond the limit', isRefused, open(first, nextOf(first, { version: limits.record.charterVersionsMax + 1 })), 'bad-charter', 'limit')
test('a record that is no charter', isRefused, openCharterChain('a' as MeshId, [orderOf(new TestMesh()).bytes]), 'wrong-type')
test('bytes that are no record', isRefused, openCharterChain('a' as MeshId, [Uint8Array.of(0xff)]), 'malformed')

test('root keys rotate step by step, and the old ones have no say afterwards', (t) => {
  const rotated = nextOf(first, { rootKeys: [dora.key], threshold: 1 }, [anna, bert, dora])
  const chain = opened(first, rotated)
  t.like(extendCharterChain(chain, [nextOf(rotated, {}, [anna, bert, cora]).bytes]), { ok: false, code: 'bad-charter' })
  t.true(extendCharterChain(chain, [nextOf(rotated, {}, [dora]).bytes]).ok)
})

test('a chain that was offered something bad half-way stays as it was', (t) => {
  const chain = opened(first)
  t.false(extendCharterChain(chain, [second.bytes, nextOf(second, {}, [anna]).bytes]).ok)
  t.deepEqual(idsOf(chain), [first.id])
})

test('a chain never goes back to a prefix of itself, whatever known version it hears again', (t) => {
  const chain = opened(first, second, third)
  for (const heard of [[first], [second], [first, second], [third], [third, second, first]]) {
    const extended = extendCharterChain(chain, heard.map(({ bytes }) => bytes))
    t.true(extended.ok)
    if (extended.ok) t.deepEqual(idsOf(extended.value), idsOf(chain))
  }
})

test('of two valid charters of one version the lower id wins, whichever came first', (t) => {
  const rivals = [nextOf(first, { name: 'left' }), nextOf(first, { name: 'right' })] as const
  const lower = rivals[0].id < rivals[1].id ? rivals[0].id : rivals[1].id
  for (const [one, other] of [rivals, rivals.toReversed()]) {
    if (one === undefined || other === undefined) continue
    const extended = extendCharterChain(opened(first, one), [other.bytes])
    t.deepEqual(extended.ok && idsOf(extended.value), [first.id, lower])
  }
})

test('a charter with more signatures than it needs is the same charter', (t) => {
  const more = firstOf({}, [anna, bert, cora])
  const extended = extendCharterChain(opened(first), [more.bytes])
  t.deepEqual(extended.ok && idsOf(extended.value), [first.id])
})

test('any order of arrival of whole branches leads to the same chain', (t) => {
  const branchesOf = (name: string): Charter[][] => {
    const two = nextOf(first, { name })
    const three = nextOf(two)
    return [[two], [two, three], [two, nextOf(two, { expiresAt: blank.expiresAt + 1 })], [two, three, nextOf(three)]]
  }
  const known = [...branchesOf('left'), ...branchesOf('right'), ...branchesOf('middle')]
  const settle = (order: readonly Charter[][]): string[] => {
    let chain = opened(first)
    for (const branch of order) {
      const extended = extendCharterChain(chain, branch.map(({ bytes }) => bytes))
      t.true(extended.ok)
      if (extended.ok) chain = extended.value
    }
    return idsOf(chain)
  }
  const expected = settle(known)
  t.is(expected.length, 4)
  fc.assert(fc.property(fc.shuffledSubarray(known, { minLength: known.length }), (order) => t.deepEqual(settle(order), expected)), { numRuns: 30 })
})

test('a chain never gets shorter, whatever a rival of an old version is signed by', (t) => {
  const long = opened(first, nextOf(first, { name: 'long' }), nextOf(nextOf(first, { name: 'long' })))
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const extended = extendCharterChain(long, [nextOf(first, { name: `rival-${attempt}` }).bytes])
    t.deepEqual(extended.ok && idsOf(extended.value), idsOf(long))
  }
})

test('somebody who knows so many versions is told the later ones, oldest first', (t) => {
  const chain = opened(first, second, third)
  t.deepEqual(chartersAfter(chain, 1), [second.bytes, third.bytes])
  t.deepEqual(chartersAfter(chain, 3), [])
  t.deepEqual(chartersAfter(chain, 9), [])
  const both = second.bytes.length + third.bytes.length
  t.deepEqual(chartersAfter(chain, 1, both), [second.bytes, third.bytes])
  t.deepEqual(chartersAfter(chain, 1, both - 1), [second.bytes])
})

test('who was an admin or an enroller once is remembered, and who never was is not', (t) => {
  const person = { key: dora.key, name: 'dora' }
  const added = nextOf(first, { admins: [{ ...person, may: [] }], enrollers: [person] })
  const chain = opened(first, added, nextOf(added, { admins: [], enrollers: [] }))
  t.true(wasEverAdmin(chain, dora.key))
  t.true(wasEverEnroller(chain, dora.key))
  t.false(wasEverAdmin(chain, anna.key))
  t.false(wasEverEnroller(chain, anna.key))
})
