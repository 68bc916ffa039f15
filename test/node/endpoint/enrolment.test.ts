import test from 'ava'
import { limits } from '../../../src/base/limits.ts'
import { grantEnrolment, openEnrolment, requestCredential, type EnrolmentLedger } from '../../../src/node/endpoint/enrolment.ts'
import { openCredential, openRequestedCredential } from '../../../src/trust/admission.ts'
import { startedAt, TestMesh, type InviteSettings } from '../../fixtures/mesh.ts'
import type { Membership } from '../../../src/trust/admission.ts'

const mesh = new TestMesh()
const counter = mesh.key('peer:endpoint-1')
const { clockToleranceMs } = limits.trust
const nobody: EnrolmentLedger = { grantedTo: new Set(), nameHolder: null, lostBefore: 0 }

const ask = (name: string, settings: InviteSettings & { readonly token?: string; readonly at?: number } = {}): { readonly bytes: Uint8Array; readonly request: Membership } => {
  const { invite, token } = mesh.invite(settings.token ?? name, { labels: { role: 'web' }, ...settings })
  const keys = { peer: mesh.key(`peer:${name}`), executor: mesh.key(`executor:${name}`), sealing: mesh.peer('sealing') }
  const credential = requestCredential(invite, token, keys, name, settings.at ?? startedAt)
  const opened = openRequestedCredential(mesh.chain, credential.bytes)
  if (!opened.ok) throw new Error(opened.detail)
  return { bytes: credential.bytes, request: opened.value }
}

test('a request that is granted is a credential that is valid everywhere', (t) => {
  const { request } = ask('web-1')
  const granted = grantEnrolment(request, nobody, counter, startedAt)
  if (!granted.ok) return t.fail(granted.detail)
  t.is(granted.value.id, request.credential.id)
  t.true(openCredential(mesh.chain, granted.value.bytes).ok)
})

const refuses = test.macro({
  exec(t, code: string, request: Membership, ledger: Partial<EnrolmentLedger>, at: number) {
    const granted = grantEnrolment(request, { ...nobody, ...ledger }, counter, at)
    t.is(granted.ok ? 'granted' : granted.code, code)
  },
  title: (name = '', code) => `${name}: ${code}`
})
const web = ask('web-1').request
const hour = 3_600_000
const lateRequest = ask('late', { at: startedAt + hour + 1 }).request
test('a token past its expiry', refuses, 'token-expired', lateRequest, {}, startedAt + hour + 1)
test('a token at the moment of its expiry', refuses, 'granted', ask('punctual', { at: startedAt + hour }).request, {}, startedAt + hour)
test('a token that others have used up', refuses, 'token-used-up', web, { grantedTo: new Set([mesh.peer('web-2')]) }, startedAt)
test('a token for two that one other has used', refuses, 'granted', ask('web-1', { uses: 2 }).request, { grantedTo: new Set([mesh.peer('web-2')]) }, startedAt)
test('a token that the same node used before', refuses, 'granted', web, { grantedTo: new Set([mesh.peer('web-1')]), nameHolder: mesh.peer('web-1') }, startedAt)
test('a name that another node has', refuses, 'name-taken', web, { nameHolder: mesh.peer('web-2') }, startedAt)
test('a node whose clock is slow', refuses, 'clock-skew', ask('slow', { at: startedAt - clockToleranceMs - 1 }).request, {}, startedAt)
test('a node whose clock is fast', refuses, 'clock-skew', ask('fast', { at: startedAt + clockToleranceMs + 1 }).request, {}, startedAt)
test('a node whose clock is as far off as it may be', refuses, 'granted', ask('tolerable', { at: startedAt + clockToleranceMs }).request, {}, startedAt)

test('a token whose uses another endpoint counts is refused', (t) => {
  const opened = openEnrolment(mesh.chain, mesh.peer('endpoint-2'), ask('web-1').bytes)
  t.is(opened.ok ? 'opened' : opened.code, 'wrong-counter')
  t.true(openEnrolment(mesh.chain, counter.key, ask('web-1').bytes).ok)
})

test('bytes that are no credential are refused', (t) => {
  const opened = openEnrolment(mesh.chain, counter.key, new Uint8Array([1, 2, 3]))
  t.is(opened.ok ? 'opened' : opened.code, 'malformed')
})
