/**
 * The job program: `node jobs.js NAME ARGUMENT…`, a process like any other order's, for formats whose work is Writ's own.
 * It prints JSON lines; what goes wrong is one line on standard error and exit code 1.
 */
import { describeError, isWritError, WritError } from '../../base/errors.ts'
import { installPackages } from './child-packages.ts'
import { leave } from './file-leave.ts'
import { collectLogs } from './file-log-bundle.ts'
import { placeFiles } from './file-placement.ts'
import { stageRelease } from './file-staging.ts'
import { tellFacts } from './system-facts-job.ts'
import type { Job } from './job.ts'

const jobs: ReadonlyMap<string, Job> = new Map([
  ['files', placeFiles],
  ['package', installPackages],
  ['collect-logs', collectLogs],
  ['facts', tellFacts],
  ['leave', leave],
  ['stage', stageRelease]
])

const main = async (): Promise<number> => {
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort())
  const [name = '', ...args] = process.argv.slice(2)
  try {
    const job = jobs.get(name)
    if (job === undefined) throw new WritError('bad-usage', `there is no job ${name}`)
    for await (const row of job({ args, stopped: stop.signal })) process.stdout.write(`${JSON.stringify(row)}\n`)
    return 0
  } catch (error) {
    process.stderr.write(`writ: ${describeError(error)}${isWritError(error) ? ` [${error.code}]` : ''}\n`)
    return 1
  }
}

process.exitCode = await main()
