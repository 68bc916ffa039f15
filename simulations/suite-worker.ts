/** One lane of a suite: makes the runs that it is asked for, one after another. */
import { parentPort } from 'node:worker_threads'
import { createSignatureMemory } from './signature-memory.ts'
import { performRun } from './suite.ts'
import { scenarios } from './scenario.ts'
import type { LaneJob } from './suite-lanes.ts'

const deps = { checkSignature: createSignatureMemory(), stopwatch: () => performance.now() }

parentPort?.on('message', ({ scenario: name, seed, nodes, isRepeated }: LaneJob) => {
  const scenario = scenarios.find((candidate) => candidate.name === name)
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`)
  void performRun(deps, { scenario, seed, nodes }, isRepeated).then(
    (run) => parentPort?.postMessage(run, []),
    (error: unknown) => {
      // Out of the promise, so that the thread ends with it.
      setImmediate(() => {
        throw error
      })
    }
  )
})
