/**
 * The graph of a payload's blocks: raw leaves below UnixFS file nodes, balanced. Pure.
 *
 * Each node knows how many bytes of the payload it stands for: the root from the indication, the others from their
 * parent, and a parent's children must add up to exactly its own. So no graph can hold more than was announced, and
 * its depth and its number of blocks are bounded before anything is fetched.
 */
import { decode, encode, prepare, type PBLink } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { hasOverlap, type ByteRange } from '../base/byte-range.ts'
import { sha256 } from '../base/codec.ts'
import { limits } from '../base/limits.ts'
import { accept, reject, type Rejected, type Result } from '../base/result.ts'
import { checkLocation } from '../record/payload-location.ts'
import type { PayloadRef } from '../record/indication.ts'

const rawCodec = 0x55
const dagPbCodec = 0x70
const sha256Code = 0x12
const { blockBytesMax, depthMax, linksPerNodeMax } = limits.payload

/** Its range: the bytes of the payload below it. */
export interface DagNode extends ByteRange {
  readonly cid: CID
  readonly depth: number
}

export const isLeaf = (node: DagNode): boolean => node.cid.code === rawCodec

/** Errors: `bad-location`, `bad-payload`. */
export const planRoot = (ref: PayloadRef): Result<DagNode> => {
  const location = checkLocation(ref)
  return location.ok ? checkNode({ cid: location.value, offset: 0, sizeBytes: ref.sizeBytes, depth: 0 }) : location
}

/** What hangs below a node whose bytes are `bytes`, in order; nothing below a leaf. Errors: `bad-payload`. */
export const planChildren = (node: DagNode, bytes: Uint8Array): Result<readonly DagNode[]> => {
  if (isLeaf(node)) return bytes.length === node.sizeBytes ? accept([]) : refuse(`a leaf of ${bytes.length} bytes where ${node.sizeBytes} were announced`)
  const parsed = parseNode(bytes)
  if (parsed === undefined) return refuse('a node is no UnixFS file with raw leaves')
  let total = 0
  const children = parsed.map(({ cid, sizeBytes }): DagNode => ({ cid, offset: node.offset + (total += sizeBytes) - sizeBytes, sizeBytes, depth: node.depth + 1 }))
  if (total !== node.sizeBytes) return refuse(`the parts of a node add up to ${total} bytes where ${node.sizeBytes} were announced`)
  const wrong = children.map(checkNode).find((checked) => !checked.ok)
  return wrong === undefined || wrong.ok ? accept(children) : wrong
}

/** As `planChildren`, without those that hold nothing of these ranges. */
export const planWithin = (node: DagNode, bytes: Uint8Array, ranges: readonly ByteRange[]): Result<readonly DagNode[]> => {
  const below = planChildren(node, bytes)
  return below.ok ? accept(below.value.filter((child) => ranges.some((range) => hasOverlap(child, range)))) : below
}

const refuse = (detail: string): Rejected => reject('bad-payload', detail)

const checkNode = (node: DagNode): Result<DagNode> => {
  const { cid, sizeBytes, depth } = node
  if (depth > depthMax) return refuse(`the graph is deeper than ${depthMax} floors`)
  if (cid.version !== 1 || cid.multihash.code !== sha256Code || cid.multihash.digest.length !== 32) return refuse(`${cid} is not hashed by sha2-256`)
  if (depth > 0 && sizeBytes === 0) return refuse('a part of no bytes')
  if (cid.code === rawCodec) return sizeBytes <= blockBytesMax ? accept(node) : refuse(`a leaf of ${sizeBytes} bytes, at most ${blockBytesMax} are allowed`)
  return cid.code === dagPbCodec ? accept(node) : refuse(`${cid} is neither raw nor dag-pb`)
}

const parseNode = (bytes: Uint8Array): { cid: CID; sizeBytes: number }[] | undefined => {
  try {
    const { Data, Links } = decode(bytes)
    if (Data === undefined) return undefined
    const file = UnixFS.unmarshal(Data)
    if (file.type !== 'file' || (file.data?.length ?? 0) > 0 || file.blockSizes.length !== Links.length) return undefined
    return Links.map(({ Hash }, index) => ({ cid: Hash, sizeBytes: Number(file.blockSizes[index]) }))
  } catch {
    return undefined // whatever the decoders object to, it is no node of a payload
  }
}

export interface DagPart {
  readonly cid: CID
  /** Bytes of the payload below it. */
  readonly sizeBytes: number
  /** The same with the nodes themselves: what dag-pb calls Tsize. */
  readonly storedBytes: number
}

export const leafPart = (cid: CID, sizeBytes: number): DagPart => ({ cid, sizeBytes, storedBytes: sizeBytes })

/** One floor of nodes above these parts. */
export const planFloor = (parts: readonly DagPart[]): readonly { part: DagPart; bytes: Uint8Array }[] => {
  const nodes = []
  for (let start = 0; start < parts.length; start += linksPerNodeMax) nodes.push(buildNode(parts.slice(start, start + linksPerNodeMax)))
  return nodes
}

const buildNode = (parts: readonly DagPart[]): { part: DagPart; bytes: Uint8Array } => {
  const file = new UnixFS({ type: 'file', blockSizes: parts.map(({ sizeBytes }) => BigInt(sizeBytes)) })
  const links = parts.map(({ cid, storedBytes }): PBLink => ({ Name: '', Tsize: storedBytes, Hash: cid }))
  const bytes = encode(prepare({ Data: file.marshal(), Links: links }))
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0)
  const storedBytes = parts.reduce((sum, part) => sum + part.storedBytes, bytes.length)
  return { part: { cid: CID.createV1(dagPbCodec, createDigest(sha256Code, sha256(bytes))), sizeBytes, storedBytes }, bytes }
}
