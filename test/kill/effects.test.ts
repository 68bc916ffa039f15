import test from 'ava'
import { execFileSync } from 'node:child_process'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { effectsHome, readEffects, workFor } from './effects.ts'

test('what orders leave behind is told by order and node', async (t) => {
  const folder = await temporaryDirectory(t)
  t.deepEqual(readEffects(folder), [])
  const [file = '', ...args] = workFor(0)
  for (const [node, order] of [['a1', 'x'], ['a2', 'x'], ['a1', 'y'], ['a1', 'x']] as const) {
    execFileSync(file, args, { env: { PATH: process.env['PATH'], HOME: effectsHome(folder, node), WRIT_INDICATION: order } })
  }
  t.deepEqual(readEffects(folder), [
    { indication: 'x', node: 'a1', starts: 2, ends: 2 },
    { indication: 'x', node: 'a2', starts: 1, ends: 1 },
    { indication: 'y', node: 'a1', starts: 1, ends: 1 }
  ])
})
