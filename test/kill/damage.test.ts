import test from 'ava'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { SeededRandom } from '../../simulations/seeded-random.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { cutFiles } from './damage.ts'

const sizeBytes = 1000
const files = ['000005.ldb', '000007.log', '000009.log', 'MANIFEST-000006', 'CURRENT', 'LOCK', 'LOG']

test('some files are cut to half or less, one with records among them; the others stay as they are', async (t) => {
  const folder = await temporaryDirectory(t)
  const chosen = new Set<string>()
  for (let seed = 0; seed < 40; seed += 1) {
    const directory = path.join(folder, String(seed))
    mkdirSync(directory)
    for (const name of files) writeFileSync(path.join(directory, name), new Uint8Array(name === '000009.log' ? 0 : sizeBytes))
    cutFiles(directory, new SeededRandom(String(seed)))
    const sizes = new Map(files.map((name) => [name, statSync(path.join(directory, name)).size]))
    const cut = files.filter((name) => name !== '000009.log' && sizes.get(name) !== sizeBytes)
    t.true(cut.some((name) => name.endsWith('.ldb') || name.endsWith('.log')), `seed ${seed}`)
    for (const name of cut) t.true((sizes.get(name) ?? sizeBytes) <= sizeBytes / 2)
    for (const name of cut) chosen.add(name)
  }
  t.deepEqual([...chosen].sort(), ['000005.ldb', '000007.log', 'MANIFEST-000006'])
})
