import test from 'ava'
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { Duplex } from 'node:stream'
import { encodeFrame } from '../../../src/base/framing.ts'
import { encodeMessage, type ToAgent } from '../../../src/executor/ipc.ts'
import { headOf } from '../../../src/trust/charter-chain.ts'
import { keyFor, TestMesh } from '../../fixtures/mesh.ts'

const mesh = new TestMesh()
const program = `
import { openExecutorLink } from ${JSON.stringify(new URL('../../../src/node/agent/child-link.ts', import.meta.url).href)}
const link = openExecutorLink({ debug() {}, info() {}, warn() {}, error() {} }, (reason) => { console.log(reason); process.exit(1) })
await link.ready
console.log((await link.settings).name)
process.exit(0)
`
const settings: ToAgent = { kind: 'settings', settings: { mesh: mesh.mesh, name: 'web-1', role: 'agent', endpoints: [], listen: [], gossip: true, pullIntervalMs: 1000, syncIntervalMs: 1000, retention: { mode: 'label', ageMs: 1000 }, logLevel: 'info', formats: [], restoredAt: null } }
const ready: ToAgent = { kind: 'ready', executor: keyFor('executor').key, charterVersion: 1, charterHead: headOf(mesh.chain) }

/** What an agent says that is told this. */
const told = async (...messages: readonly ToAgent[]): Promise<string> => {
  const child = spawn(process.execPath, ['--input-type=module', '--disable-warning=ExperimentalWarning', '-e', program], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] })
  const pipe = child.stdio[3]
  if (pipe instanceof Duplex) for (const message of messages) pipe.write(encodeFrame(encodeMessage(message)))
  return child.stdout === null ? '' : (await text(child.stdout)).trim()
}

test('an agent is ready once it knows its settings, and its home is in order', async (t) => {
  t.is(await told(settings, ready), 'web-1')
})

test('an agent that is told no settings says that its executor is of another release, and ends', async (t) => {
  t.regex(await told(ready), /of another release, start the node anew/)
})
