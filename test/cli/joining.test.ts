import test from 'ava'
import { WritError } from '../../src/base/errors.ts'
import type { Joined } from '../../src/cli/verb.ts'
import { keyOf, meshId, orderRow, queueRow, succeeded } from './fake-admin.ts'
import { transcript } from './transcript.ts'

const joined: Joined = { mesh: meshId, meshName: 'demo', name: 'web1', role: 'agent', key: keyOf('web1') }

test('writ init prints the mesh id, and the next two commands on stderr', async (t) => {
  const given: unknown[] = []
  const createMesh = async (options: { home: string; mesh: string }) => {
    given.push(options)
    return { mesh: meshId, name: options.mesh }
  }
  const shown = await transcript(['init', '--home', '/tmp/my admin/', '--mesh', 'demo'], { library: { createMesh } })
  t.is(shown.stdout, `${meshId}\n`)
  t.is(
    shown.stderr,
    [
      "The mesh demo exists; its root key is in '/tmp/my admin/', keep a copy of it offline. Next, its first endpoint:",
      "  writ join --admin '/tmp/my admin/' --home '/tmp/my admin-endpoint' --listen /ip4/0.0.0.0/tcp/4400",
      "  writ start --home '/tmp/my admin-endpoint'",
      ''
    ].join('\n')
  )
  t.deepEqual(given, [{ home: '/tmp/my admin/', mesh: 'demo' }])
})

test('writ invite prints the token and nothing else', async (t) => {
  const given: unknown[] = []
  const createInvite = async (options: unknown) => {
    given.push(options)
    return 'the-token'
  }
  const shown = await transcript(['invite', '--home', '/a', '--role', 'agent', '--label', 'role=web', '--label', 'zone=a', '--expires', '2h', '--uses', '3'], { library: { createInvite } })
  t.is(shown.stdout, 'the-token\n')
  t.is(shown.stderr, '')
  await transcript(['invite', '--home', '/a', '--role', 'endpoint'], { library: { createInvite } })
  t.deepEqual(given, [
    { home: '/a', role: 'agent', labels: { role: 'web', zone: 'a' }, expiresInMs: 7_200_000, uses: 3 },
    { home: '/a', role: 'endpoint', labels: {} }
  ])
})

test('writ join takes a token', async (t) => {
  const given: unknown[] = []
  const joinMesh = async (options: unknown) => {
    given.push(options)
    return joined
  }
  const shown = await transcript(['join', 'the-token', '--home', '/w', '--name', 'web1', '--listen', '/ip4/0.0.0.0/tcp/0', '--listen', '/ip6/::/tcp/0'], { library: { joinMesh } })
  t.is(shown.stdout, 'web1 is an agent of demo (mmmmmmmmmmmm)\n')
  t.is(shown.stderr, 'Start it with: writ start --home /w\n')
  await transcript(['join', 'the-token', '--home', '/w'], { library: { joinMesh } })
  t.deepEqual(given, [
    { token: 'the-token', home: '/w', name: 'web1', listen: ['/ip4/0.0.0.0/tcp/0', '/ip6/::/tcp/0'] },
    { token: 'the-token', home: '/w' }
  ])
})

test("writ join takes the admin's home for the first endpoint", async (t) => {
  const given: unknown[] = []
  const bootstrapEndpoint = async (options: unknown) => {
    given.push(options)
    return { ...joined, name: 'e1', role: 'endpoint' as const }
  }
  const shown = await transcript(['join', '--admin', '/a', '--home', '/e'], { library: { bootstrapEndpoint } })
  t.is(shown.stdout, 'e1 is an endpoint of demo (mmmmmmmmmmmm)\n')
  t.deepEqual(given, [{ admin: '/a', home: '/e' }])
})

test('a token that is used up is a refusal', async (t) => {
  const joinMesh = async (): Promise<Joined> => {
    throw new WritError('token-used-up', 'the token is used up; ask for another')
  }
  const shown = await transcript(['join', 'the-token', '--home', '/w'], { library: { joinMesh } })
  t.is(shown.stderr, 'writ: the token is used up; ask for another [token-used-up]\n')
  t.is(shown.exitCode, 6)
})

test('writ cancel says what was cancelled and how far it was', async (t) => {
  const cancel = async () => orderRow([succeeded('web1', ''), queueRow('web2', 'running')], { cancelled: true })
  const shown = await transcript(['cancel', 'k3v9', '--home', '/a'], { admin: { cancel } })
  t.is(shown.stdout, 'cancelled k3v9x2abcdef  uptime  (so far: 1 succeeded, 1 running)\n')
  t.deepEqual(shown.admin.calls, [['cancel', 'k3v9']])
})
