import test, { type ExecutionContext } from 'ava'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { FileSlots } from '../../src/executor/file-slots.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { commandOrder } from './workbench.ts'
import type { Update, UpdatePlace } from '../../src/executor/update-machine.ts'

const { id } = commandOrder(['true'])

interface Releases {
  readonly directory: string
  readonly update: Update
  /** The slots as an executor sees them that runs from this slot; the installed release when null. */
  from(slot: string | null): FileSlots
  write(name: string, text: string): void
}

const openReleases = async (t: ExecutionContext): Promise<Releases> => {
  const directory = path.join(await temporaryDirectory(t), 'releases')
  mkdirSync(directory)
  const from = (slot: string | null): FileSlots => new FileSlots(directory, slot === null ? '/opt/writ/executor.js' : path.join(directory, slot, 'executor.js'))
  const update = { indication: id, slot: from(null).slotOf('0.2.0', id), version: '0.2.0', trialSeconds: 60 }
  return { directory, update, from, write: (name, text) => writeFileSync(path.join(directory, name), text) }
}

const stage = ({ directory, update }: Releases): void => {
  mkdirSync(path.join(directory, update.slot))
  writeFileSync(path.join(directory, update.slot, 'start'), '')
}

const isFound = test.macro({
  async exec(t, prepare: (releases: Releases) => 'old' | 'new', expected: UpdatePlace) {
    const releases = await openReleases(t)
    stage(releases)
    const slots = releases.from(prepare(releases) === 'new' ? releases.update.slot : null)
    t.deepEqual(slots.placeOf(releases.update), expected)
  },
  title: (name = '') => `${name} is found at the next start`
})

test('a switch that was not written down for the launcher', isFound, () => 'old', { kind: 'not-switched' })
test('a trial, by the release on trial', isFound, (releases) => { releases.from(null).beginTrial(releases.update); return 'new' }, { kind: 'on-trial' })
test('a proof', isFound, (releases) => { releases.from(null).beginTrial(releases.update); releases.from(releases.update.slot).prove(releases.update); return 'new' }, { kind: 'proved' })
test('a proof whose trial is still noted', isFound, (releases) => { releases.write('good', `${releases.update.slot}\n`); releases.write('trying', `${releases.update.slot} 2 60\n`); return 'new' }, { kind: 'on-trial' })
test('a failure', isFound, (releases) => { releases.write('failed', `${releases.update.slot} exit-3\n`); return 'old' }, { kind: 'back', reason: 'exit-3', isUp: false })
test('a failure for want of an answer', isFound, (releases) => { releases.from(releases.update.slot).noteUp(releases.update); releases.write('failed', `${releases.update.slot} overdue\n`); return 'old' }, { kind: 'back', reason: 'overdue', isUp: true })
test("another release's failure", isFound, (releases) => { releases.write('failed', 'other exit-3\n'); return 'old' }, { kind: 'not-switched' })
test('a failure that the launcher could not write down', isFound, (releases) => { releases.write('trying', `${releases.update.slot} 0 60\n`); return 'old' }, { kind: 'back', reason: 'attempts-used', isUp: false })

test('a release that is gone is no longer to be switched to', async (t) => {
  const releases = await openReleases(t)
  t.deepEqual(releases.from(null).placeOf(releases.update), { kind: 'back', reason: 'unusable', isUp: false })
})

test('a trial begins without what was noted of another', async (t) => {
  const releases = await openReleases(t)
  for (const name of ['failed', 'reached', 'attempt.log']) releases.write(name, 'old\n')
  releases.from(null).beginTrial(releases.update)
  t.deepEqual(readdirSync(releases.directory), ['trying'])
  t.is(readFileSync(path.join(releases.directory, 'trying'), 'utf8'), `${releases.update.slot} 3 60\n`)
})

test('what no start needs is removed: not the good release, nor the one that runs', async (t) => {
  const releases = await openReleases(t)
  for (const name of ['good-one', 'running', 'stale', 'half.new']) mkdirSync(path.join(releases.directory, name))
  for (const name of ['failed', 'reached', 'attempt.log', 'lock']) releases.write(name, '')
  releases.write('good', 'good-one\n')
  releases.from('running').tidy()
  t.deepEqual(readdirSync(releases.directory).sort(), ['good', 'good-one', 'lock', 'running'])
})

test('what a trial has said is read, and nothing where it said nothing', async (t) => {
  const releases = await openReleases(t)
  t.is(releases.from(null).readAttemptLog().length, 0)
  releases.write('attempt.log', 'said')
  t.is(Buffer.from(releases.from(null).readAttemptLog()).toString(), 'said')
  t.true(existsSync(releases.directory))
})
