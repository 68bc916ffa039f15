/** Threads that make runs side by side. A run is the same on any of them: nothing but its report comes out. */
import { Worker } from 'node:worker_threads'
import type { Perform, TimedRun } from './suite.ts'

/** What a thread is asked, and answers with a `TimedRun`. */
export interface LaneJob {
  readonly scenario: string
  readonly seed: number
  readonly nodes: number | undefined
  readonly isRepeated: boolean
}

export interface Lanes {
  readonly perform: Perform
  close(): Promise<void>
}

export const openLanes = (count: number): Lanes => {
  const workers = Array.from({ length: count }, () => new Worker(new URL('./suite-worker.ts', import.meta.url)))
  const idle = [...workers]
  const ask = (worker: Worker, job: LaneJob): Promise<TimedRun> =>
    new Promise((resolve, reject) => {
      worker.once('error', reject)
      worker.once('message', (run: TimedRun) => {
        worker.off('error', reject)
        resolve(run)
      })
      worker.postMessage(job, [])
    })
  return {
    async perform({ scenario, seed, nodes }, isRepeated) {
      const worker = idle.pop()
      if (worker === undefined) throw new Error('more runs at once than there are lanes')
      const run = await ask(worker, { scenario: scenario.name, seed, nodes, isRepeated })
      idle.push(worker)
      return run
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()))
    }
  }
}
