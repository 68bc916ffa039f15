/**
 * An endpoint in a process of its own, over a LevelDB directory: `sync-asker DIRECTORY MODE`. Frames of dag-cbor: on
 * standard input the charter, then an answer to each question; on standard output questions, then what was measured.
 *
 * `catch-up`: new and empty, it asks until it has all. `merge`: it is fed with single entries, by pages in their order of
 * arrival, and only the merging is timed.
 */
import { readFileSync } from 'node:fs'
import { decodeOwn, encodeCbor } from '../src/base/codec.ts'
import { encodeFrame, FrameDecoder } from '../src/base/framing.ts'
import { limits } from '../src/base/limits.ts'
import { openCharterChain, type CharterChain } from '../src/trust/charter-chain.ts'
import { chunk, timeTasks } from './merge.ts'
import { clientOf, talk, type Carry } from './sync-talk.ts'
import { openQueue, type OpenQueue } from './sync-source.ts'
import { drawSigner } from './signed-logs.ts'
import type { MeshId } from '../src/base/brand.ts'

/** As receipts reach an endpoint: some at once from many agents. */
const batchSize = 250
const batchesInFlight = 4
const lookEveryMs = 100

async function* framesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const decoder = new FrameDecoder(2 * limits.network.messageBytesMax)
  for await (const bytes of input) {
    const frames = decoder.push(bytes)
    if (!frames.ok) throw new Error(frames.detail)
    yield* frames.value
  }
}

const frames = framesOf(process.stdin)

const read = async (): Promise<Uint8Array> => {
  const { value, done } = await frames.next()
  if (done === true) throw new Error('the other side is gone')
  return value
}

const say = (message: unknown): void => void process.stdout.write(encodeFrame(encodeCbor(message)))

const carry: Carry = (question) => {
  say({ kind: 'question', question })
  return read()
}

const catchUp = async (opened: OpenQueue, chain: CharterChain) => {
  const { ms, accepted, bytes, roundTrips } = await talk(opened, clientOf(opened, chain), drawSigner().key, carry)
  return { seconds: ms / 1000, entries: accepted, bytes, roundTrips }
}

/** The first entries are each author's credential, and warm the engine up. */
const merge = async ({ queue }: OpenQueue, skipped: number, measured: number) => {
  let [seconds, entries, after] = [0, 0, 0]
  while (entries < measured) {
    say({ kind: 'page', after })
    const page = decodeOwn(await read()) as { readonly entries: readonly Uint8Array[]; readonly next: number }
    if (page.entries.length === 0) break
    const { seconds: took } = await timeTasks(chunk(page.entries, batchSize).map((batch) => () => queue.merge(batch, 'bench')), batchesInFlight)
    after = page.next
    if (after <= skipped) continue
    seconds += took
    entries += page.entries.length
  }
  return { seconds, entries, bytes: 0, roundTrips: 0 }
}

/** Kibibytes that a field of /proc/self/status names. */
const readKiB = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1])

/** The most there was of each: memory of the process's own, and pages of files that the kernel may take back at any moment, as of LevelDB's mapped tables. */
const most = { ownBytesMax: 0, mappedBytesMax: 0 }
const look = (): void => {
  most.ownBytesMax = Math.max(most.ownBytesMax, readKiB('RssAnon') * 1024)
  most.mappedBytesMax = Math.max(most.mappedBytesMax, readKiB('RssFile') * 1024)
}
setInterval(look, lookEveryMs).unref()

const [directory = '', mode, skipped = '0', measured = '0'] = process.argv.slice(2)
const { mesh, charter } = decodeOwn(await read()) as { readonly mesh: MeshId; readonly charter: Uint8Array }
const chain = openCharterChain(mesh, [charter])
if (!chain.ok) throw new Error(chain.detail)
const opened = await openQueue(directory, chain.value)
const result = mode === 'catch-up' ? await catchUp(opened, chain.value) : await merge(opened, Number(skipped), Number(measured))
say({ kind: 'result', ...result, digest: opened.queue.digest(), residentBytesMax: process.resourceUsage().maxRSS * 1024, ...most })
await opened.store.close()
process.stdin.destroy()
