import test from 'ava'
import { encodeMessage } from '../../src/executor/ipc.ts'
import { limits } from '../../src/base/limits.ts'
import { checkShape } from '../../src/base/schema.ts'
import { agentSettingsOf, agentSettingsSchema } from '../../src/trust/agent-settings.ts'
import { homeConfigSchema, type HomeConfigDraft, type NodeConfig } from '../../src/trust/home-config.ts'
import { keyFor, TestMesh } from '../fixtures/mesh.ts'

const draft: HomeConfigDraft = { version: 1, kind: 'node', mesh: new TestMesh().mesh, meshName: 'lab', name: 'web-1', role: 'agent', endpoints: [], listen: [] }

const configOf = (change: object): NodeConfig => {
  const config = checkShape(homeConfigSchema, { ...draft, ...change })
  if (!config.ok || config.value.kind !== 'node') throw new Error(config.ok ? 'not a node' : config.detail)
  return config.value
}

test('an agent is told the names of formats, and no commands', (t) => {
  const settings = agentSettingsOf(configOf({ agentUser: 'writ', formats: { own: { command: ['/bin/own', '--token=secret'] } }, scanner: { command: ['/bin/scan', 'secret'] } }), null)
  t.deepEqual(settings.formats, ['own'])
  t.false(JSON.stringify(settings).includes('secret'))
  t.deepEqual(checkShape(agentSettingsSchema, settings), { ok: true, value: settings })
})

test('the largest settings fit into one message', (t) => {
  const address = `/dns/${'a'.repeat(240)}/tcp/4400`
  const endpoints = Array.from({ length: 64 }, (_, index) => ({ key: keyFor(`e${index}`).key, name: `e${index}`, addresses: Array.from({ length: 16 }, () => address) }))
  const formats = Object.fromEntries(Array.from({ length: limits.executor.ownFormatsMax }, (_, index) => [`f${String(index).padStart(31, '0')}`, { command: ['x'] }]))
  const settings = agentSettingsOf(configOf({ endpoints, formats, listen: endpoints[0]?.addresses }), 1)
  t.true(encodeMessage({ kind: 'settings', settings }).length < limits.executor.frameBytesMax)
})

test('one format more than there may be is refused', (t) => {
  const formats = Object.fromEntries(Array.from({ length: limits.executor.ownFormatsMax + 1 }, (_, index) => [`f${index}`, { command: ['x'] }]))
  t.throws(() => configOf({ formats }), { message: /formats/ })
})

test('an agent user is a name', (t) => {
  t.throws(() => configOf({ agentUser: '33' }), { message: /agentUser/ })
  t.is(configOf({ agentUser: 'www-data' }).agentUser, 'www-data')
})
