/**
 * A payload that is a tree of files, as one flat sequence of bytes: the manifest in a frame, then the bytes of each file in
 * the manifest's order. One tree has one form. Pure: `file-tree.ts` of the library packs, that of the executor unpacks.
 *
 * What `decodeTree` accepts can be written below a directory and nowhere else: each entry's parent is the root or a
 * directory of the same tree, so nothing lies below a link, and no path leads upwards.
 */
import * as v from 'valibot'
import { compareCodePoints, utf8 } from '../base/bytes.ts'
import { encodeCbor } from '../base/codec.ts'
import { encodeFrame, FrameDecoder } from '../base/framing.ts'
import { limits } from '../base/limits.ts'
import { accept, reject, type Rejected, type Result } from '../base/result.ts'
import { computeBlocksMax } from './payload-location.ts'
import { checkShape, countSchema, decodeShape, sha256Schema, textSchema } from '../base/schema.ts'

const { entriesMax, manifestBytesMax, pathBytesMax, nameBytesMax, ownerLengthMax } = limits.tree

const isPlainText = (text: string): boolean => text !== '' && !text.includes('\0') && text.isWellFormed()
const isPathName = (name: string): boolean => name !== '' && name !== '.' && name !== '..' && utf8(name).length <= nameBytesMax

/** Relative, by `/`, without empty, `.` and `..` parts. */
const pathSchema = v.pipe(
  textSchema(pathBytesMax),
  v.check((path) => isPlainText(path) && utf8(path).length <= pathBytesMax && path.split('/').every(isPathName), 'no path within a tree')
)
const linkTargetSchema = v.pipe(textSchema(pathBytesMax), v.check(isPlainText, 'no target of a link'))
const modeSchema = v.pipe(countSchema, v.maxValue(0o7777))
/** A user's or group's name on the machine that gets the tree; null for those of whoever writes it. */
const ownerSchema = v.nullable(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$/, 'no name of a user or group'), v.maxLength(ownerLengthMax)))
const ownership = { owner: ownerSchema, group: ownerSchema }

const rootSchema = v.strictObject({ mode: modeSchema, ...ownership })

const entrySchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('directory'), path: pathSchema, mode: modeSchema, ...ownership }),
  v.strictObject({ kind: v.literal('file'), path: pathSchema, mode: modeSchema, ...ownership, sizeBytes: countSchema, sha256: sha256Schema }),
  v.strictObject({ kind: v.literal('symlink'), path: pathSchema, target: linkTargetSchema, ...ownership })
])

const manifestSchema = v.strictObject({ root: rootSchema, entries: v.pipe(v.array(entrySchema), v.maxLength(entriesMax)) })

export type TreeManifest = v.InferOutput<typeof manifestSchema>
export type TreeEntry = v.InferOutput<typeof entrySchema>
export type TreeFile = Extract<TreeEntry, { kind: 'file' }>

/** A tree inside of a payload. */
export interface Tree {
  readonly manifest: TreeManifest
  /** Where the bytes of the first file begin. */
  readonly contentOffset: number
}

/** All that `decodeTree` has to see of a payload. */
export const treeHeadBytesMax = 4 + manifestBytesMax

export const isFile = (entry: TreeEntry): entry is TreeFile => entry.kind === 'file'

/** The beginning of the payload; the bytes of the tree's files follow, in its order, which is by path. Errors: `bad-tree`. */
export const encodeTree = ({ root, entries }: TreeManifest): Result<{ readonly tree: Tree; readonly head: Uint8Array }> => {
  const manifest = { root, entries: [...entries].sort((left, right) => compareCodePoints(left.path, right.path)) }
  const shaped = checkShape(manifestSchema, manifest)
  if (!shaped.ok) return refuse(shaped.detail)
  const checked = checkStructure(manifest.entries)
  if (!checked.ok) return checked
  const bytes = encodeCbor(manifest)
  if (bytes.length > manifestBytesMax) return refuse(`its manifest takes ${bytes.length} bytes, at most ${manifestBytesMax} are allowed`)
  const head = encodeFrame(bytes)
  return accept({ tree: { manifest, contentOffset: head.length }, head })
}

/** `head`: the first `treeHeadBytesMax` bytes of the payload, or all of it where it is shorter. Errors: `bad-tree`. */
export const decodeTree = (head: Uint8Array, payloadSizeBytes: number): Result<Tree> => {
  const frames = new FrameDecoder(manifestBytesMax).push(head.subarray(0, frameEnd(head)))
  if (!frames.ok) return refuse(frames.detail)
  const [bytes] = frames.value
  if (bytes === undefined) return refuse('it ends before its manifest does')
  const manifest = decodeShape(manifestSchema, bytes, manifestBytesMax)
  if (!manifest.ok) return refuse(manifest.detail)
  const checked = checkStructure(manifest.value.entries)
  if (!checked.ok) return checked
  const contentOffset = 4 + bytes.length
  const total = sizeOf(manifest.value.entries)
  if (contentOffset + total !== payloadSizeBytes) return refuse(`its files add up to ${total} bytes where ${payloadSizeBytes - contentOffset} follow`)
  return accept({ manifest: manifest.value, contentOffset })
}

/**
 * Where blocks of such a payload should end, ascending: before and behind each file that is larger than what small ones share
 * a block up to, so that little besides it comes with a file that is fetched alone. They share as little as the bound on a
 * payload's blocks allows.
 */
export const planTreeCuts = (tree: Tree): number[] => {
  const sizes = [tree.contentOffset, ...tree.manifest.entries.filter(isFile).map(({ sizeBytes }) => sizeBytes)]
  let shared: number = limits.payload.inlineBytesMax // not below, or what could travel beside its order would have many blocks
  for (; shared < limits.payload.blockBytesMax; shared *= 2) if (isWithinBound(planCuts(sizes, shared), sizes)) break
  return planCuts(sizes, shared)
}

const planCuts = (sizes: readonly number[], sharedBytesMax: number): number[] => {
  const cuts: number[] = []
  let [begin, end] = [0, 0]
  for (const sizeBytes of sizes) {
    if (end > begin && end + sizeBytes > begin + sharedBytesMax) cuts.push((begin = end))
    end += sizeBytes
  }
  return cuts
}

const isWithinBound = (cuts: readonly number[], sizes: readonly number[]): boolean => {
  const { blockBytesMax, linksPerNodeMax } = limits.payload
  const total = sizes.reduce((sum, sizeBytes) => sum + sizeBytes, 0)
  const leaves = [...cuts, total].reduce((count, cut, index) => count + Math.ceil((cut - (cuts[index - 1] ?? 0)) / blockBytesMax), 0)
  return leaves + Math.ceil(leaves / linksPerNodeMax) + 1 <= computeBlocksMax(total)
}

/** Behind the first frame, or behind all there is. */
const frameEnd = (head: Uint8Array): number => (head.length < 4 ? head.length : 4 + new DataView(head.buffer, head.byteOffset, head.length).getUint32(0))

const sizeOf = (entries: readonly TreeEntry[]): number => entries.filter(isFile).reduce((total, { sizeBytes }) => total + sizeBytes, 0)

const refuse = (detail: string): Rejected => reject('bad-tree', `the payload is no tree: ${detail}`)

const checkStructure = (entries: readonly TreeEntry[]): Result<null> => {
  const directories = new Set<string>()
  let before = ''
  for (const { kind, path } of entries) {
    if (compareCodePoints(before, path) !== -1) return refuse(`its entries are not sorted, each path once: ${path}`)
    const end = path.lastIndexOf('/')
    if (end !== -1 && !directories.has(path.slice(0, end))) return refuse(`what holds ${path} is no directory of it`)
    if (kind === 'directory') directories.add(path)
    before = path
  }
  const sizeBytes = sizeOf(entries)
  return sizeBytes > limits.payload.sizeBytesMax ? refuse(`its files add up to ${sizeBytes} bytes, at most ${limits.payload.sizeBytesMax} are allowed`) : accept(null)
}
