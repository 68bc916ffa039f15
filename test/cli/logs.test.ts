import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { concatBytes, toText, utf8 } from '../../src/base/bytes.ts'
import { prefixLines } from '../../src/cli/logs.ts'
import type { LogChunk } from '../../src/api/types.ts'
import { iterate, keyOf, output, queueRow, succeeded, view } from './fake-admin.ts'
import { transcript } from './transcript.ts'

const chunk = (agentName: string, stream: 'stdout' | 'stderr', text: string): LogChunk => ({ agentName, agent: keyOf(agentName), stream, bytes: utf8(text) })
const logs = ['logs', 'k3v9', '--home', '/a']

test('the output of one agent comes as it is, byte for byte', async (t) => {
  const bytes = Uint8Array.of(0xff, 0x00, 0x1b, 0x0a, 0xfe)
  const shown = await transcript([...logs, '--agent', 'web1'], { admin: { logs: () => iterate({ ...chunk('web1', 'stdout', ''), bytes }, chunk('web1', 'stderr', 'oops')) } })
  t.deepEqual(shown.terminal.stdoutBytes(), bytes)
  t.is(shown.stderr, 'oops')
  t.deepEqual(shown.admin.calls, [['logs', 'k3v9', { agent: 'web1' }]])
})

test('where only one of several agents wrote something nothing is put before its lines', async (t) => {
  const admin = { show: async () => view(succeeded('web1', 'a\n'), queueRow('web2', 'succeeded', { stdout: output('') })), logs: () => iterate(chunk('web1', 'stdout', 'a\n')) }
  t.is((await transcript(logs, { admin })).stdout, 'a\n')
})

test('the output of several agents has their names before each line, however it was cut in pieces', async (t) => {
  const chunks = [chunk('web1', 'stdout', 'a\nb'), chunk('web1', 'stdout', 'c\n\nno newline'), chunk('web1', 'stderr', 'bad\n'), chunk('web2', 'stdout', 'd\n')]
  const shown = await transcript(logs, { admin: { show: async () => view(succeeded('web1', 'a'), succeeded('web2', 'd')), logs: () => iterate(...chunks) } })
  t.is(shown.stdout, 'web1: a\nweb1: bc\nweb1: \nweb1: no newline\nweb2: d\n')
  t.is(shown.stderr, 'web1: bad\n')
})

test('a captured file comes instead of the output, with names before its lines where several nodes left it', async (t) => {
  const left = (agentName: string) => ({ ...succeeded(agentName, 'output'), files: [{ name: 'a.txt', output: output('a\n') }] })
  const admin = { show: async () => view(left('web1'), left('web2')), logs: () => iterate(chunk('web1', 'stdout', 'a\n'), chunk('web2', 'stdout', 'a\n')) }
  const shown = await transcript([...logs, '--file', 'a.txt'], { admin })
  t.is(shown.stdout, 'web1: a\nweb2: a\n')
  t.deepEqual(shown.admin.calls.at(-1), ['logs', 'k3v9', { file: 'a.txt' }])
  const none = await transcript([...logs, '--file', 'b.txt'], { admin: { ...admin, logs: () => iterate() } })
  t.is(none.stderr, 'no captured file b.txt, or an empty one\n')
})

test('no output at all is told on stderr', async (t) => {
  const shown = await transcript([...logs, '--agent', 'web1'], { admin: { show: async () => view(succeeded('web1', '')), logs: () => iterate() } })
  t.is(shown.stdout, '')
  t.is(shown.stderr, 'no output\n')
})

test('where an agent has not ended, that is why there is no output', async (t) => {
  const show = async () => view(queueRow('web1', 'running'), succeeded('web2', ''))
  t.is((await transcript([...logs, '--agent', 'web1'], { admin: { show, logs: () => iterate() } })).stderr, 'no output yet: it has not ended on web1\n')
  t.is((await transcript([...logs, '--agent', 'web2'], { admin: { show, logs: () => iterate() } })).stderr, 'no output\n')
})

test('prefixed lines and the rest hold every byte once', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ max: 12 }), (bytes) => {
      const { lines, rest } = prefixLines(new Uint8Array(), bytes)
      return toText(concatBytes([lines, rest])) === toText(bytes) && !rest.includes(10) && (lines.length === 0 || lines.at(-1) === 10)
    })
  )
  t.pass()
})
