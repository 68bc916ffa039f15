import test, { type ExecutionContext } from 'ava'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { toText } from '../../src/base/bytes.ts'
import { limits } from '../../src/base/limits.ts'
import { systemTimers } from '../../src/base/system-clock.ts'
import { ChildRunner, type Run, type RunResult } from '../../src/executor/child-runner.ts'
import { FileOutputs } from '../../src/executor/file-output.ts'
import { eventually } from '../fixtures/eventually.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import type { Timers } from '../../src/base/clock.ts'

interface Shell {
  readonly directory: string
  readonly outputs: FileOutputs
  run(script: string): Run
}

const alone = { enter: [], sweep: () => Promise.resolve() }

/** Runs shell scripts. */
const openShell = async (t: ExecutionContext, timers: Timers = systemTimers, outputsBytesMax?: number): Promise<Shell> => {
  const directory = await temporaryDirectory(t)
  const outputs = await FileOutputs.open(path.join(directory, 'outputs'), [], outputsBytesMax)
  const runner = new ChildRunner(timers, outputs)
  return {
    directory,
    outputs,
    run: (script) => runner.start({ launch: { file: '/bin/sh', args: ['-c', script] }, environment: { PATH: process.env['PATH'] ?? '' }, workDirectory: directory, captureDirectory: directory, captures: [], ...alone })
  }
}

const textOf = ({ stdout }: RunResult): string => toText(stdout?.head ?? new Uint8Array())

const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}

test('output and exit code of a short run are in the result, and no file is made', async (t) => {
  const shell = await openShell(t)
  const result = await shell.run('echo out; echo err >&2; exit 3').ended
  t.deepEqual([result.exitCode, result.signal, result.spawnError], [3, null, null])
  t.deepEqual(result.stdout, { head: Uint8Array.from(Buffer.from('out\n')), sizeBytes: 4, cid: null, keptBytes: 4 })
  t.is(toText(result.stderr?.head ?? new Uint8Array()), 'err\n')
  t.deepEqual(await readdir(shell.directory), ['outputs'])
})

/** Sizes around the bounds, and what is kept of them. */
const isKept = test.macro({
  async exec(t, sizeBytes: number, keptBytes: number, hasFile: boolean) {
    const shell = await openShell(t)
    const { stdout } = await shell.run(`head -c ${sizeBytes} /dev/zero`).ended
    t.is(stdout?.sizeBytes, sizeBytes)
    t.is(stdout?.keptBytes, keptBytes)
    t.is(stdout?.cid !== null, hasFile)
    t.is(stdout === null ? -1 : (await shell.outputs.readKept(stdout)).length, keptBytes)
  },
  title: (_, sizeBytes, keptBytes) => `of ${sizeBytes} bytes of output, ${keptBytes} are kept`
})
const { headBytesMax, streamBytesMax } = limits.output
test(isKept, 0, 0, false)
test(isKept, headBytesMax, headBytesMax, false)
test(isKept, headBytesMax + 1, headBytesMax + 1, true)
test(isKept, streamBytesMax, streamBytesMax, true)
test(isKept, streamBytesMax + 100_000, streamBytesMax, true)

test('beyond the room for kept outputs only heads are kept', async (t) => {
  const shell = await openShell(t, systemTimers, 10_000)
  const first = await shell.run('head -c 8000 /dev/zero').ended
  const second = await shell.run('head -c 9000 /dev/zero').ended
  t.is(first.stdout?.keptBytes, 8000)
  t.deepEqual([second.stdout?.keptBytes, second.stdout?.cid, second.stdout?.sizeBytes], [headBytesMax, null, 9000])
})

test('an output that two runs share stays until both are released', async (t) => {
  const shell = await openShell(t)
  const [first] = [await shell.run('head -c 8000 /dev/zero').ended, await shell.run('head -c 8000 /dev/zero').ended]
  const cid = first.stdout?.cid ?? ''
  await shell.outputs.release(cid)
  t.deepEqual(await readdir(path.join(shell.directory, 'outputs')), [cid])
  await shell.outputs.release(cid)
  t.deepEqual(await readdir(path.join(shell.directory, 'outputs')), [])
})

test('a start keeps the outputs that are still wanted, and no other', async (t) => {
  const shell = await openShell(t)
  const first = await shell.run('head -c 8000 /dev/zero').ended
  await shell.run('head -c 9000 /dev/zero').ended
  const cid = first.stdout?.cid ?? ''
  const reopened = await FileOutputs.open(path.join(shell.directory, 'outputs'), [cid])
  t.deepEqual(await readdir(path.join(shell.directory, 'outputs')), [cid])
  const chunks = await Array.fromAsync(reopened.chunks(cid))
  t.deepEqual(chunks.map(({ offset, sizeBytes, bytes }) => [offset, sizeBytes, bytes.length]), [[0, 8000, 8000]])
})

test('TERM ends the whole process group', async (t) => {
  const shell = await openShell(t)
  const run = shell.run('sleep 60 & echo $!; wait')
  await eventually(() => run, () => true)
  run.signal('SIGTERM')
  const result = await run.ended
  t.is(result.signal, 'SIGTERM')
})

test('KILL ends what ignores TERM', async (t) => {
  const shell = await openShell(t)
  const run = shell.run(`trap '' TERM; touch ready; while :; do sleep 0.02; done`)
  await eventually(() => readdir(shell.directory), (names) => names.includes('ready'))
  run.signal('SIGTERM')
  run.signal('SIGKILL')
  t.is((await run.ended).signal, 'SIGKILL')
  run.signal('SIGKILL')
})

test('what the main process leaves behind in its group is killed', async (t) => {
  const shell = await openShell(t)
  const result = await shell.run('sleep 60 & echo $!').ended
  t.is(result.exitCode, 0)
  await eventually(() => isGone(Number(textOf(result))), (gone) => gone)
})

test('a grandchild that escaped its group and holds the output open does not hold up the outcome', async (t) => {
  const delays: number[] = []
  const shell = await openShell(t, {
    after(delayMs, action) {
      delays.push(delayMs)
      return systemTimers.after(10, action)
    }
  })
  const result = await shell.run('setsid sleep 60 & echo $!').ended
  const [pid = 0] = textOf(result).split('\n').map(Number)
  t.teardown(() => process.kill(pid))
  t.is(result.exitCode, 0)
  t.false(isGone(pid))
  t.true(delays.length < limits.executor.drainRoundsMax)
  t.deepEqual([...new Set(delays)], [limits.executor.drainMs])
})

test('an escaped grandchild that goes on writing is not listened to for ever', async (t) => {
  let looks = 0
  const shell = await openShell(t, {
    after(_, action) {
      looks += 1
      return systemTimers.after(50, action)
    }
  })
  const result = await shell.run('setsid sh -c "while echo y; do touch ready; sleep 0.002; done" & until [ -e ready ]; do sleep 0.01; done; exit 4').ended
  t.is(result.exitCode, 4)
  t.true(looks <= limits.executor.drainRoundsMax)
})

test('a program that is not there, and a directory that is not there, are results', async (t) => {
  const { outputs, directory } = await openShell(t)
  const runner = new ChildRunner(systemTimers, outputs)
  const request = { launch: { file: '/no/such/file', args: [] }, environment: {}, workDirectory: directory, captureDirectory: directory, captures: [], ...alone }
  const missing = runner.start(request)
  missing.signal('SIGTERM')
  t.regex((await missing.ended).spawnError ?? '', /ENOENT/)
  t.regex((await runner.start({ ...request, launch: { file: '/bin/true', args: [] }, workDirectory: '/no/such' }).ended).spawnError ?? '', /ENOENT/)
  t.truthy((await runner.start({ ...request, launch: { file: '/bin/true', args: ['x'.repeat(200_000)] } }).ended).spawnError)
})
