/**
 * A stand-in for the agent process: offers the orders that lie in its home, keeps every statement, and writes down
 * what it hears, one JSON line each. Ends with its pipe, as the real one does.
 */
import { appendFileSync, existsSync, readFileSync, readdirSync } from 'node:fs'
import { Socket } from 'node:net'
import path from 'node:path'
import { openChannel } from '../../src/executor/child-channel.ts'
import { decodeToAgent, decodeToExecutor, type ToAgent, type ToExecutor } from '../../src/executor/ipc.ts'
import { decodeRecord } from '../../src/record/record.ts'
import { statementKind } from '../../src/record/statement.ts'

const [home = ''] = process.argv.slice(2)
const note = (line: unknown): void => appendFileSync(path.join(home, 'heard'), `${JSON.stringify(line)}\n`)

const offerOrders = async (): Promise<void> => {
  const folder = path.join(home, 'orders')
  for (const name of existsSync(folder) ? readdirSync(folder).sort() : []) {
    const message = decodeToExecutor(readFileSync(path.join(folder, name)))
    if (message.ok) await channel.send(message.value)
  }
}

const hear = async (message: ToAgent): Promise<void> => {
  if (message.kind === 'ready') {
    note({ kind: 'ready', pid: process.pid })
    await channel.send({ kind: 'caught-up' })
    await offerOrders()
  }
  if (message.kind !== 'statement') return
  const statement = decodeRecord(statementKind, message.statement)
  if (!statement.ok) return note({ kind: 'bad statement', code: statement.code })
  const { state, code, indication } = statement.value.body
  note({ kind: 'statement', state, code, indication })
  await channel.send({ kind: 'kept', statement: statement.value.id })
}

const channel = openChannel<ToAgent, ToExecutor>(new Socket({ fd: 3, readable: true, writable: true }), decodeToAgent, {
  message: hear,
  malformed: (code) => note({ kind: 'malformed', code }),
  closed: () => process.exit(0)
})
