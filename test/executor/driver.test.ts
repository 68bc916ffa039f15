import test from 'ava'
import { access, mkdir, readdir } from 'node:fs/promises'
import path from 'node:path'
import { limits } from '../../src/base/limits.ts'
import { MemoryStore } from '../../src/base/memory-store.ts'
import { toText } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/base/codec.ts'
import { rawCidOf } from '../../src/record/payload-location.ts'
import { eventually } from '../fixtures/eventually.ts'
import { cancelOf, commandOrder, openWorkbench, scriptOrder } from './workbench.ts'
import type { Range } from '../../src/base/key-value-store.ts'
import type { IndicationBody } from '../../src/record/indication.ts'
import type { StatementBody } from '../../src/record/statement.ts'

const textOf = (output: StatementBody['stdout']): string => toText(output?.head ?? new Uint8Array())

test('a command runs and its outcome is signed, after validated and running', async (t) => {
  const { agent } = await openWorkbench(t)
  const order = commandOrder(['echo', 'hello world'])
  await agent.send({ kind: 'order', bundle: order.bundle })
  const outcome = await agent.outcome(order.id)
  t.is(outcome.state, 'succeeded')
  t.is(outcome.exitCode, 0)
  t.is(textOf(outcome.stdout), 'hello world\n')
  t.deepEqual(agent.states(order.id), ['running', 'succeeded'])
  t.deepEqual(agent.kinds(), ['ready', 'validated', 'statement', 'statement'])
})

test('each statement names the one before it, also after a restart', async (t) => {
  const store = new MemoryStore()
  const links: (readonly [string | null, string])[] = []
  for (let start = 0; start < 2; start += 1) {
    const { agent, driver, journal } = await openWorkbench(t, { store })
    const [first, second] = [commandOrder(['true']), commandOrder(['false'])]
    for (const { id, bundle } of [first, second]) {
      await agent.send({ kind: 'order', bundle })
      await agent.outcome(id)
    }
    await driver.stop()
    t.is(journal.last, agent.sealed().at(-1)?.id ?? null)
    for (const { id, body } of agent.sealed()) if (!links.some(([, known]) => known === id)) links.push([body.previous, id])
  }
  t.deepEqual(links.map(([previous]) => previous), [null, ...links.slice(0, -1).map(([, id]) => id)])
  t.is(links.length, 8)
})

/** An order and how it ends. */
const endsAs = test.macro({
  async exec(t, order: ReturnType<typeof commandOrder>, state: StatementBody['state'], code: string | null) {
    const { agent } = await openWorkbench(t)
    await agent.send({ kind: 'order', bundle: order.bundle })
    const outcome = await agent.outcome(order.id)
    t.deepEqual([outcome.state, outcome.code], [state, code], outcome.detail ?? '')
  },
  title: (name = '', _order, state, code) => `${name} ends as ${state}${code === null ? '' : `, ${code}`}`
})

const matching = (output: string): Partial<IndicationBody> => ({ expected: { exitCode: 0, output } })
test('another exit code than expected', endsAs, commandOrder(['false']), 'failed', 'unexpected-exit')
test('the exit code that was expected', endsAs, commandOrder(['false'], { expected: { exitCode: 1, output: null } }), 'succeeded', null)
test('the output that was expected', endsAs, commandOrder(['echo', 'version 3'], matching('^version \\d$')), 'succeeded', null)
test('another output than expected', endsAs, commandOrder(['echo', 'version x'], matching('^version \\d$')), 'failed', 'unexpected-output')
test('a pattern that backtracks without end', endsAs, commandOrder(['echo', 'a'.repeat(40)], matching('^(a+)+b')), 'failed', 'pattern-too-slow')
test('a process over its time', endsAs, commandOrder(['sleep', '60'], { timeoutMs: 100 }), 'failed', 'timed-out')
test('a process that ignores TERM', endsAs, scriptOrder("trap '' TERM\nwhile :; do sleep 0.05; done\n", { timeoutMs: 100 }), 'failed', 'timed-out')
test('a process that kills itself', endsAs, scriptOrder('kill -9 $$\n'), 'failed', 'killed')
test('a command that is not installed', endsAs, commandOrder(['no-such-program']), 'rejected', 'prerequisite-missing')
test('a prerequisite that is missing', endsAs, commandOrder(['true'], { prerequisites: { executables: ['sh', 'no-such-program'] } }), 'rejected', 'prerequisite-missing')
test('a script whose interpreter is missing', endsAs, scriptOrder('#!/no/such/interpreter\n'), 'rejected', 'prerequisite-missing')
test('a script whose env finds nothing', endsAs, scriptOrder('#!/usr/bin/env no-such-program\n'), 'rejected', 'prerequisite-missing')
test('a payload that is no command', endsAs, scriptOrder('not dag-cbor', { format: 'command' }), 'rejected', 'bad-payload')
test('a process that cannot be spawned', endsAs, commandOrder(['true'], { environment: { NAME: 'a zero \0 byte' } }), 'failed', 'spawn-failed')

test('a job sees its parameters, its id and a clean environment, in a directory of its own', async (t) => {
  const { agent, directory } = await openWorkbench(t)
  process.env['WRIT_TEST_LEAK'] = 'leaked'
  const order = scriptOrder('pwd; env | sort; mktemp >/dev/null && ls "$TMPDIR" | wc -l\n', { parameters: { name: 'value $HOME', Other: 'b' }, environment: { COLOUR: 'blue', LANG: 'de' } })
  await agent.send({ kind: 'order', bundle: order.bundle })
  const lines = textOf((await agent.outcome(order.id)).stdout).trim().split('\n')
  t.is(lines[0], path.join(directory, 'jobs', order.id, 'work'))
  t.is(lines.at(-1), '1')
  const names = lines.slice(1, -1).map((line) => line.split('=')[0])
  t.deepEqual(names.filter((name) => !['PWD', 'OLDPWD', '_', 'SHLVL'].includes(name ?? '')), ['COLOUR', 'HOME', 'LANG', 'PATH', 'TMPDIR', 'WRIT_EXECUTOR', 'WRIT_INDICATION', 'WRIT_PARAM_NAME', 'WRIT_PARAM_OTHER'])
  t.true(lines.includes('WRIT_PARAM_NAME=value $HOME'))
  t.true(lines.includes(`WRIT_INDICATION=${order.id}`))
  t.true(lines.includes('LANG=de'))
  await eventually(() => readdir(path.join(directory, 'jobs')), (jobs) => jobs.length === 0)
})

test('a large script is brought by the agent and reads itself from $0', async (t) => {
  const text = Buffer.from('#!/bin/sh\ntail -c +57 "$0" | sha256sum | cut -d" " -f1\nexit 0\n')
  const data = Buffer.alloc(3_000_000, 7)
  const head = Buffer.from(text.toString().replace('+57', `+${text.length + 1}`))
  const order = scriptOrder(Buffer.concat([head, data]))
  t.is(order.bundle.payload, null)
  const { agent } = await openWorkbench(t, { agent: { payloads: new Map([[order.id, order.payload]]) } })
  await agent.send({ kind: 'order', bundle: order.bundle })
  const outcome = await agent.outcome(order.id)
  t.is(textOf(outcome.stdout).trim(), Buffer.from(sha256(data)).toString('hex'))
  t.deepEqual(agent.kinds(), ['ready', 'payload-wanted', 'validated', 'statement', 'statement'])
})

test('files that a run leaves are captured, a large one by its CID', async (t) => {
  const { agent, directory, driver } = await openWorkbench(t)
  const elsewhere = path.join(directory, 'elsewhere')
  const script = `printf small >report.txt; mkdir sub; head -c 100000 /dev/zero >sub/large; : >empty; echo x >${elsewhere}\n`
  const names = ['report.txt', 'sub/large', 'empty', elsewhere]
  const order = scriptOrder(script, { captures: names })
  await agent.send({ kind: 'order', bundle: order.bundle })
  const { state, files = [] } = await agent.outcome(order.id)
  t.is(state, 'succeeded')
  t.deepEqual(files.map(({ name, output }) => [name, output.sizeBytes, output.head.length, output.cid === null]), [['report.txt', 5, 5, true], ['sub/large', 100_000, limits.output.fileHeadBytesMax, false], ['empty', 0, 0, true], [elsewhere, 2, 2, true]])
  t.is(textOf(files[0]?.output ?? null), 'small')
  t.deepEqual(agent.outputs.get(files[1]?.output.cid ?? ''), new Uint8Array(100_000))
  await driver.stop()
  await eventually(() => readdir(path.join(directory, 'outputs')), (kept) => kept.length === 0)
})

test('a file that is not left, or is none, fails the order, and the others are captured', async (t) => {
  const { agent } = await openWorkbench(t)
  const order = scriptOrder('echo there >there; mkfifo pipe; mkdir folder\n', { captures: ['there', 'pipe', 'folder'] })
  await agent.send({ kind: 'order', bundle: order.bundle })
  const outcome = await agent.outcome(order.id)
  t.like(outcome, { state: 'failed', code: 'capture-missing' })
  t.regex(outcome.detail ?? '', /pipe/)
  t.deepEqual(outcome.files?.map(({ name }) => name), ['there'])
})

test('an output larger than its head is kept whole, by its CID, and comes before the outcome', async (t) => {
  const { agent, directory, driver } = await openWorkbench(t)
  const order = scriptOrder('i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done; echo oops >&2\n')
  await agent.send({ kind: 'order', bundle: order.bundle })
  const { stdout, stderr } = await agent.outcome(order.id)
  const cid = stdout?.cid ?? ''
  const whole = agent.outputs.get(cid) ?? new Uint8Array()
  t.is(stdout?.sizeBytes, whole.length)
  t.is(stdout?.keptBytes, stdout?.sizeBytes)
  t.is(stdout?.head.length, limits.output.headBytesMax)
  t.is(rawCidOf(sha256(whole)).toString(), cid)
  t.is(stderr?.cid, null)
  t.deepEqual(agent.kinds().slice(-2), ['output-chunk', 'statement'])
  await driver.allKept()
  await eventually(() => readdir(path.join(directory, 'outputs')), (left) => left.length === 0)
})

test('an order that comes again is answered with its outcome and does not run again', async (t) => {
  const { agent, directory } = await openWorkbench(t)
  const order = scriptOrder(`mkdir ${path.join(directory, 'once')}\n`)
  await agent.send({ kind: 'order', bundle: order.bundle })
  await agent.send({ kind: 'order', bundle: order.bundle })
  await agent.outcome(order.id)
  await agent.send({ kind: 'order', bundle: order.bundle })
  await eventually(() => agent.states(order.id), (states) => states.length >= 3)
  t.deepEqual(agent.states(order.id), ['running', 'succeeded', 'succeeded'])
})

test('statements that were not kept are said again to the next agent, in order, with their outputs', async (t) => {
  const bench = await openWorkbench(t, { agent: { keeps: false } })
  const order = scriptOrder('head -c 10000 /dev/zero\n')
  await bench.agent.send({ kind: 'order', bundle: order.bundle })
  const { stdout } = await bench.agent.outcome(order.id)
  bench.agent.leave()
  const next = bench.attach()
  await next.outcome(order.id)
  t.deepEqual(next.states(order.id), ['running', 'succeeded'])
  t.is(next.outputs.get(stdout?.cid ?? '')?.length, 10_000)
  await bench.driver.allKept()
  const third = bench.attach()
  await third.hears('ready')
  t.deepEqual(third.statements(), [])
})

test('a payload half brought by an agent that ended is asked for again', async (t) => {
  const order = scriptOrder(Buffer.concat([Buffer.from('exit 0\n'), Buffer.alloc(200_000, 10)]))
  const bench = await openWorkbench(t)
  await bench.agent.send({ kind: 'order', bundle: order.bundle })
  await bench.agent.hears('payload-wanted')
  await bench.agent.send({ kind: 'payload-chunk', indication: order.id, offset: 0, bytes: order.payload.slice(0, 1000) })
  bench.agent.leave()
  const next = bench.attach({ payloads: new Map([[order.id, order.payload]]) })
  t.is((await next.outcome(order.id)).state, 'succeeded')
})

test('a job that runs does not notice that its agent ends', async (t) => {
  const bench = await openWorkbench(t)
  const gate = path.join(bench.directory, 'gate')
  const order = scriptOrder(`until [ -e ${gate} ]; do sleep 0.02; done\n`)
  await bench.agent.send({ kind: 'order', bundle: order.bundle })
  await bench.agent.hears('statement')
  bench.agent.leave()
  await mkdir(gate)
  const next = bench.attach()
  t.is((await next.outcome(order.id)).state, 'succeeded')
})

test('a cancel kills the running process group', async (t) => {
  const { agent, directory } = await openWorkbench(t)
  const order = scriptOrder(`(sleep 0.3; mkdir ${path.join(directory, 'survived')}) & wait\n`)
  await agent.send({ kind: 'order', bundle: order.bundle })
  await agent.hears('statement')
  await agent.send({ kind: 'control', control: cancelOf(order) })
  t.is((await agent.outcome(order.id)).state, 'cancelled')
  const sentinel = commandOrder(['sleep', '0.4'])
  await agent.send({ kind: 'order', bundle: sentinel.bundle })
  await agent.outcome(sentinel.id)
  await t.throwsAsync(access(path.join(directory, 'survived')))
})

test('an order that comes with its cancel never starts', async (t) => {
  const { agent } = await openWorkbench(t)
  const plain = commandOrder(['true'])
  await agent.send({ kind: 'order', bundle: { ...plain.bundle, controls: [cancelOf(plain)] } })
  t.is((await agent.outcome(plain.id)).state, 'cancelled')
  t.deepEqual(agent.states(plain.id), ['cancelled'])
})

test('at a stop a running job is interrupted after its grace, and its statement waits for the next executor', async (t) => {
  const store = new MemoryStore()
  const first = await openWorkbench(t, { store, agent: { keeps: false } })
  const order = commandOrder(['sleep', '60'])
  const again = commandOrder(['sleep', '60'], { idempotent: true })
  await first.agent.send({ kind: 'order', bundle: order.bundle })
  await first.agent.send({ kind: 'order', bundle: again.bundle })
  await first.agent.hears('statement', 2)
  await first.driver.stop()
  const second = await openWorkbench(t, { store, agent: { payloads: new Map([[again.id, again.payload]]) } })
  const outcome = await second.agent.outcome(order.id)
  t.deepEqual([outcome.state, outcome.code], ['interrupted', 'stopped'])
  await second.agent.hears('statement', 4)
  await second.agent.send({ kind: 'control', control: cancelOf(again) })
  await second.agent.outcome(again.id)
  t.deepEqual(second.agent.states(again.id), ['running', 'running', 'cancelled'])
})

test('a journal that fails otherwise than by a full disk ends the executor before anything is spawned', async (t) => {
  class BrokenStore extends MemoryStore {
    override async write(changes: Parameters<MemoryStore['write']>[0], options: { durable: boolean }): Promise<void> {
      if (options.durable) throw new Error('out of its mind')
      await super.write(changes, options)
    }
  }
  let spawned = 0
  const { agent, failures } = await openWorkbench(t, {
    store: new BrokenStore(),
    runner: (real) => ({
      start(request) {
        spawned += 1
        return real.start(request)
      }
    })
  })
  await agent.send({ kind: 'order', bundle: commandOrder(['true']).bundle })
  await eventually(() => failures.length, (count) => count === 1)
  t.is(spawned, 0)
})

test('the next message of an agent is not read before the word that orders may start was acted upon', async (t) => {
  const gate = Promise.withResolvers<void>()
  class GatedStore extends MemoryStore {
    isGated = false
    override async *entries(range: Range): AsyncIterable<readonly [string, Uint8Array]> {
      if (this.isGated) await gate.promise
      yield* super.entries(range)
    }
  }
  const store = new GatedStore()
  const { driver } = await openWorkbench(t, { store })
  store.isGated = true
  let isRead = false
  const read = driver.receive({ kind: 'caught-up' }).then(() => (isRead = true))
  await new Promise(setImmediate)
  t.false(isRead)
  gate.resolve()
  t.true(await read)
})
