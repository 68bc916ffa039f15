import { PassThrough } from 'node:stream'
import test from 'ava'
import { stripVTControlCharacters } from 'node:util'
import { createLiveBlock } from '../../src/cli/live-block.ts'
import { createPlainProgress, waitingText } from '../../src/cli/progress.ts'
import { createBar } from '../../src/cli/system-progress.ts'
import { queueRow, succeeded, view } from './fake-admin.ts'
import { createFakeTerminal } from './fake-terminal.ts'

const begun = view(queueRow('web1', 'queued'), queueRow('web2', 'running'))
const ended = view(succeeded('web1', ''), succeeded('web2', ''))

test('who runs is named before who has not begun, and the rest is counted', (t) => {
  t.is(waitingText(begun), 'waiting for web2, web1')
  t.is(waitingText(view(...['a', 'b', 'c', 'd', 'e', 'f'].map((name) => queueRow(name, 'queued')))), 'waiting for a, b, c, d and 2 more')
  t.is(waitingText(ended), '')
})

test('plain progress tells changes only, and at most one a second', (t) => {
  const terminal = createFakeTerminal()
  const clock = { time: 0, now: () => clock.time }
  const progress = createPlainProgress(terminal, clock)
  const updateAt = (time: number, seen: typeof begun): void => {
    clock.time = time
    progress.update(seen)
  }
  updateAt(0, begun)
  updateAt(5000, begun)
  updateAt(5100, view(queueRow('web1', 'running'), queueRow('web2', 'running')))
  updateAt(5200, ended)
  updateAt(6200, ended)
  t.is(terminal.stderrText(), '0 of 2 ended; 1 running, 1 queued; waiting for web2, web1\n0 of 2 ended; 2 running; waiting for web1, web2\n2 of 2 ended; 2 succeeded\n')
})

test('plain progress tells of an upload only when it is one worth waiting for', (t) => {
  const terminal = createFakeTerminal()
  const progress = createPlainProgress(terminal, { now: () => 0 })
  progress.submitting({ kind: 'uploading', sentBytes: 0, sizeBytes: 100 })
  progress.submitting({ kind: 'accepted', endpoint: 'e1' })
  t.is(terminal.stderrText(), '')
  progress.submitting({ kind: 'uploading', sentBytes: 1_048_576, sizeBytes: 33_554_432 })
  t.is(terminal.stderrText(), 'sending the payload: 1.0 MiB of 32.0 MiB\n')
})

test('the bar shows counts and who is waited for, can be stopped and begun again, and leaves its line empty', (t) => {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 120 })
  const bar = createBar(stream)
  bar.stop()
  bar.update(begun)
  bar.stop()
  const drawn = String(stream.read())
  t.true(stripVTControlCharacters(drawn).includes('[------------------------] 0/2  1 running, 1 queued; waiting for web2, web1'))
  t.true(drawn.endsWith('\u001B[1G\u001B[2K'))
  bar.update(ended)
  bar.stop()
  bar.stop()
  t.true(String(stream.read()).includes('[########################] 2/2  2 succeeded'))
})

test('a live block is never taller than the screen and is redrawn over itself', async (t) => {
  const terminal = createFakeTerminal({ isTerminal: true, rows: 5 })
  const block = createLiveBlock(terminal.stdout)
  await block.draw(['a'])
  await block.draw(['1', '2', '3', '4'])
  await block.clear()
  await block.clear()
  t.is(terminal.stdoutText(), '\u001B[?7la\n\u001B[?7h\u001B[1A\u001B[J\u001B[?7l1\n2\n… and 2 more\n\u001B[?7h\u001B[3A\u001B[J')
})
