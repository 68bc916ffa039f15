import test from 'ava'
import { Charters } from '../../src/node/charters.ts'
import { TestMesh } from '../fixtures/mesh.ts'
import type { CharterChain } from '../../src/trust/charter-chain.ts'

const make = () => {
  const mesh = new TestMesh()
  const kept: number[] = []
  const heard: number[] = []
  const charters = new Charters(mesh.chain, (chain: CharterChain) => kept.push(chain.current.version))
  charters.onChange((chain) => {
    heard.push(chain.current.version)
    if (kept.at(-1) !== chain.current.version) throw new Error('told before it was kept')
  })
  return { mesh, kept, heard, charters }
}

test('a newer charter is kept before anybody hears of it', (t) => {
  const { mesh, kept, heard, charters } = make()
  mesh.amend({ endpoints: [] })
  const learned = charters.learn(mesh.charters)
  t.deepEqual(learned, { ok: true, value: true })
  t.deepEqual([kept, heard, charters.chain.current.version], [[2], [2], 2])
})

test('charters that are known are no news', (t) => {
  const { mesh, kept, heard, charters } = make()
  t.deepEqual(charters.learn(mesh.charters), { ok: true, value: false })
  t.deepEqual(charters.learn([]), { ok: true, value: false })
  t.deepEqual([kept, heard], [[], []])
})

test('charters that do not follow are refused as a whole', (t) => {
  const { mesh, kept, charters } = make()
  mesh.amend({ endpoints: [] })
  mesh.amend({ endpoints: [] })
  const learned = charters.learn([mesh.charters[2] ?? new Uint8Array()])
  t.is(learned.ok ? '' : learned.code, 'bad-charter')
  t.is(charters.chain.current.version, 1)
  t.deepEqual(kept, [])
})

test('a charter that cannot be kept does not count', (t) => {
  const mesh = new TestMesh()
  const charters = new Charters(mesh.chain, () => {
    throw new Error('disk full')
  })
  mesh.amend({ endpoints: [] })
  t.throws(() => charters.learn(mesh.charters), { message: 'disk full' })
  t.is(charters.chain.current.version, 1)
})
