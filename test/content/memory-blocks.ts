/** Blocks in memory, and peers that have such blocks: Helia's sessions without a network. */
import type { CID } from 'multiformats/cid'
import { CID as Cid } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { isEqualBytes } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/base/codec.ts'
import { blockKeyOf, type BlockStore } from '../../src/content/block-store.ts'
import type { HeliaSessions } from '../../src/content/helia-blocks.ts'
import { keyIdOf } from '../../src/record/keys.ts'
import { peerIdOf } from './loopback-node.ts'
import { generateKeyPairSync } from 'node:crypto'

export class MemoryBlocks implements BlockStore {
  readonly blocks = new Map<string, { cid: CID; bytes: Uint8Array }>()

  async has(cid: CID): Promise<boolean> {
    return this.blocks.has(blockKeyOf(cid))
  }

  async load(cid: CID): Promise<Uint8Array | undefined> {
    const bytes = this.blocks.get(blockKeyOf(cid))?.bytes
    if (bytes === undefined || isEqualBytes(sha256(bytes), cid.multihash.digest)) return bytes
    await this.delete(cid)
    return undefined
  }

  async put(cid: CID, bytes: Uint8Array): Promise<void> {
    this.blocks.set(blockKeyOf(cid), { cid, bytes })
  }

  async delete(cid: CID): Promise<void> {
    this.blocks.delete(blockKeyOf(cid))
  }

  async *list(): AsyncGenerator<CID> {
    for (const { cid } of this.blocks.values()) yield cid
  }
}

export const cidOf = (codec: number, bytes: Uint8Array): CID => Cid.createV1(codec, createDigest(0x12, sha256(bytes)))

export const newKey = () => keyIdOf(generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }).subarray(-32))

/** Peers by key; each ask is noted, and `serve` may hold back or refuse an answer. */
export class MemoryPeers implements HeliaSessions {
  readonly asked: string[] = []
  readonly #local: BlockStore
  readonly #peers = new Map<string, MemoryBlocks>()
  serve: (cid: CID) => Promise<void> = async () => {}

  constructor(local: BlockStore) {
    this.#local = local
  }

  addPeer(): { key: ReturnType<typeof newKey>; blocks: MemoryBlocks } {
    const key = newKey()
    const blocks = new MemoryBlocks()
    this.#peers.set(peerIdOf(key).toCID().toString(), blocks)
    return { key, blocks }
  }

  readonly blockstore: HeliaSessions['blockstore'] = {
    createSession: (_root, { providers }) => ({
      get: (cid) => this.#get(cid, this.#peers.get(String(providers[0]))),
      close: () => undefined
    })
  }

  /** A greeting asks for a block that nobody has. */
  #isKnown(cid: CID): boolean {
    return [...this.#peers.values()].some(({ blocks }) => blocks.has(blockKeyOf(cid)))
  }

  async *#get(cid: CID, peer: MemoryBlocks | undefined): AsyncGenerator<Uint8Array> {
    if (this.#isKnown(cid)) this.asked.push(blockKeyOf(cid))
    if (this.#isKnown(cid)) await this.serve(cid)
    const bytes = await peer?.load(cid)
    if (bytes === undefined) throw new Error('the peer does not have it')
    await this.#local.put(cid, bytes)
    yield bytes
  }
}
