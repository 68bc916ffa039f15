import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { concatBytes, isEqualBytes } from '../../src/base/bytes.ts'
import { encodeCbor } from '../../src/base/codec.ts'
import { encodeFrame } from '../../src/base/framing.ts'
import { limits } from '../../src/base/limits.ts'
import { computeBlocksMax } from '../../src/record/payload-location.ts'
import { decodeTree, encodeTree, planTreeCuts, type TreeEntry, type TreeManifest } from '../../src/record/tree.ts'

const { blockBytesMax, inlineBytesMax, linksPerNodeMax } = limits.payload
const nobody = { owner: null, group: null }
const digest = '0'.repeat(64)
const root = { mode: 0o755, ...nobody }
const directory = (path: string): TreeEntry => ({ kind: 'directory', path, mode: 0o755, ...nobody })
const file = (path: string, sizeBytes = 0): TreeEntry => ({ kind: 'file', path, mode: 0o644, ...nobody, sizeBytes, sha256: digest })
const link = (path: string, target = '/etc'): TreeEntry => ({ kind: 'symlink', path, target, ...nobody })

/** Whatever it holds, in the form of a payload. */
const payloadOf = (manifest: unknown): Uint8Array => encodeFrame(encodeCbor(manifest))

const isRefused = test.macro({
  exec(t, entries: readonly unknown[]) {
    const payload = payloadOf({ root, entries })
    t.like(decodeTree(payload, payload.length), { ok: false, code: 'bad-tree' })
  },
  title: (name = '') => `a tree with ${name} is refused`
})
test('an absolute path', isRefused, [file('/etc/passwd')])
test('a path that leads upwards', isRefused, [directory('a'), file('a/../../b')])
test('the path ..', isRefused, [file('..')])
test('the path .', isRefused, [file('.')])
test('an empty path', isRefused, [file('')])
test('an empty part of a path', isRefused, [directory('a'), file('a//b')])
test('a path that ends with a slash', isRefused, [directory('a/')])
test('a zero byte in a path', isRefused, [file('a\0b')])
test('a name that no file system takes', isRefused, [file('ä'.repeat(128))])
test('one path twice', isRefused, [file('a'), file('a')])
test('unsorted paths', isRefused, [file('b'), file('a')])
test('a file below a link', isRefused, [link('a'), file('a/passwd')])
test('a file below a file', isRefused, [file('a'), file('a/b')])
test('a file below nothing', isRefused, [file('a/b')])
test('a link to nowhere', isRefused, [link('a', '')])
test('a mode of too many bits', isRefused, [{ ...file('a'), mode: 0o10000 }])
test('an owner that is an option', isRefused, [{ ...file('a'), owner: '--reference=/etc/shadow' }])
test('a file of a negative size', isRefused, [{ ...file('a'), sizeBytes: -1 }])
test('a device', isRefused, [{ ...file('a'), kind: 'device' }])
test('another field', isRefused, [{ ...file('a'), xattr: 'x' }])
test('more bytes than there are', isRefused, [file('a', 1)])
test('more files than there may be', isRefused, Array.from({ length: limits.tree.entriesMax + 1 }, (_, index) => file(`f${String(index).padStart(6, '0')}`)))

test('a tree that ends too early or announces too long a manifest is refused', (t) => {
  const payload = payloadOf({ root, entries: [file('a')] })
  for (let length = 0; length < payload.length; length += 1) t.like(decodeTree(payload.subarray(0, length), length), { ok: false, code: 'bad-tree' })
  t.like(decodeTree(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0), 5), { ok: false, code: 'bad-tree' })
})

test('no bytes make the decoder throw', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => t.is(typeof decodeTree(bytes, bytes.length).ok, 'boolean')))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => t.is(typeof decodeTree(encodeFrame(bytes), bytes.length + 4).ok, 'boolean')))
})

const names = fc.constantFrom('a', 'a-b', 'a.b', 'b', 'ä', '\u{1F600}', '\uFFFD', 'z')
/** Trees of any shape, their entries in any order. */
const manifests = fc.uniqueArray(fc.record({ names: fc.array(names, { minLength: 1, maxLength: 4 }), sizeBytes: fc.nat(1000), mode: fc.nat(0o7777) }), { selector: (leaf) => leaf.names.join('/'), maxLength: 12 }).map((leaves): TreeManifest => {
  const paths = new Map<string, TreeEntry>()
  for (const leaf of leaves) for (let depth = 1; depth < leaf.names.length; depth += 1) paths.set(leaf.names.slice(0, depth).join('/'), { ...directory(leaf.names.slice(0, depth).join('/')), owner: 'app' })
  for (const leaf of leaves) {
    const path = leaf.names.join('/')
    if (!paths.has(path)) paths.set(path, leaf.mode % 5 === 0 ? link(path) : { kind: 'file', path, mode: leaf.mode, ...nobody, sizeBytes: leaf.sizeBytes, sha256: digest })
  }
  return { root, entries: [...paths.values()] }
})

test('a tree comes back as it was, whatever the order of its entries', (t) => {
  fc.assert(
    fc.property(manifests, (manifest) => {
      const encoded = encodeTree(manifest)
      const backwards = encodeTree({ root, entries: manifest.entries.toReversed() })
      if (!encoded.ok || !backwards.ok) return t.fail(encoded.ok ? '' : encoded.detail)
      const { tree, head } = encoded.value
      t.true(isEqualBytes(head, backwards.value.head))
      const total = manifest.entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.sizeBytes : 0), 0)
      const payload = concatBytes([head, new Uint8Array(total)])
      t.deepEqual(decodeTree(payload, payload.length), { ok: true, value: tree })
      t.false(decodeTree(payload, payload.length + 1).ok)
    })
  )
})

/** Leaves between these cuts, and the nodes above them. */
const countBlocks = (cuts: readonly number[], total: number): number => {
  const ends = [...cuts, total]
  const leaves = ends.reduce((count, end, index) => count + Math.ceil((end - (ends[index - 1] ?? 0)) / blockBytesMax), 0)
  return leaves + Math.ceil(leaves / linksPerNodeMax) + 1
}

const treeOf = (...sizes: readonly number[]) => {
  const encoded = encodeTree({ root, entries: sizes.map((sizeBytes, index) => file(`f${String(index).padStart(6, '0')}`, sizeBytes)) })
  if (!encoded.ok) throw new Error(encoded.detail)
  const { tree } = encoded.value
  return { begin: tree.contentOffset, total: tree.contentOffset + sizes.reduce((sum, size) => sum + size, 0), cuts: planTreeCuts(tree) }
}

test('a large file shares no block, and small ones share small ones', (t) => {
  const { begin, cuts } = treeOf(10, blockBytesMax, 7, inlineBytesMax - 7, 1, 3 * blockBytesMax + 1, 4)
  const third = begin + 10 + blockBytesMax
  const fifth = third + inlineBytesMax
  t.deepEqual(cuts, [begin + 10, third, fifth, fifth + 1, fifth + 2 + 3 * blockBytesMax])
})

test('what may travel beside its order is one block', (t) => {
  const { begin } = treeOf(1, 2, 10_000)
  t.deepEqual(treeOf(1, 2, inlineBytesMax - begin - 3).cuts, [])
})

test('however many files there are, a tree has no more blocks than it may have', (t) => {
  const { entriesMax } = limits.tree
  // Files that need two blocks each, with an almost empty one between them; many small ones; those that just do not fit together.
  for (const sizes of [Array.from({ length: 4000 }, (_, index) => (index % 2 === 0 ? blockBytesMax + 1 : 1)), Array.from({ length: entriesMax }, () => 2000), Array.from({ length: 3000 }, (_, index) => (index % 2 === 0 ? inlineBytesMax : 1)), Array.from({ length: 8000 }, () => 128 * 1024 + 1)]) {
    const { cuts, total } = treeOf(...sizes)
    t.true(countBlocks(cuts, total) <= computeBlocksMax(total))
  }
  fc.assert(fc.property(fc.array(fc.nat(600_000), { maxLength: 60 }), (sizes) => {
    const { cuts, total } = treeOf(...sizes)
    t.true(countBlocks(cuts, total) <= computeBlocksMax(total))
    t.deepEqual(cuts.toSorted((left, right) => left - right), cuts)
  }))
})
