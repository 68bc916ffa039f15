/** One of the floor's 32 processes: answers a question by running `true`. Says its address on standard output. */
import { spawn } from 'node:child_process'
import { createFloorPeer, floorProtocol } from './floor-protocol.ts'

const peer = await createFloorPeer(['/ip4/127.0.0.1/tcp/0'])
await peer.handle(floorProtocol, (stream) => {
  stream.addEventListener('message', () => {
    spawn('true', { stdio: ['ignore', 'pipe', 'pipe'], detached: true }).on('close', (exitCode) => {
      stream.send(Uint8Array.of(exitCode ?? 255))
      void stream.close()
    })
  })
})
process.on('SIGTERM', () => process.exit(0))
process.stdout.write(`${String(peer.getMultiaddrs()[0])}\n`)
