import test from 'ava'
import { toText, utf8 } from '../../src/base/bytes.ts'
import { silentLog } from '../../src/base/log.ts'
import { limits } from '../../src/base/limits.ts'
import { Outbox } from '../../src/executor/outbox.ts'
import { headOf } from '../../src/trust/charter-chain.ts'
import { keyFor, TestMesh } from '../fixtures/mesh.ts'
import { eventually } from '../fixtures/eventually.ts'
import type { Channel } from '../../src/executor/child-channel.ts'
import type { KeptOutputs } from '../../src/executor/file-output.ts'
import type { Statement } from '../../src/executor/journal.ts'
import type { ToAgent } from '../../src/executor/ipc.ts'

const ready: ToAgent = { kind: 'ready', executor: keyFor('executor').key, charterVersion: 1, charterHead: headOf(new TestMesh().chain) }
const statement = (id: string): Statement => ({ id, body: { stdout: null, stderr: null }, bytes: utf8(id) }) as never
const noOutputs: KeptOutputs = { readKept: async ({ head }) => head, async *chunks() {}, claim: () => undefined, release: async () => undefined }
const hint: ToAgent = { kind: 'refused', indication: null, code: 'busy', detail: '' }

test('an agent that does not read is kept no more answers than the bound; what it must hear is kept all the same', async (t) => {
  const reading = Promise.withResolvers<void>()
  const done = Promise.withResolvers<void>()
  const sent: ToAgent[] = []
  const channel: Channel<ToAgent> = {
    send: async (message) => {
      await reading.promise
      sent.push(message)
      if (message.kind === 'ready' && sent.length > 1) done.resolve()
      return true
    },
    close: () => t.fail('the channel was closed')
  }
  const outbox = new Outbox(channel, noOutputs, silentLog)
  outbox.push(ready)
  for (let count = 0; count < limits.executor.outboxMax + 1000; count += 1) outbox.pushHint(hint)
  outbox.push(ready)
  reading.resolve()
  await done.promise
  t.is(sent.length, limits.executor.outboxMax + 2)
})

test('a statement that waits to be read is not said twice, and is said again when it was read', async (t) => {
  const reading = Promise.withResolvers<void>()
  const sent: string[] = []
  const channel: Channel<ToAgent> = {
    send: async (message) => {
      await reading.promise
      if (message.kind === 'statement') sent.push(toText(message.statement))
      return true
    },
    close: () => t.fail('the channel was closed')
  }
  const outbox = new Outbox(channel, noOutputs, silentLog)
  for (const id of ['a', 'b', 'a', 'b']) outbox.pushStatement(statement(id))
  reading.resolve()
  await eventually(() => sent, ({ length }) => length === 2)
  outbox.pushStatement(statement('a'))
  await eventually(() => sent, ({ length }) => length === 3)
  t.deepEqual(sent, ['a', 'b', 'a'])
})
