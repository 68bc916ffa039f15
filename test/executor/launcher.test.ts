import test, { type ExecutionContext } from 'ava'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from '../fixtures/eventually.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { isAlive, processesIn } from '../processes/process-table.ts'

const launcher = fileURLToPath(new URL('../../src/executor/launcher.sh', import.meta.url))

interface Launched {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  /** Its standard error so far. */
  text(): string
}

/** A home whose releases are small shell scripts. Each start writes its name into `starts`. */
class Releases {
  readonly home: string
  readonly folder: string

  constructor(home: string) {
    this.home = home
    this.folder = path.join(home, 'executor', 'releases')
    mkdirSync(this.folder, { recursive: true })
  }

  /** `$releases` is known to it. */
  add(name: string, script: string): void {
    const folder = name === 'installed' ? this.home : path.join(this.folder, name)
    mkdirSync(folder, { recursive: true })
    writeFileSync(path.join(folder, 'start'), `releases=${this.folder}\necho ${name} >>${this.home}/starts\n${script}\n`)
  }

  has(file: string): boolean {
    return existsSync(path.join(this.folder, file))
  }

  read(file: string): string {
    return readFileSync(path.join(this.folder, file), 'utf8')
  }

  starts(): string[] {
    return existsSync(path.join(this.home, 'starts')) ? readFileSync(path.join(this.home, 'starts'), 'utf8').trim().split('\n') : []
  }

  launch(): Launched {
    const child = spawn('/bin/sh', [launcher, this.home, '/bin/sh', path.join(this.home, 'start')], { stdio: ['ignore', 'ignore', 'pipe'] })
    const said: Buffer[] = []
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
    return { child, ended: once(child, 'exit').then(([code]: (number | null)[]) => code ?? null), text: () => Buffer.concat(said).toString('latin1') }
  }
}

const openReleases = async (t: ExecutionContext): Promise<Releases> => {
  const releases = new Releases(await temporaryDirectory(t))
  t.teardown(() => {
    for (const pid of processesIn(releases.home)) process.kill(pid, 'SIGKILL')
  })
  return releases
}

/** Hands over to `next` at its first start, and ends in peace at the second. */
const handOver = (attempts: number, seconds: number): string => `
if [ "$(grep -c installed "$releases/../../starts")" = 1 ]; then
  echo "next ${attempts} ${seconds}" >"$releases/trying"
  exit 75
fi
exit 0`

const prove = 'echo next >"$releases/good"; rm "$releases/trying"'

const nothingIsLeft = async (t: ExecutionContext, releases: Releases): Promise<void> => {
  await eventually(() => processesIn(releases.home), (left) => left.length === 0)
  t.pass()
}

for (const code of [0, 7])
  test(`an executor that ends with ${code} ends the node`, async (t) => {
    const releases = await openReleases(t)
    releases.add('installed', `exit ${code}`)
    t.is(await releases.launch().ended, code)
    t.deepEqual(releases.starts(), ['installed'])
  })

test('an executor that crashes is started again', async (t) => {
  const releases = await openReleases(t)
  releases.add('installed', '[ "$(grep -c installed "$releases/../../starts")" = 1 ] && exit 3; exit 0')
  const { ended, text } = releases.launch()
  t.is(await ended, 0)
  t.deepEqual(releases.starts(), ['installed', 'installed'])
  await eventually(text, (said) => said.includes('the executor has ended with 3'))
})

test('SIGTERM reaches the executor, and its exit code comes back', async (t) => {
  const releases = await openReleases(t)
  releases.add('installed', 'trap "exit 5" TERM; while :; do sleep 0.05; done')
  const { child, ended } = releases.launch()
  await eventually(() => releases.starts(), ({ length }) => length === 1)
  child.kill('SIGTERM')
  t.is(await ended, 5)
  await nothingIsLeft(t, releases)
})

test('SIGTERM while a crashed executor is about to be started again ends the node at once', async (t) => {
  const releases = await openReleases(t)
  releases.add('installed', 'exit 3')
  const { child, ended, text } = releases.launch()
  await eventually(text, (said) => said.includes('started again in 4 s'))
  child.kill('SIGTERM')
  t.is(await ended, 3)
  t.is(releases.starts().length, 3)
  await nothingIsLeft(t, releases)
})

test('a release that proves itself is kept', async (t) => {
  const releases = await openReleases(t)
  releases.add('installed', handOver(3, 1))
  releases.add('next', `${prove}; sleep 1.5; exit 0`)
  t.is(await releases.launch().ended, 0)
  t.is(await releases.launch().ended, 0)
  t.deepEqual(releases.starts(), ['installed', 'next', 'next'])
  t.false(releases.has('failed'))
  await nothingIsLeft(t, releases)
})

test('a release that proved itself can hand over to the one after it', async (t) => {
  const releases = await openReleases(t)
  releases.add('installed', handOver(3, 5))
  releases.add('next', `${prove}; echo "third 1 5" >"$releases/trying"; exit 75`)
  releases.add('third', 'echo third >"$releases/good"; rm "$releases/trying"; exit 0')
  t.is(await releases.launch().ended, 0)
  t.deepEqual(releases.starts(), ['installed', 'next', 'third'])
})

for (const [what, script, reason, count] of [
  ['exits at once', 'exit 4', 'exit-4', 3],
  ['ends as if all were well', 'exit 0', 'exit-0', 3],
  ['hands over before it proved itself', 'exit 75', 'exit-75', 3],
  ['crashes', 'kill -SEGV $$', 'exit-139', 3],
  ['hangs', 'while :; do sleep 0.1; done', 'overdue', 1],
  ['exits after the deadline', 'trap "" TERM; sleep 1.5; exit 0', 'overdue', 1]
] as const)
  test(`a release that ${what} is given up, and the last good one is started`, async (t) => {
    const releases = await openReleases(t)
    releases.add('installed', handOver(3, 1))
    releases.add('next', `echo "attempt speaks" >&2; ${script}`)
    const { ended, text } = releases.launch()
    t.is(await ended, 0)
    t.deepEqual(releases.starts(), ['installed', ...Array.from({ length: count }, () => 'next'), 'installed'])
    t.is(releases.read('failed'), `next ${reason}\n`)
    t.false(releases.has('trying'))
    t.is(releases.read('attempt.log'), 'attempt speaks\n')
    await eventually(text, (said) => said.includes('attempt speaks'))
    await nothingIsLeft(t, releases)
  })

test('what a trial says is passed on whole, and its first megabyte is kept', async (t) => {
  const releases = await openReleases(t)
  releases.add('installed', handOver(1, 20))
  releases.add('next', 'head -c 3000000 /dev/urandom; exit 1')
  const { ended, text } = releases.launch()
  t.is(await ended, 0)
  await eventually(() => text().length, (length) => length > 3_000_000)
  t.is(statSync(path.join(releases.folder, 'attempt.log')).size, 1024 * 1024)
})

for (const [what, line] of [['a folder that is missing', 'nowhere 3 5'], ['no count', 'next many 5'], ['nothing', ''], ['a count beyond reason', 'next 99999 5']] as const)
  test(`a trial that names ${what} is given up`, async (t) => {
    const releases = await openReleases(t)
    releases.add('installed', 'exit 0')
    releases.add('next', 'exit 0')
    writeFileSync(path.join(releases.folder, 'trying'), `${line}\n`)
    t.is(await releases.launch().ended, 0)
    t.deepEqual(releases.starts(), ['installed'])
    t.is(releases.read('failed'), `${line.split(' ')[0]} unusable\n`)
  })

test('attempts are counted across kills of the launcher, and the last good release is started in the end', async (t) => {
  const releases = await openReleases(t)
  releases.add('installed', 'exit 0')
  releases.add('next', 'while :; do sleep 0.1; done')
  writeFileSync(path.join(releases.folder, 'trying'), 'next 2 60\n')
  for (const left of [1, 0]) {
    const { child, ended } = releases.launch()
    await eventually(() => releases.starts(), ({ length }) => length === 2 - left)
    t.is(releases.read('trying'), `next ${left} 60\n`)
    child.kill('SIGKILL')
    await ended
  }
  t.is(await releases.launch().ended, 0)
  t.deepEqual(releases.starts(), ['next', 'next', 'installed'])
  t.is(releases.read('failed'), 'next attempts-used\n')
})

test('a stop during a trial ends it without a verdict', async (t) => {
  const releases = await openReleases(t)
  releases.add('next', 'trap "exit 0" TERM; while :; do sleep 0.05; done')
  releases.add('installed', 'exit 1')
  writeFileSync(path.join(releases.folder, 'trying'), 'next 3 60\n')
  const { child, ended } = releases.launch()
  await eventually(() => releases.starts(), ({ length }) => length === 1)
  child.kill('SIGTERM')
  t.is(await ended, 0)
  t.is(releases.read('trying'), 'next 2 60\n')
  t.false(releases.has('failed'))
  await nothingIsLeft(t, releases)
})

test('a good release whose folder is gone is replaced by the installed one', async (t) => {
  const releases = await openReleases(t)
  releases.add('installed', 'exit 0')
  writeFileSync(path.join(releases.folder, 'good'), 'gone\n')
  const { ended, text } = releases.launch()
  t.is(await ended, 0)
  t.deepEqual(releases.starts(), ['installed'])
  await eventually(text, (said) => said.includes('the release gone is missing'))
})

test('the launcher takes less than 5 MB, also while a release is on trial', async (t) => {
  const releases = await openReleases(t)
  releases.add('installed', 'exit 0')
  releases.add('next', 'exec sleep 30')
  writeFileSync(path.join(releases.folder, 'trying'), 'next 3 60\n')
  const { child, ended } = releases.launch()
  await eventually(() => releases.starts(), ({ length }) => length === 1)
  const { pid } = child
  const residentOf = (name: string): number => Number(/^VmRSS:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1])
  if (pid === undefined || !isAlive(pid)) return t.fail('the launcher has ended')
  t.true(residentOf(String(pid)) < 5000)
  child.kill('SIGTERM')
  await ended
  await nothingIsLeft(t, releases)
})

test('a second launcher of a home is refused and touches nothing', async (t) => {
  const releases = await openReleases(t)
  releases.add('next', 'trap "exit 0" TERM; while :; do sleep 0.05; done')
  writeFileSync(path.join(releases.folder, 'trying'), 'next 3 60\n')
  const first = releases.launch()
  await eventually(() => releases.starts(), ({ length }) => length === 1)
  const second = releases.launch()
  t.is(await second.ended, 7)
  await eventually(second.text, (said) => said.includes('[home-in-use]'))
  t.is(releases.read('trying'), 'next 2 60\n')
  first.child.kill('SIGTERM')
  t.is(await first.ended, 0)
})
