import test from 'ava'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { planScratch } from '../../src/api/system-scratch.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'

test('what a process that is gone has left is swept, and what a living one uses is not', async (t) => {
  const parent = await temporaryDirectory(t)
  const [left, used] = [join(parent, '999999999-abc'), join(parent, `${process.pid}-abc`)]
  for (const directory of [left, used]) mkdirSync(directory)
  const planned = planScratch(parent, 'new')
  t.is(planned, join(parent, `${process.pid}-new`))
  t.false(existsSync(left))
  t.true(existsSync(used))
})

test('a place that was never made is no trouble', async (t) => {
  t.is(planScratch(join(await temporaryDirectory(t), 'none'), 'new').endsWith(`${process.pid}-new`), true)
})
