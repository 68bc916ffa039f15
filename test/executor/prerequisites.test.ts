import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { chmod, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createMachine } from '../../src/executor/child-machine.ts'
import { probe } from '../../src/executor/child-probe.ts'
import { checkFreeDisk, checkPrerequisites, type Machine } from '../../src/executor/prerequisites.ts'
import { compareVersions, findVersion } from '../../src/executor/version.ts'
import { checkShape } from '../../src/base/schema.ts'
import { prerequisitesSchema, type Prerequisites } from '../../src/record/indication.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { commandOrder, openWorkbench } from './workbench.ts'
import type { Executables } from '../../src/executor/format.ts'

const executables: Executables = { find: async (name) => (['git', 'tar', 'mute', '/opt/app'].includes(name) ? `/bin/${path.basename(name)}` : undefined) }
const machine: Machine = {
  versionOf: async (file) => new Map([['/bin/git', '2.30.2'], ['/bin/app', '7']]).get(file),
  diskOf: async (place) => new Map([[null, { device: 1, freeBytes: 1000 }], ['/srv', { device: 1, freeBytes: 1000 }], ['/var', { device: 2, freeBytes: 500 }]]).get(place),
  facts: async () => ({ osId: 'debian', osVersion: '12', memoryBytes: 2048, kernel: '6.1.0-9-amd64' })
}

const isMet = test.macro({
  async exec(t, change: Partial<Prerequisites>, detail: RegExp | null) {
    const demanded = { executables: [], ...change }
    t.true(checkShape(prerequisitesSchema, demanded).ok)
    const checked = await checkPrerequisites(machine, executables, demanded, { searchPath: '/bin', enter: [] })
    if (detail === null) return t.true(checked.ok, checked.ok ? '' : checked.detail)
    t.like(checked, { ok: false, code: 'prerequisite-missing' })
    return t.regex(checked.ok ? '' : checked.detail, detail)
  },
  title: (_, change: Partial<Prerequisites>, detail: RegExp | null) => `${JSON.stringify(change)} is ${detail === null ? 'met' : `missing: ${detail.source}`}`
})
test(isMet, {}, null)
test(isMet, { executables: ['git', '/opt/app'] }, null)
test(isMet, { executables: ['git', 'svn'] }, /no executable svn in the PATH/)
test(isMet, { versions: { git: '2.30', '/opt/app': '7.0' } }, null)
test(isMet, { versions: { git: '2.30.10' } }, /version 2\.30\.2, at least 2\.30\.10/)
test(isMet, { versions: { mute: '1' } }, /does not say its version/)
test(isMet, { versions: { svn: '1' } }, /no executable svn/)
test(isMet, { freeDisk: [{ path: null, sizeBytes: 1000 }, { path: '/var', sizeBytes: 500 }] }, null)
test(isMet, { freeDisk: [{ path: null, sizeBytes: 1001 }] }, /1000 bytes are free at the home of this node, 1001/)
test(isMet, { freeDisk: [{ path: '/none', sizeBytes: 0 }] }, /there is no \/none/)
test(isMet, { facts: [{ name: 'osId', relation: '=', value: 'debian' }, { name: 'osVersion', relation: '>=', value: '11.6' }, { name: 'memoryBytes', relation: '>=', value: '2048' }, { name: 'osId', relation: '!=', value: 'ubuntu' }] }, null)
test(isMet, { facts: [{ name: 'osId', relation: '=', value: 'ubuntu' }] }, /osId is debian, = ubuntu/)
test(isMet, { facts: [{ name: 'osId', relation: '!=', value: 'debian' }] }, /osId is debian/)
test(isMet, { facts: [{ name: 'osVersion', relation: '>=', value: '12.1' }] }, /osVersion is 12/)
test(isMet, { facts: [{ name: 'osId', relation: '>=', value: '1' }] }, /osId is debian/)
test(isMet, { facts: [{ name: 'constructor', relation: '!=', value: 'x' }] }, /knows no fact constructor/)

test('what is about to come counts against the file system of the home alone', async (t) => {
  const demand = (place: string | null, sizeBytes: number): Prerequisites => ({ executables: [], freeDisk: [{ path: place, sizeBytes }] })
  t.true((await checkFreeDisk(machine, demand(null, 900), 100)).ok)
  t.false((await checkFreeDisk(machine, demand(null, 901), 100)).ok)
  t.false((await checkFreeDisk(machine, demand('/srv', 901), 100)).ok)
  t.true((await checkFreeDisk(machine, demand('/var', 500), 100)).ok)
  t.true((await checkFreeDisk(machine, { executables: [] }, 1e12)).ok, 'who demands nothing waits for a full disk')
})

test('versions are ordered number by number', (t) => {
  const numbers = fc.array(fc.nat(30), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(numbers, numbers, (left, right) => {
      const expected = [0, 1, 2, 3].map((index) => Math.sign((left[index] ?? 0) - (right[index] ?? 0))).find((sign) => sign !== 0) ?? 0
      t.is(compareVersions(left.join('.'), right.join('.')), expected as -1 | 0 | 1)
    })
  )
  t.is(compareVersions('99999999999999999999.1', '99999999999999999998.2'), 1)
})

const says = test.macro({ exec: (t, text: string, version: string | undefined) => t.is(findVersion(text), version), title: (_, text) => `the version in: ${text}` })
test(says, 'git version 2.39.5', '2.39.5')
test(says, 'This is perl 5, version 36, subversion 0 (v5.36.0) built', '5.36.0')
test(says, 'GNU bash, version 5.2.15(1)-release', '5.2.15')
test(says, 'less 590 (GNU regular expressions)', '590')
test(says, 'no number at all', undefined)

test('a program is asked for its version, and one that fails or hangs says none', async (t) => {
  const directory = await temporaryDirectory(t)
  const program = async (name: string, text: string): Promise<string> => {
    const file = path.join(directory, name)
    await writeFile(file, text)
    await chmod(file, 0o755)
    return file
  }
  const real = createMachine(directory, { PATH: '/usr/bin:/bin' })
  t.is(await real.versionOf(await program('good', '#!/bin/sh\n[ "$1" = --version ] && echo good 1.2.3 >&2\n'), []), '1.2.3')
  t.is(await real.versionOf(await program('bad', '#!/bin/sh\necho bad 1.2.3\nexit 1\n'), []), undefined)
  t.is(await real.versionOf(path.join(directory, 'none'), []), undefined)
  t.true(((await real.diskOf(null))?.freeBytes ?? 0) > 0)
  t.is(await real.diskOf(path.join(directory, 'none')), undefined)
  const facts = await real.facts()
  t.is(facts['platform'], process.platform)
  const hung = await probe(await program('hangs', '#!/bin/sh\nsleep 60 & sleep 60\n'), [], { environment: { PATH: '/usr/bin:/bin' }, timeoutMs: 200 })
  t.is(hung.exitCode, null)
  t.regex(hung.problem, /200 ms/)
})

test('an order is rejected before its payload is fetched where that would take the room it asks for', async (t) => {
  const bench = await openWorkbench(t, { machine: { diskOf: async () => ({ device: 1, freeBytes: 1000 }) } })
  const order = commandOrder(['true'], { prerequisites: { executables: [], freeDisk: [{ path: null, sizeBytes: 999 }] } })
  await bench.agent.send({ kind: 'order', bundle: { ...order.bundle, payload: null } })
  t.like(await bench.agent.outcome(order.id), { state: 'rejected', code: 'prerequisite-missing' })
  t.false(bench.agent.kinds().includes('payload-wanted'))
})
