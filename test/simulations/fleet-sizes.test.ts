import test from 'ava'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { describeFleets, fleetSizesUpTo, measureFleet } from '../../simulations/fleet-sizes.ts'

test('sizes grow to the largest that is wanted', (t) => {
  t.deepEqual(fleetSizesUpTo(), [10, 30, 100, 300, 1000, 3000, 10_000])
  t.deepEqual(fleetSizesUpTo(30), [10, 30])
  t.deepEqual(fleetSizesUpTo(50), [10, 30, 50])
})

test('what a node has to send does not grow with the fleet', async (t) => {
  const [small, large] = [await measureFleet(80, () => 0), await measureFleet(240, () => 0)]
  for (const { violations, convergenceMs, gossipPerNode, questionsPerNode } of [small, large]) {
    t.is(violations, 0)
    t.true(convergenceMs > 0 && convergenceMs < 5_000)
    t.true(gossipPerNode > 1 && questionsPerNode > 1)
  }
  t.true(large.gossipPerNode < 1.15 * small.gossipPerNode, `${small.gossipPerNode} and ${large.gossipPerNode}`)
  t.true(large.questionsPerNode < 1.15 * small.questionsPerNode, `${small.questionsPerNode} and ${large.questionsPerNode}`)
})

test('figures make the rows of a table', (t) => {
  const table = describeFleets([{ nodes: 10, convergenceMs: 1_250, gossipPerNode: 2.04, questionsPerNode: 3, eventsPerSecond: 1, violations: 0 }])
  t.is(table.split('\n').at(-1), '| 10 | 1.3 s | 2.0 | 3.0 | 5.0 |')
})

test('the command draws a chart and prints its figures', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'writ-chart-'))
  try {
    const file = join(directory, 'chart.svg')
    const run = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', 'simulations/main.ts', '--chart', file, '--nodes', '12'], { encoding: 'utf8' })
    t.is(run.status, 0, run.stderr)
    t.deepEqual(run.stdout.trim().split('\n').slice(2).map((row) => row.split(' | ')[0]), ['| 10', '| 12'])
    t.regex(await readFile(file, 'utf8'), /^<svg [\s\S]*polyline/)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
