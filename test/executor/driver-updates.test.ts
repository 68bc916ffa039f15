import test from 'ava'
import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { readPlatform } from '../../src/base/system-platform.ts'
import { FileSlots } from '../../src/executor/file-slots.ts'
import { encodeTree } from '../../src/record/tree.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { openWorkbench, orderFrom } from './workbench.ts'

/** A release that holds an empty `start` and nothing else. */
const releaseOrder = () => {
  const owner = { owner: null, group: null }
  const tree = encodeTree({ root: { mode: 0o755, ...owner }, entries: [{ kind: 'file', path: 'start', mode: 0o755, sizeBytes: 0, sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', ...owner }] })
  if (!tree.ok) throw new Error(tree.detail)
  return orderFrom(tree.value.head, { format: 'release', options: { version: '0.2.0', platform: readPlatform(), minimumPrevious: '0.1.0', launcherProtocol: '1', trialSeconds: '60' } })
}

test('a node that is stopped right before it switches ends, and its next start tries the release', async (t) => {
  const releases = path.join(await temporaryDirectory(t), 'releases')
  await mkdir(releases)
  const slots = new FileSlots(releases, '/installed/executor.js')
  const files = { find: async () => new Map<string, string>(), read: () => { throw new Error('nothing is held') } }
  let handedOver = 0
  const succession = { slots, files, handOver: () => void (handedOver += 1), keepLog: () => Promise.reject(new Error('no log is kept')) }
  const { agent, driver, journal } = await openWorkbench(t, { succession, options: { stopGraceMs: 60_000 } })
  const order = releaseOrder()
  await agent.send({ kind: 'order', bundle: order.bundle })
  await agent.hears('contact-wanted')
  const stopped = driver.stop()
  await agent.send({ kind: 'contact' })
  await stopped
  const slot = slots.slotOf('0.2.0', order.id)
  t.deepEqual([handedOver, (await journal.update())?.slot, agent.states(order.id)], [1, slot, ['running']])
  t.is(await readFile(path.join(releases, 'trying'), 'utf8'), `${slot} 3 60\n`)
})
