import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { decodeToken, encodeToken, type Token } from '../../src/trust/token.ts'
import { TestMesh } from '../fixtures/mesh.ts'

const mesh = new TestMesh()
const { invite, token: tokenKey } = mesh.invite('web-1')
const token: Token = {
  mesh: mesh.mesh,
  meshName: 'lab',
  invite: invite.bytes,
  secret: tokenKey.seed,
  endpoints: [{ key: mesh.peer('endpoint-1'), name: 'endpoint-1', addresses: ['/ip4/192.0.2.1/tcp/4400'] }]
}
const text = encodeToken(token)

const codeOf = (candidate: string): string => {
  const decoded = decodeToken(candidate)
  return decoded.ok ? 'decoded' : decoded.code
}

test('a token is one word, and says after a copy what it said before', (t) => {
  t.regex(text, /^writ1[a-z2-7]+$/)
  t.deepEqual(decodeToken(text), { ok: true, value: token })
})

test('blanks and line ends around a token do not matter', (t) => {
  t.is(codeOf(` ${text}\n`), 'decoded')
})

test('any one character that is damaged makes it a bad token', (t) => {
  const alphabet = [...'abcdefghijklmnopqrstuvwxyz234567ABC019 -']
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom(...alphabet), (place, character) => {
      const damaged = text.slice(0, place) + character + text.slice(place + 1)
      return damaged === text || damaged.trim() === text || codeOf(damaged) === 'bad-token'
    }),
    { numRuns: 500 }
  )
  t.pass()
})

test('a token that was cut short, doubled or had parts exchanged is a bad token', (t) => {
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.nat(text.length - 1), (one, other) => {
      const [from, to] = [Math.min(one, other), Math.max(one, other)]
      const moved = text.slice(0, from) + text.slice(to) + text.slice(from, to)
      return codeOf(text.slice(0, from)) === 'bad-token' && codeOf(text + text.slice(from)) === 'bad-token' && (moved === text || codeOf(moved) === 'bad-token')
    }),
    { numRuns: 300 }
  )
  t.pass()
})

test('whatever text is given, the answer is a token or a bad token', (t) => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.string().map((rest) => `writ1${rest}`)), (candidate) => codeOf(candidate) === 'bad-token'), { numRuns: 300 })
  t.pass()
})

const isBad = test.macro({
  exec: (t, change: Partial<Token>) => t.is(codeOf(encodeToken({ ...token, ...change })), 'bad-token'),
  title: (name = '') => `a token with ${name} is a bad token, though its checksum is right`
})
test('a secret of another length', isBad, { secret: new Uint8Array(31) })
test('a mesh id that is none', isBad, { mesh: 'mesh' as Token['mesh'] })
test('an address that is none', isBad, { endpoints: [{ ...token.endpoints[0], addresses: ['192.0.2.1:4400'] } as Token['endpoints'][number]] })
test('a field that is not known', isBad, { more: 1 } as Partial<Token>)
