import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { encodeCbor } from '../../src/base/codec.ts'
import { limits } from '../../src/base/limits.ts'
import { createCommandFormat } from '../../src/executor/command-format.ts'
import { computeEnvironment } from '../../src/executor/environment.ts'
import { signerFromSeed } from '../../src/record/keys.ts'
import { fileExecutables } from '../../src/executor/file-executables.ts'
import { createScriptFormat, parseInterpreter } from '../../src/executor/script-format.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { commandOrder } from './workbench.ts'
import type { Executables, Payload } from '../../src/executor/format.ts'

const installed = new Set(['/bin/sh', '/usr/bin/env', '/usr/bin/python3', 'python3', 'true'])
const executables: Executables = { find: async (name) => (installed.has(name) ? (name.startsWith('/') ? name : `/usr/bin/${name}`) : undefined) }

const payloadFrom = (bytes: Uint8Array): Payload => ({ path: '/cache/payload', sizeBytes: bytes.length, readHead: async (sizeBytesMax) => bytes.slice(0, sizeBytesMax) })

const { id: orderId } = commandOrder(['true'])
const script = createScriptFormat(executables)
const command = createCommandFormat(executables)

/** A script's beginning and what is started for it, or the code of its refusal. */
const isStarted = test.macro({
  async exec(t, text: string, expected: readonly string[] | string) {
    const launch = await script.prepare(payloadFrom(Buffer.from(text)), { id: orderId, searchPath: '/usr/bin', options: {} })
    t.deepEqual(launch.ok ? [launch.value.file, ...launch.value.args] : launch.code, expected)
  },
  title: (_, text: string, expected: readonly string[] | string) => `a script that begins with ${JSON.stringify(text.slice(0, 40))} is ${typeof expected === 'string' ? `refused: ${expected}` : `run by ${expected.join(' ')}`}`
})
test(isStarted, 'echo hello\n', ['/bin/sh', '/cache/payload'])
test(isStarted, '', ['/bin/sh', '/cache/payload'])
test(isStarted, '#', ['/bin/sh', '/cache/payload'])
test(isStarted, '#!/bin/sh\n', ['/bin/sh', '/cache/payload'])
test(isStarted, '#!/bin/sh', ['/bin/sh', '/cache/payload'])
test(isStarted, '#! /bin/sh -eu\nx', ['/bin/sh', '-eu', '/cache/payload'])
test(isStarted, '#!/bin/sh -e -u \n', ['/bin/sh', '-e -u', '/cache/payload'])
test(isStarted, '#!/usr/bin/env python3\n', ['/usr/bin/env', 'python3', '/cache/payload'])
test(isStarted, '#!/usr/bin/env -S python3 -u\n', ['/usr/bin/env', '-S python3 -u', '/cache/payload'])
test(isStarted, '#!/usr/bin/env ruby\n', 'prerequisite-missing')
test(isStarted, '#!/usr/bin/ruby\n', 'prerequisite-missing')
test(isStarted, '#!sh\n', 'bad-payload')
test(isStarted, '#!\n', 'bad-payload')
test(isStarted, '#!/bin/s\0h\n', 'bad-payload')
test(isStarted, `#!/bin/sh ${'x'.repeat(limits.executor.interpreterLineBytesMax)}\n`, 'bad-payload')

test('no first line makes the reader throw', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (tail) => t.is(typeof parseInterpreter(Uint8Array.of(0x23, 0x21, ...tail)).ok, 'boolean')))
})

const isRunBy = test.macro({
  async exec(t, options: Readonly<Record<string, string>>, expected: readonly string[] | string) {
    const launch = await script.prepare(payloadFrom(Buffer.from('#!/usr/bin/ruby\n')), { id: orderId, searchPath: '/usr/bin', options })
    t.deepEqual(launch.ok ? [launch.value.file, ...launch.value.args] : launch.code, expected)
  },
  title: (_, options: Readonly<Record<string, string>>, expected: readonly string[] | string) => `a script with the options ${JSON.stringify(options)} is ${typeof expected === 'string' ? `refused: ${expected}` : `run by ${expected.join(' ')}`}`
})
test(isRunBy, { interpreter: 'python3' }, ['/usr/bin/python3', '/cache/payload'])
test(isRunBy, { interpreter: '/bin/sh' }, ['/bin/sh', '/cache/payload'])
test(isRunBy, { interpreter: 'ruby' }, 'prerequisite-missing')
test(isRunBy, { interpreter: './python3' }, 'bad-options')
test(isRunBy, { interpreter: '-c' }, 'bad-options')
test(isRunBy, { to: '/etc' }, 'bad-options')

const isCommand = test.macro({
  async exec(t, value: unknown, expected: readonly string[] | string) {
    const launch = await command.prepare(payloadFrom(encodeCbor(value)), { id: orderId, searchPath: '/usr/bin', options: {} })
    t.deepEqual(launch.ok ? [launch.value.file, ...launch.value.args] : launch.code, expected)
  },
  title: (name = '') => `a command ${name}`
})
test('is found in the search path', isCommand, { argv: ['true', '-x', 'a b; c'] }, ['/usr/bin/true', '-x', 'a b; c'])
test('that is not there is refused', isCommand, { argv: ['missing'] }, 'prerequisite-missing')
test('without words is refused', isCommand, { argv: [] }, 'bad-payload')
test('with another field is refused', isCommand, { argv: ['true'], shell: true }, 'bad-payload')
test('with a zero byte is refused', isCommand, { argv: ['true', 'a\0b'] }, 'bad-payload')
test('that is no map is refused', isCommand, 'true', 'bad-payload')

test('a command over the limit is refused unread', async (t) => {
  const launch = await command.prepare({ path: '/', sizeBytes: limits.executor.commandBytesMax + 1, readHead: () => Promise.reject(new Error('read')) }, { id: orderId, searchPath: '', options: {} })
  t.is(launch.ok ? '' : launch.code, 'bad-payload')
})

test('programs are found by name and by path, when they are files that may be executed', async (t) => {
  const directory = await temporaryDirectory(t)
  const first = path.join(directory, 'first')
  const second = path.join(directory, 'second')
  await mkdir(path.join(first, 'tool'), { recursive: true })
  await mkdir(second)
  await writeFile(path.join(second, 'tool'), '')
  t.is(await fileExecutables.find('tool', `${first}:${second}`), undefined)
  await chmod(path.join(second, 'tool'), 0o755)
  t.is(await fileExecutables.find('tool', `${first}::relative:${second}`), path.join(second, 'tool'))
  t.is(await fileExecutables.find(path.join(second, 'tool'), ''), path.join(second, 'tool'))
  t.is(await fileExecutables.find('./tool', second), undefined)
  t.is(await fileExecutables.find('', second), undefined)
})

test('an order cannot take the names that Writ gives', (t) => {
  const { key } = signerFromSeed(new Uint8Array(32))
  const { id, indication } = commandOrder(['true'], { parameters: { path: 'p' }, environment: { PATH: '/opt/bin', WRIT_INDICATION: 'forged', WRIT_EXECUTOR: 'forged', WRIT_PARAM_PATH: 'forged' } })
  t.deepEqual(computeEnvironment({ executor: key, path: '/bin', home: '/root', lang: 'C' }, id, { body: indication.body, account: null, temporaryDirectory: '/tmp/x' }), {
    PATH: '/opt/bin', HOME: '/root', LANG: 'C', TMPDIR: '/tmp/x', WRIT_INDICATION: id, WRIT_EXECUTOR: key, WRIT_PARAM_PATH: 'p'
  })
})
