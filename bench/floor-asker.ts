/** Asks all of the floor's processes at once, so many rounds: `floor-asker ROUNDS ADDRESS…`; prints milliseconds as JSON. */
import { multiaddr } from '@multiformats/multiaddr'
import { createFloorPeer, floorProtocol } from './floor-protocol.ts'
import type { Connection } from '@libp2p/interface'

const ask = async (connection: Connection): Promise<number> => {
  const stream = await connection.newStream(floorProtocol)
  const answered = new Promise<number>((resolve, reject) => {
    stream.addEventListener('message', (event) => resolve(event.data.subarray()[0] ?? 255))
    stream.addEventListener('close', () => reject(new Error('the stream closed without an answer')))
  })
  stream.send(Uint8Array.of(1))
  const exitCode = await answered
  void stream.close()
  return exitCode
}

const [rounds, ...addresses] = process.argv.slice(2)
const peer = await createFloorPeer([])
const connections: Connection[] = []
for (const address of addresses) connections.push(await peer.dial(multiaddr(address)))
const tookMs: number[] = []
let answers = 0
for (let round = 0; round < Number(rounds); round += 1) {
  const startedAt = performance.now()
  answers += (await Promise.all(connections.map(ask))).filter((exitCode) => exitCode === 0).length
  tookMs.push(performance.now() - startedAt)
}
process.stdout.write(`${JSON.stringify({ tookMs, answers })}\n`, () => process.exit(0))
