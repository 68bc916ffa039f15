/**
 * An agent process in the hands of an attacker: writes whatever its plan says, byte for byte, and writes down what it
 * hears. It keeps no statement, ignores SIGTERM and does not end with its pipe, only with its executor.
 */
import { appendFileSync, readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import path from 'node:path'
import { FrameDecoder } from '../../src/base/framing.ts'
import { limits } from '../../src/base/limits.ts'
import { decodeToAgent, type ToAgent } from '../../src/executor/ipc.ts'
import { decodeRecord } from '../../src/record/record.ts'
import { statementKind } from '../../src/record/statement.ts'
import { planFile, type Deed, type Plan } from './hostile-plan.ts'

const chunkBytes = 64 << 10
const [home = ''] = process.argv.slice(2)
const note = (line: unknown): void => appendFileSync(path.join(home, 'heard'), `${JSON.stringify(line)}\n`)
const pipe = new Socket({ fd: 3, readable: true, writable: true })
pipe.on('error', () => undefined) // an executor that has had enough closes it
process.on('SIGTERM', () => undefined)

const executor = process.ppid
setInterval(() => (process.ppid === executor ? undefined : process.exit(0)), 50)

const counts = new Map<string, number>()
let moreHeard = (): void => undefined

const hear = (message: ToAgent): void => {
  counts.set(message.kind, (counts.get(message.kind) ?? 0) + 1)
  moreHeard()
  if (message.kind === 'refused') note({ kind: message.kind, code: message.code, indication: message.indication })
  if (message.kind !== 'statement') return
  const statement = decodeRecord(statementKind, message.statement)
  if (!statement.ok) return note({ kind: 'bad statement', code: statement.code })
  const { state, code, indication } = statement.value.body
  note({ kind: 'statement', state, code, indication })
}

const readPipe = (): void => {
  const frames = new FrameDecoder(limits.executor.frameBytesMax)
  pipe.on('data', (chunk: Uint8Array) => {
    const completed = frames.push(chunk)
    for (const frame of completed.ok ? completed.value : []) {
      const message = decodeToAgent(frame)
      if (message.ok) hear(message.value)
    }
  })
}

const write = (bytes: Uint8Array): Promise<void> => new Promise((resolve) => pipe.write(bytes, () => resolve()))

const perform = async (deed: Deed): Promise<void> => {
  if (deed.kind === 'die') process.exit(1)
  if (deed.kind === 'await') {
    while ((counts.get(deed.heard) ?? 0) < deed.times) await new Promise<void>((resolve) => (moreHeard = resolve))
    return
  }
  const bytes = Buffer.from(deed.base64, 'base64')
  const together = deed.apart ? 1 : Math.max(1, Math.floor(chunkBytes / bytes.length))
  for (let left = deed.times; left > 0 && pipe.writable; left -= together) await write(Buffer.concat(Array.from({ length: Math.min(left, together) }, () => bytes)))
}

const plan = JSON.parse(readFileSync(path.join(home, planFile), 'utf8')) as Plan
note({ kind: 'hostile', pid: process.pid })
if (plan.reads) readPipe()
for (const deed of plan.deeds) await perform(deed)
note({ kind: 'done' })
