import test, { type ExecutionContext } from 'ava'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { toBase32 } from '../../src/base/bytes.ts'
import { killOrphans } from '../../src/executor/system-orphans.ts'
import type { IndicationId, KeyId } from '../../src/base/brand.ts'

const drawId = (): string => toBase32(randomBytes(32))

/** A process in a session of its own, as a job may have left it. */
const startJob = async (t: ExecutionContext, executor: string, indication: string): Promise<ChildProcess> => {
  const job = spawn('sleep', ['60'], { detached: true, stdio: 'ignore', env: { PATH: process.env['PATH'], WRIT_EXECUTOR: executor, WRIT_INDICATION: indication } })
  t.teardown(() => job.kill('SIGKILL'))
  await once(job, 'spawn')
  return job
}

const [ours, theirs] = [drawId() as KeyId, drawId() as KeyId]

test('what an executor left of its orders is killed, whatever session it is in', async (t) => {
  const order = drawId() as IndicationId
  const jobs = await Promise.all([1, 2].map(() => startJob(t, ours, order)))
  const ended = Promise.all(jobs.map((job) => once(job, 'exit')))
  t.is(await killOrphans(ours, new Set([order, drawId() as IndicationId])), 2)
  t.deepEqual(await ended, [[null, 'SIGKILL'], [null, 'SIGKILL']])
})

test('after a short run only what was made since is looked at, wherever the numbers of processes stand', async (t) => {
  const order = drawId() as IndicationId
  const first = await startJob(t, ours, order)
  const second = await startJob(t, ours, order)
  const [older, younger] = [first, second].sort((left, right) => (left.pid ?? 0) - (right.pid ?? 0))
  const ended = once(younger ?? second, 'exit')
  t.is(await killOrphans(ours, new Set([order]), { pid: older?.pid ?? 0, at: performance.now() }), 1)
  await ended
  t.is(older?.signalCode, null)
  t.is(await killOrphans(ours, new Set([order]), { pid: older?.pid ?? 0, at: performance.now() - 60_000 }), 1)
})

test('the threads of a process are not counted as processes', async (t) => {
  const order = drawId() as IndicationId
  const env = { WRIT_EXECUTOR: ours, WRIT_INDICATION: order }
  const job = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log("runs")'], { detached: true, stdio: ['ignore', 'pipe', 'ignore'], env })
  t.teardown(() => job.kill('SIGKILL'))
  await once(job.stdout, 'data')
  const ended = once(job, 'exit')
  t.is(await killOrphans(ours, new Set([order]), { pid: (job.pid ?? 0) - 1, at: performance.now() }), 1)
  await ended
})

test('the same order of another node on this machine, and another order of this node, go on', async (t) => {
  const order = drawId() as IndicationId
  const jobs = [await startJob(t, theirs, order), await startJob(t, ours, drawId())]
  t.is(await killOrphans(ours, new Set([order])), 0)
  for (const job of jobs) t.deepEqual([job.exitCode, job.signalCode], [null, null])
})

test('without orders nothing is looked for', async (t) => {
  t.is(await killOrphans(ours, new Set()), 0)
})
