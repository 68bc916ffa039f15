/** Orders of the format `files`, with the real job program. */
import test from 'ava'
import { chmod, lstat, mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { packTree } from '../../src/api/file-tree.ts'
import { concatBytes, toText } from '../../src/base/bytes.ts'
import { eventually } from '../fixtures/eventually.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { cancelOf, openWorkbench, orderFrom, type Workbench } from './workbench.ts'
import type { StatementBody } from '../../src/record/statement.ts'

const textOf = (output: StatementBody['stdout']): string => toText(output?.head ?? new Uint8Array())

/** A tree of one file in one folder, which says the same in two places. */
const treeOf = async (directory: string, text: string, owner: string | null = null): Promise<Uint8Array> => {
  const source = path.join(directory, `source-${text}`)
  await mkdir(path.join(source, 'sub'), { recursive: true })
  await writeFile(path.join(source, 'first'), text)
  await writeFile(path.join(source, 'sub/second'), text)
  await chmod(path.join(source, 'first'), 0o640)
  return concatBytes(await Array.fromAsync((await packTree(source, { owner, group: null })).bytes))
}

const place = async (bench: Workbench, payload: Uint8Array, options: Readonly<Record<string, string>>, change: Parameters<typeof orderFrom>[1] = {}) => {
  const order = orderFrom(payload, { format: 'files', options, ...change })
  await bench.agent.send({ kind: 'order', bundle: order.bundle })
  return bench.agent.outcome(order.id)
}

const open = async (t: Parameters<typeof openWorkbench>[0]) => {
  const directory = await temporaryDirectory(t)
  const bench = await openWorkbench(t, { options: { killGraceMs: 10_000 } }) // on a slow machine too it may put right what it began
  await mkdir(path.join(directory, 'etc'))
  const to = path.join(directory, 'etc/app')
  return { directory, bench, to, beside: async () => (await readdir(path.dirname(to))).sort(), saying: () => readFile(path.join(to, 'sub/second'), 'utf8') }
}

test('a tree is placed with its modes, and the one before it is kept', async (t) => {
  const { directory, bench, to, beside, saying } = await open(t)
  const first = await place(bench, await treeOf(directory, 'one'), { to })
  t.is(first.state, 'succeeded', textOf(first.stderr))
  t.deepEqual(JSON.parse(textOf(first.stdout)), { to, files: 2, sizeBytes: 6, previous: null })
  t.is((await lstat(path.join(to, 'first'))).mode & 0o7777, 0o640)
  const previous = path.join(directory, 'etc/.app.writ-previous')
  for (const text of ['two', 'three']) {
    const next = await place(bench, await treeOf(directory, text), { to, postCheck: `grep -q ${text} ${to}/first` })
    t.is(next.state, 'succeeded', textOf(next.stderr))
    t.is(await saying(), text)
    t.like(JSON.parse(textOf(next.stdout)), { previous })
  }
  t.is(await readFile(path.join(previous, 'first'), 'utf8'), 'two')
  t.deepEqual(await beside(), ['.app.writ-previous', 'app'])
})

test('where the post-check fails, what was before is there again', async (t) => {
  const { directory, bench, to, beside, saying } = await open(t)
  const never = await place(bench, await treeOf(directory, 'zero'), { to, postCheck: 'false' })
  t.is(never.state, 'failed')
  t.regex(textOf(never.stderr), /\[post-check-failed\]/)
  t.deepEqual(await beside(), [])
  await place(bench, await treeOf(directory, 'one'), { to })
  const failed = await place(bench, await treeOf(directory, 'two'), { to, postCheck: `cat ${to}/first; exit 7` })
  t.like(failed, { state: 'failed', code: 'unexpected-exit' })
  t.is(textOf(failed.stdout), 'two')
  t.regex(textOf(failed.stderr), /exit code 7/)
  t.is(await saying(), 'one')
  t.deepEqual(await beside(), ['app'])
})

const takesBack = test.macro({
  async exec(t, postCheck: string) {
    const { directory, bench, to, beside, saying } = await open(t)
    await place(bench, await treeOf(directory, 'one'), { to })
    const order = orderFrom(await treeOf(directory, 'two'), { format: 'files', options: { to, postCheck: `touch ${directory}/checking; ${postCheck}` } })
    await bench.agent.send({ kind: 'order', bundle: order.bundle })
    await eventually(() => readdir(directory), (names) => names.includes('checking'), 20_000)
    t.is(await saying(), 'two')
    await bench.agent.send({ kind: 'control', control: cancelOf(order) })
    t.is((await bench.agent.outcome(order.id)).state, 'cancelled')
    t.is(await saying(), 'one')
    t.deepEqual(await beside(), ['app'])
  },
  title: (_, postCheck: string = '') => `an order that is cancelled during its post-check takes its tree back: ${postCheck}`
})
test(takesBack, 'exec sleep 60')
test(takesBack, "trap '' TERM; sleep 60; sleep 60")

test('a reader finds one tree or the other at any time', async (t) => {
  const { directory, bench, to } = await open(t)
  await place(bench, await treeOf(directory, 'even'), { to })
  const trees = [await treeOf(directory, 'odd'), await treeOf(directory, 'even')]
  const done = new AbortController()
  const reading = (async () => {
    let reads = 0
    for (; !done.signal.aborted; reads += 1) {
      t.regex(readFileSync(path.join(to, 'first'), 'utf8'), /^(?:odd|even)$/)
      if (reads % 50 === 0) await setImmediate()
    }
    return reads
  })()
  for (const tree of [...trees, ...trees]) t.is((await place(bench, tree, { to })).state, 'succeeded')
  done.abort()
  t.true((await reading) > 100)
})

test('a tree that an interrupted order left unchecked is taken back before the next one', async (t) => {
  const { directory, bench, to, beside, saying } = await open(t)
  for (const text of ['good', 'unchecked']) await place(bench, await treeOf(directory, text), { to })
  // As a power cut during the post-check leaves it.
  await rename(path.join(directory, 'etc/.app.writ-previous'), path.join(directory, `etc/.app.writ-swap-${(await lstat(to)).ino}`))
  await mkdir(path.join(directory, 'etc/.app.writ-new/half'), { recursive: true })
  const failed = await place(bench, await treeOf(directory, 'worse'), { to, postCheck: 'false' })
  t.is(failed.state, 'failed')
  t.is(await saying(), 'good')
  t.deepEqual(await beside(), ['app'])
})

test('two orders for one place follow each other', async (t) => {
  const { directory, bench, to, beside, saying } = await open(t)
  const texts = ['one', 'two']
  const trees = await Promise.all(texts.map((text) => treeOf(directory, text)))
  const outcomes = await Promise.all(trees.map((tree) => place(bench, tree, { to })))
  t.deepEqual(outcomes.map(({ state }) => state), ['succeeded', 'succeeded'])
  t.true(texts.includes(await saying()))
  t.deepEqual(await beside(), ['.app.writ-previous', 'app'])
})

const isRefused = test.macro({
  async exec(t, change: { readonly options?: (to: string) => Readonly<Record<string, string>>; readonly owner?: string; readonly before?: (to: string) => Promise<unknown> }, expected: string) {
    const { directory, bench, to } = await open(t)
    await change.before?.(to)
    const outcome = await place(bench, await treeOf(directory, 'one', change.owner ?? null), change.options?.(to) ?? { to })
    t.true([outcome.code, textOf(outcome.stderr)].some((text) => text?.includes(expected)), `${outcome.code} ${textOf(outcome.stderr)}`)
    t.deepEqual((await readdir(path.dirname(to))).filter((name) => name.includes('writ')), [])
  },
  title: (name = '', _change, expected) => `files for ${name} are refused: ${expected}`
})
test('a place that is a file', isRefused, { before: (to) => writeFile(to, 'a file') }, 'bad-destination')
test('a place that nothing holds', isRefused, { options: (to) => ({ to: `${to}/none/app` }) }, 'bad-destination')
test('no place', isRefused, { options: () => ({}) }, 'bad-options')
test('a relative place', isRefused, { options: () => ({ to: 'etc/app' }) }, 'bad-options')
test('an option that there is not', isRefused, { options: (to) => ({ to, force: 'yes' }) }, 'bad-options')
test('a user that there is not', isRefused, { owner: 'no-such-user' }, 'unknown-owner')

test('a payload that is no tree is refused before anything runs', async (t) => {
  const { bench, to } = await open(t)
  t.like(await place(bench, Buffer.from('no tree at all'), { to }), { state: 'rejected', code: 'bad-tree' })
  await eventually(() => readdir(path.dirname(to)), (names) => names.length === 0)
})
