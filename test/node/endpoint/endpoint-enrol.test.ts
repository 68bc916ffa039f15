import test from 'ava'
import { limits } from '../../../src/base/limits.ts'
import { EnrolmentDesk, recordLedgerLoss } from '../../../src/node/endpoint/endpoint-enrol.ts'
import { requestCredential } from '../../../src/node/endpoint/enrolment.ts'
import { enrolAnswerSchema, type EnrolAnswer } from '../../../src/node/protocol/enrol.ts'
import { openCredential } from '../../../src/trust/admission.ts'
import { TestMesh, type InviteSettings } from '../../fixtures/mesh.ts'
import { bytesOf, World } from '../../queue/world.ts'
import { ask, endpointWorld, madeAt, read } from '../endpoint-world.ts'
import { admitGuest } from '../in-memory.ts'

const setUp = async () => {
  const made = await endpointWorld()
  const { world } = made
  const counter = world.mesh.key('peer:endpoint-1')
  const open = (): EnrolmentDesk => new EnrolmentDesk({ ...made, counter })
  const request = (peer: string, settings: InviteSettings & { readonly token?: string; readonly name?: string; readonly mesh?: TestMesh } = {}): Uint8Array => {
    const mesh = settings.mesh ?? world.mesh
    const { invite, token } = mesh.invite(settings.token ?? peer, settings)
    const keys = { peer: mesh.key(`peer:${peer}`), executor: mesh.key(`executor:${peer}`), sealing: mesh.peer('sealing') }
    return requestCredential(invite, token, keys, settings.name ?? peer, made.clock.now()).bytes
  }
  const enrol = async (peer: string, settings: Parameters<typeof request>[1] = {}, desk = open()): Promise<EnrolAnswer> =>
    read(enrolAnswerSchema, await desk.answer(admitGuest(world.mesh.peer(peer)), ask({ credential: request(peer, settings) })))
  return { ...made, counter, open, request, enrol }
}

test('a guest gets its credential, valid everywhere, with the charters', async (t) => {
  const { world, enrol } = await setUp()
  const { credential, charters } = await enrol('web-1')
  t.true(openCredential(world.mesh.chain, credential).ok)
  t.deepEqual(charters, world.mesh.charters)
})

test('a token for one is used up after one, also when the endpoint was restarted in between', async (t) => {
  const { open, enrol } = await setUp()
  await enrol('web-1', { token: 'shared' }, open())
  await t.throwsAsync(enrol('web-2', { token: 'shared' }, open()), { code: 'token-used-up' })
})

test('who asks again, because the answer was lost, gets it again', async (t) => {
  const { enrol } = await setUp()
  t.deepEqual((await enrol('web-1')).credential, (await enrol('web-1')).credential)
})

test('of those who come at once with one token exactly as many get in as it is good for', async (t) => {
  const { open, enrol } = await setUp()
  const desk = open()
  const results = await Promise.allSettled(Array.from({ length: 10 }, (_, index) => enrol(`web-${index}`, { token: 'shared', uses: 3 }, desk)))
  t.is(results.filter(({ status }) => status === 'fulfilled').length, 3)
})

test('a name that somebody was granted a moment ago is taken, although no entry of theirs has come', async (t) => {
  const { enrol } = await setUp()
  await enrol('one', { name: 'web' })
  await t.throwsAsync(enrol('two', { name: 'web' }), { code: 'name-taken' })
})

test('a name that the queues know is taken', async (t) => {
  const { world, queue, enrol } = await setUp()
  await queue.merge(bytesOf(...world.agent('web').entries), 'test')
  await t.throwsAsync(enrol('other', { name: 'web' }), { code: 'name-taken' })
})

test('a name that two nodes took in a partition is taken for a third', async (t) => {
  const { world, queue, enrol } = await setUp()
  for (const peer of ['one', 'two']) await queue.merge(bytesOf(...world.agent(peer, { credential: { name: 'web' } }).entries), 'test')
  t.true(queue.nodes().every(({ name }) => name.startsWith('web~')))
  await t.throwsAsync(enrol('three', { name: 'web' }), { code: 'name-taken' })
})

test('a refusal spends nothing', async (t) => {
  const { enrol } = await setUp()
  await enrol('one', { name: 'web' })
  await t.throwsAsync(enrol('two', { name: 'web', token: 'second' }), { code: 'name-taken' })
  await t.notThrowsAsync(enrol('three', { token: 'second' }))
})

test('after the ledger was lost a token from before is good for nobody new, and for whoever the queues know', async (t) => {
  const { world, queue, store, enrol } = await setUp()
  const { entries } = world.agent('web-1')
  await queue.merge(bytesOf(...entries), 'test')
  await recordLedgerLoss(store, madeAt)
  const token = await enrol('web-2', { token: 'shared', uses: 3 }).then(() => '', (error: { code: string }) => error.code)
  t.is(token, 'token-uncounted')
  await t.throwsAsync(enrol('web-2', { token: 'shared', uses: 3, issuedAt: madeAt + limits.trust.clockToleranceMs }), { code: 'token-uncounted' })
  await t.notThrowsAsync(enrol('web-2', { token: 'later', issuedAt: madeAt + limits.trust.clockToleranceMs + 1 }))
})

test('uses that the queues know count, whatever the ledger says', async (t) => {
  const { world, queue, enrol } = await setUp()
  await queue.merge(bytesOf(...world.agent('web-1').entries), 'test')
  const [member] = queue.nodes()
  t.is(queue.enrolledBy(world.mesh.key('token:web-1').key).length, 1, JSON.stringify(member?.name))
  await t.throwsAsync(enrol('web-2', { token: 'web-1' }), { code: 'token-used-up' })
})

test('a token past its expiry is refused', async (t) => {
  const { clock, request, open, world } = await setUp()
  const credential = request('web-1', { expiresAt: madeAt + 1000 })
  await clock.pass(1001)
  await t.throwsAsync(open().answer(admitGuest(world.mesh.peer('web-1')), ask({ credential })), { code: 'token-expired' })
})

const refuses = test.macro({
  async exec(t, code: string, settings: InviteSettings & { readonly mesh?: TestMesh }) {
    const { enrol } = await setUp()
    await t.throwsAsync(enrol('web-1', settings), { code })
  },
  title: (name = '', code) => `${name} is refused: ${code}`
})
test('a token that another endpoint counts', refuses, 'wrong-counter', { counter: 'endpoint-2' })
test('a token of another mesh', refuses, 'wrong-mesh', { mesh: new TestMesh({ name: 'other' }) })

test('a credential for somebody else is refused, without a promise left hanging', async (t) => {
  const { world, open, request } = await setUp()
  await t.throwsAsync(open().answer(admitGuest(world.mesh.peer('thief')), ask({ credential: request('web-1') })), { code: 'bad-credential' })
})

test('a request that cannot be read is refused', async (t) => {
  const { world, open } = await setUp()
  const guest = admitGuest(world.mesh.peer('web-1'))
  await t.throwsAsync(open().answer(guest, ask({ credential: 'text' })), { code: 'malformed' })
  await t.throwsAsync(open().answer(guest, ask({ credential: new Uint8Array([1]) })), { code: 'malformed' })
  await t.throwsAsync(open().answer(guest, new Uint8Array(limits.network.messageBytesMax + 1)), { code: 'oversized' })
})

test('an invite of somebody who never was an enroller is refused', async (t) => {
  const { world, open } = await setUp()
  const mesh = new TestMesh()
  const keys = { peer: mesh.key('peer:web-1'), executor: mesh.key('executor:web-1'), sealing: mesh.peer('sealing') }
  const { invite, token } = mesh.invite('web-1')
  Object.defineProperty(mesh, 'admin', { value: mesh.key('impostor') })
  const forged = mesh.invite('web-1')
  t.not(forged.invite.id, invite.id)
  const credential = requestCredential(forged.invite, token, keys, 'web-1', madeAt).bytes
  await t.throwsAsync(open().answer(admitGuest(world.mesh.peer('web-1')), ask({ credential })), { code: 'not-an-enroller' })
})

test('the world of these tests is the one whose endpoint counts', async (t) => {
  const { counter } = await setUp()
  t.is(counter.key, new World().mesh.peer('endpoint-1'))
})
