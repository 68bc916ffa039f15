import test from 'ava'
import { buildThaw, chooseBranch } from '../../src/api/fork-choice.ts'
import { madeAt, World } from '../queue/world.ts'
import type { RecordId } from '../../src/base/brand.ts'
import type { ForkRow } from '../../src/node/protocol/query.ts'

const world = new World()
const agent = world.agent('web-1')
const idOf = (start: string): RecordId => start.padEnd(52, '2') as RecordId
const forkOf = (sequence: number, ...branches: string[]): ForkRow => ({
  author: agent.key,
  authorName: 'web-1',
  incarnation: agent.incarnation,
  sequence,
  branches: branches.map(idOf),
  thaw: null
})
const forks = [forkOf(4, 'aaa', 'bbb'), forkOf(9, 'abc', 'ddd')]

test('a branch is found by the beginning of its id, whichever fork it is of', (t) => {
  t.deepEqual(chooseBranch('ab', forks), { fork: forkOf(9, 'abc', 'ddd'), keep: idOf('abc') })
  t.deepEqual(chooseBranch(idOf('bbb'), forks), { fork: forkOf(4, 'aaa', 'bbb'), keep: idOf('bbb') })
})

test('what fits no branch, or several, is refused', (t) => {
  for (const prefix of ['', 'c', 'aaaa']) t.throws(() => chooseBranch(prefix, forks), { code: 'unknown-fork' })
  t.throws(() => chooseBranch('a', forks), { code: 'ambiguous-fork' })
})

test('a thaw names the place and the entry, and is newer than the choice before it', (t) => {
  const admin = world.mesh.admin.key
  const choice = chooseBranch('bbb', forks)
  const thaw = { mesh: world.mesh.mesh, admin, action: 'thaw' as const, author: agent.key, incarnation: agent.incarnation, sequence: 4, keep: idOf('bbb') }
  t.deepEqual(buildThaw(choice, world.mesh.mesh, admin, madeAt), { ...thaw, at: madeAt })
  const before = { keep: idOf('aaa'), admin, adminName: 'ada', at: madeAt + 5 }
  t.deepEqual(buildThaw({ ...choice, fork: { ...choice.fork, thaw: before } }, world.mesh.mesh, admin, madeAt), { ...thaw, at: madeAt + 6 })
})
