import test from 'ava'
import { checkShape } from '../../src/base/schema.ts'
import { limits } from '../../src/base/limits.ts'
import { homeConfigSchema, type HomeConfigDraft } from '../../src/trust/home-config.ts'
import { TestMesh } from '../fixtures/mesh.ts'

const draft: HomeConfigDraft = { version: 1, kind: 'node', mesh: new TestMesh().mesh, meshName: 'lab', name: 'web-1', role: 'agent', endpoints: [], listen: [] }

test('what an operator leaves out has a default', (t) => {
  const config = checkShape(homeConfigSchema, draft)
  t.like(config.ok ? config.value : config, { gossip: true, concurrentJobs: limits.executor.concurrentJobs, pullIntervalMs: limits.pull.intervalMs })
})

const jobsAtOnce = test.macro((t, concurrentJobs: number, isAllowed: boolean) => {
  t.is(checkShape(homeConfigSchema, { ...draft, concurrentJobs }).ok, isAllowed)
})
test('no job at once is no node', jobsAtOnce, 0, false)
test('as many jobs at once as may be', jobsAtOnce, limits.executor.concurrentJobsMax, true)
test('one job more at once', jobsAtOnce, limits.executor.concurrentJobsMax + 1, false)

test('a default limit of jobs may be the maximum, and not above it', (t) => {
  const isAllowed = (processes: number): boolean => checkShape(homeConfigSchema, { ...draft, jobLimits: { default: { processes }, max: { processes: 5, cpuPercent: 50 } } }).ok
  t.deepEqual([isAllowed(5), isAllowed(6)], [true, false])
})
