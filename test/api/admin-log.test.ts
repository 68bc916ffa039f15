import test from 'ava'
import path from 'node:path'
import { withAdminLog } from '../../src/api/admin-log.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { TestMesh } from '../fixtures/mesh.ts'
import type { EntryContent } from '../../src/record/entry.ts'

const mesh = new TestMesh()
const fault = (subject: string): EntryContent => ({ kind: 'fault', fault: { kind: 'test', subject, detail: '' } })

test('appends of one process that overlap take turns, and none is lost', async (t) => {
  const options = { directory: path.join(await temporaryDirectory(t), 'log'), mesh: mesh.mesh, signer: mesh.admin }
  const entries = await Promise.all(Array.from({ length: 8 }, (_, index) => withAdminLog(options, (log) => log.append(fault(String(index)), { durable: true }))))
  t.deepEqual(entries.map(({ body }) => body.sequence).sort(), [1, 2, 3, 4, 5, 6, 7, 8])
  t.is(await withAdminLog(options, async (log) => log.head().head.sequence), 8)
})

test('a turn that fails is over all the same', async (t) => {
  const options = { directory: path.join(await temporaryDirectory(t), 'log'), mesh: mesh.mesh, signer: mesh.admin }
  await t.throwsAsync(withAdminLog(options, async () => { throw new Error('no') }), { message: 'no' })
  t.is((await withAdminLog(options, (log) => log.append(fault('after'), { durable: true }))).body.sequence, 1)
})
