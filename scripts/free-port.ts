/**
 * A TCP port of loopback that a server may have. Below the range from which the system gives ports to outgoing
 * connections, so that none of those takes it before the server does.
 */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

const [lowest, highest] = [12_000, 32_000]

export const findFreePort = async (): Promise<number> => {
  for (;;) {
    const port = randomInt(lowest, highest)
    if (await isFree(port)) return port
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
