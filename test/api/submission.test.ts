/** Admin homes that were restored from a backup, and side by side with endpoints that know more. */
import test, { type ExecutionContext } from 'ava'
import { cp } from 'node:fs/promises'
import path from 'node:path'
import { appendEntry } from '../../src/api/submission.ts'
import { withAdminLog, type AdminLogOptions } from '../../src/api/admin-log.ts'
import { knownLivesOf } from '../../src/node/endpoint/endpoint-pull.ts'
import { limits } from '../../src/base/limits.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { World } from '../queue/world.ts'
import type { KnownLife } from '../../src/queue/own-lives.ts'
import type { EntryBody, EntryContent } from '../../src/record/entry.ts'
import type { Verified } from '../../src/record/record.ts'

const fault = (subject: string): EntryContent => ({ kind: 'fault', fault: { kind: 'test', subject, detail: '' } })

const setUp = async (t: ExecutionContext) => {
  const world = new World()
  const queue = await world.queue()
  const directory = await temporaryDirectory(t)
  const homeOf = (name: string): AdminLogOptions => ({ directory: path.join(directory, name), mesh: world.mesh.mesh, signer: world.mesh.admin })
  const ask = async (): Promise<readonly KnownLife[]> => knownLivesOf(await queue.headsOf(world.mesh.admin.key))
  const give = async (log: AdminLogOptions, subject: string): Promise<Verified<EntryBody>> => {
    const entry = await appendEntry(ask, log, fault(subject))
    await queue.merge(await withAdminLog(log, (own) => own.entriesAfter(0, 1e9)), 'test')
    return entry
  }
  return { world, queue, homeOf, ask, give, log: homeOf('log'), backup: () => cp(path.join(directory, 'log'), path.join(directory, 'backup'), { recursive: true }) }
}

test('a home goes on in one life as long as nobody knows more', async (t) => {
  const { give, log, ask } = await setUp(t)
  for (const subject of ['a', 'b', 'c']) await give(log, subject)
  t.deepEqual((await ask()).map(({ sequence, frozenAt }) => [sequence, frozenAt]), [[3, null]])
})

test('a home that was restored goes on in a new life, once, and without a fork', async (t) => {
  const { give, log, backup, homeOf, ask } = await setUp(t)
  await give(log, 'a')
  await backup()
  await give(log, 'lost')
  const after = []
  for (const subject of ['b', 'c', 'd']) after.push(await give(homeOf('backup'), subject))
  t.deepEqual(after.map(({ body }) => body.sequence), [1, 2, 3])
  t.deepEqual((await ask()).map(({ sequence, frozenAt }) => [sequence, frozenAt]).sort(), [[2, null], [3, null]])
})

test('a home that was restored twice goes on once more', async (t) => {
  const { give, log, backup, homeOf, ask } = await setUp(t)
  await give(log, 'a')
  await backup()
  await give(log, 'lost')
  await give(homeOf('backup'), 'b')
  await give(homeOf('backup'), 'c')
  await give(log, 'from the first home, which is still there')
  t.deepEqual((await ask()).map(({ frozenAt }) => frozenAt), [null, null, null])
})

test('a life that is frozen is not appended to', async (t) => {
  const { world, queue, give, log } = await setUp(t)
  await give(log, 'a')
  const { incarnation } = (await give(log, 'b')).body
  const [head] = await queue.headsOf(world.mesh.admin.key)
  t.is(head?.incarnation, incarnation)
  const forged = world.admin.forge(fault('other'), { incarnation, sequence: 3, previous: null })
  const rival = world.admin.forge(fault('other'), { incarnation, sequence: 3, previous: forged.id })
  await queue.merge([rival.bytes], 'test')
  t.not((await queue.headsOf(world.mesh.admin.key))[0]?.frozenAt, null)
  const next = await give(log, 'c')
  t.not(next.body.incarnation, incarnation)
  t.is((await give(log, 'd')).body.incarnation, next.body.incarnation)
})

test("a checkpoint goes before an order when it is due, and nothing of an admin's log is dropped", async (t) => {
  const { ask, log, queue } = await setUp(t)
  await withAdminLog(log, async (own) => {
    for (let count = 0; count < limits.ownLog.checkpointEntries; count += 1) await own.append(fault(String(count)), { durable: false })
  })
  const entry = await appendEntry(ask, log, fault('next'))
  t.is(entry.body.sequence, limits.ownLog.checkpointEntries + 2)
  const entries = await withAdminLog(log, (own) => own.entriesAfter(0, 1e9))
  t.is(entries.length, entry.body.sequence)
  t.deepEqual((await queue.merge(entries, 'test')).rejections, [])
})
