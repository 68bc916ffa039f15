import test from 'ava'
import { setImmediate as turn } from 'node:timers/promises'
import { silentLog } from '../../src/base/log.ts'
import { limits } from '../../src/base/limits.ts'
import { systemClock, systemTimers } from '../../src/base/system-clock.ts'
import { AgentProcess } from '../../src/executor/child-agent.ts'
import { headOf } from '../../src/trust/charter-chain.ts'
import { commandOrder, mesh, node } from './workbench.ts'
import { eventually } from '../fixtures/eventually.ts'
import type { Channel } from '../../src/executor/child-channel.ts'
import type { ToAgent, ToExecutor } from '../../src/executor/ipc.ts'
import type { ExecutionContext } from 'ava'
import type { Timers } from '../../src/base/clock.ts'

interface Setting {
  readonly agent: AgentProcess
  readonly events: string[]
  readonly messages: ToExecutor[]
  readonly channels: Channel<ToAgent>[]
  readonly delays: number[]
}

/** An agent process that is a small program; restarts take no time, but their delays are noted. */
const startAgent = (t: ExecutionContext, file: string, args: readonly string[]): Setting => {
  const setting = { events: [] as string[], messages: [] as ToExecutor[], channels: [] as Channel<ToAgent>[], delays: [] as number[] }
  const timers: Timers = {
    after(delayMs, action) {
      setting.delays.push(delayMs)
      return systemTimers.after(setting.delays.length > 8 ? 60_000 : 1, action)
    }
  }
  const agent = new AgentProcess({ clock: systemClock, timers, random: { bytes: (length) => new Uint8Array(length), fraction: () => 0.5 }, log: silentLog }, { file, args, environment: process.env }, {
    attached: (channel) => {
      setting.events.push('attached')
      setting.channels.push(channel)
    },
    message: (message) => void setting.messages.push(message),
    detached: () => void setting.events.push('detached')
  })
  t.teardown(() => agent.stop())
  agent.start()
  return { agent, ...setting }
}

test('an agent has its pipe on file descriptor 3, both ways', async (t) => {
  const { channels, messages } = startAgent(t, 'sh', ['-c', 'exec cat <&3 >&3'])
  const chunk = { kind: 'payload-chunk' as const, indication: commandOrder(['true']).id, offset: 0, bytes: new Uint8Array(limits.executor.chunkBytesMax) }
  // The program sends back what it hears: a message of the executor's own is no message to it.
  await channels[0]?.send({ kind: 'ready', executor: node.executor.key, charterVersion: 1, charterHead: headOf(mesh.chain) })
  await (channels[0] as unknown as Channel<ToExecutor> | undefined)?.send(chunk)
  await eventually(() => messages.length, (count) => count === 1)
  t.deepEqual(messages, [chunk])
})

test('an agent that ends is started again, after a while that grows', async (t) => {
  const { events, delays } = startAgent(t, 'sh', ['-c', 'exit 1'])
  await eventually(() => delays.length, (count) => count >= 9)
  const { restartMsMin } = limits.executor
  t.deepEqual(delays.slice(0, 9), Array.from({ length: 9 }, (_, index) => Math.min(limits.executor.restartMsMax, restartMsMin * 2 ** index)))
  t.deepEqual(events.slice(0, 4), ['attached', 'detached', 'attached', 'detached'])
})

test('an agent whose program is missing is tried again, and does not end the executor', async (t) => {
  const { delays } = startAgent(t, '/no/such/agent', [])
  await eventually(() => delays.length, (count) => count >= 3)
  t.pass()
})

test('an agent that closes its pipe and lives on is ended and started again', async (t) => {
  const { events } = startAgent(t, 'sh', ['-c', 'exec 3<&- 3>&-; exec sleep 60'])
  await eventually(() => events.length, (count) => count >= 3)
  t.deepEqual(events.slice(0, 3), ['attached', 'detached', 'attached'])
})

test('an agent that writes a frame over the limit is ended and started again', async (t) => {
  const { events } = startAgent(t, 'sh', ['-c', "printf '\\377\\377\\377\\377' >&3; exec sleep 60"])
  await eventually(() => events.length, (count) => count >= 3)
  t.deepEqual(events.slice(0, 3), ['attached', 'detached', 'attached'])
})

test('a stop ends the agent, and none is started after it', async (t) => {
  const { agent, events, channels } = startAgent(t, 'sh', ['-c', 'exec cat <&3 >/dev/null'])
  await agent.stop()
  await turn()
  agent.start()
  t.deepEqual(events, ['attached', 'detached'])
  t.false(await channels[0]?.send({ kind: 'validated', indication: commandOrder(['true']).id, at: mesh.now }))
  await agent.stop()
})

test('a stop kills an agent that ignores TERM', async (t) => {
  const { agent, events, messages } = startAgent(t, process.execPath, ['-e', `
    process.on('SIGTERM', () => {})
    const pipe = new (require('node:net').Socket)({ fd: 3 })
    const { encode } = require('@ipld/dag-cbor')
    const frame = encode({ kind: 'payload-end', indication: 'a'.repeat(52) })
    pipe.write(Buffer.concat([Buffer.of(0, 0, 0, frame.length), frame]))
  `])
  await eventually(() => messages.length, (count) => count === 1)
  await agent.stop()
  t.deepEqual(events, ['attached', 'detached'])
})
