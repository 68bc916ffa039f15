import test from 'ava'
import { silentLog } from '../../src/base/log.ts'
import { limits } from '../../src/base/limits.ts'
import { Outbox } from '../../src/executor/outbox.ts'
import { headOf } from '../../src/trust/charter-chain.ts'
import { keyFor, TestMesh } from '../fixtures/mesh.ts'
import type { Channel } from '../../src/executor/child-channel.ts'
import type { ToAgent } from '../../src/executor/ipc.ts'

const ready: ToAgent = { kind: 'ready', executor: keyFor('executor').key, charterVersion: 1, charterHead: headOf(new TestMesh().chain) }
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
  const outbox = new Outbox(channel, { chunks: () => t.fail('no output was named') as never } as never, silentLog)
  outbox.push(ready)
  for (let count = 0; count < limits.executor.outboxMax + 1000; count += 1) outbox.pushHint(hint)
  outbox.push(ready)
  reading.resolve()
  await done.promise
  t.is(sent.length, limits.executor.outboxMax + 2)
})
