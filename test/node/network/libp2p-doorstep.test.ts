import { connect, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { limits } from '../../../src/base/limits.ts'
import { eventually } from '../../fixtures/eventually.ts'
import { nodeLoopback } from '../../fixtures/loopback.ts'
import { TestMesh } from '../../fixtures/mesh.ts'

const mesh = new TestMesh()
const { pendingConnectionsPerAddressMax } = limits.network

/** Connections that never say hello, from one loopback address. */
const loiter = async (t: ExecutionContext, address: string, localAddress: string, count: number): Promise<Socket[]> => {
  const port = Number(address.split('/').at(-1))
  const sockets = await Promise.all(
    Array.from({ length: count }, () => new Promise<Socket>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port, localAddress }, () => resolve(socket))
      socket.on('error', () => socket.destroy())
    }))
  )
  t.teardown(() => sockets.map((socket) => socket.destroy()))
  for (const socket of sockets) socket.resume()
  return sockets
}

test('whoever is silent at the door takes up its own share of the room, and others come in', async (t) => {
  const { network: endpoint } = nodeLoopback(t, mesh, mesh.node('endpoint-1'))
  const { network: agent } = nodeLoopback(t, mesh, mesh.node('web-1'), { listen: [] })
  await Promise.all([endpoint.start(), agent.start()])
  const excess = 30
  const sockets = await loiter(t, endpoint.addresses()[0] ?? '', '127.0.0.2', pendingConnectionsPerAddressMax + excess)
  await eventually(() => sockets.filter((socket) => socket.closed).length, (count) => count === excess)
  await agent.connect(endpoint.self, endpoint.addresses())
  t.is(agent.peers().length, 1)
  for (const socket of sockets) socket.destroy()
  await eventually(() => endpoint.peers().length, (count) => count === 1)
})

test('those who leave make room again', async (t) => {
  const { network: endpoint } = nodeLoopback(t, mesh, mesh.node('endpoint-1'))
  const { network: agent } = nodeLoopback(t, mesh, mesh.node('web-1'), { listen: [] })
  await Promise.all([endpoint.start(), agent.start()])
  const sockets = await loiter(t, endpoint.addresses()[0] ?? '', '127.0.0.1', pendingConnectionsPerAddressMax)
  await t.throwsAsync(agent.connect(endpoint.self, endpoint.addresses()), { code: 'unreachable' })
  for (const socket of sockets) socket.destroy()
  await eventually(() => agent.connect(endpoint.self, endpoint.addresses()).then(() => true, () => false), (isIn) => isIn)
  t.is(agent.peers().length, 1)
})

test('in all, no more wait at the door than there is room for, and what is beyond is turned away at once', async (t) => {
  const { network: endpoint } = nodeLoopback(t, mesh, mesh.node('endpoint-1'))
  await endpoint.start()
  const share = pendingConnectionsPerAddressMax - 50
  const places = ['127.0.0.2', '127.0.0.3', '127.0.0.4']
  const sockets = (await Promise.all(places.map((place) => loiter(t, endpoint.addresses()[0] ?? '', place, share)))).flat()
  const excess = places.length * share - limits.network.incomingPendingConnectionsMax
  await eventually(() => sockets.filter((socket) => socket.closed).length, (count) => count === excess)
  t.true(excess > 0)
  for (const socket of sockets) socket.destroy()
})
