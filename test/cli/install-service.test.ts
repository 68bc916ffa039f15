import test from 'ava'
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { renderUnit, type Service } from '../../src/cli/service-unit.ts'
import { temporaryDirectory } from '../fixtures/temporary-directory.ts'
import { transcript } from './transcript.ts'

const service: Service = { command: ['/usr/bin/node', '/opt/writ/writ.js', 'start', '--home', '/var/lib/my writ'], node: 'web1', mesh: 'prod', stopGraceMs: 10_000 }
const describeService = async (): Promise<Service> => service

test('writ install-service prints the unit and nothing else', async (t) => {
  const shown = await transcript(['install-service', '--home', '/var/lib/my writ'], { deps: { describeService } })
  t.is(shown.stdout, renderUnit(service, null))
  t.is(shown.stderr, '')
  t.regex(shown.stdout, /^ExecStart="\/usr\/bin\/node" "\/opt\/writ\/writ\.js" "start" "--home" "\/var\/lib\/my writ"$/m)
  t.regex(shown.stdout, /^KillMode=mixed\nTimeoutStopSec=25\nDelegate=yes$/m)
  t.notRegex(shown.stdout, /^User=/m)
})

test('writ install-service --write writes it, and says what comes next', async (t) => {
  const written: string[] = []
  const shown = await transcript(['install-service', '--home', '/h', '--user', 'writ', '--write', '/etc/systemd/system/writ.service'], { deps: { describeService, writeUnit: (file, text) => written.push(file, text) } })
  t.deepEqual(written, ['/etc/systemd/system/writ.service', renderUnit(service, 'writ')])
  t.regex(written[1] ?? '', /^User=writ$/m)
  t.is(shown.stdout, '')
  t.regex(shown.stderr, /systemctl enable --now writ\.service/)
})

test('a user that is none is refused', async (t) => {
  const shown = await transcript(['install-service', '--home', '/h', '--user', 'writ\nExecStart=/bin/sh'], { deps: { describeService } })
  t.is(shown.exitCode, 2)
})

test('what systemd would take for its own is quoted', (t) => {
  const unit = renderUnit({ ...service, command: ['/usr/bin/node', '/srv/100%/$HOME/"a"\\b'] }, null)
  t.true(unit.includes('"/srv/100%%/$$HOME/\\"a\\"\\\\b"'))
})

const analyzer = '/usr/bin/systemd-analyze'

test('systemd accepts the unit', async (t) => {
  if (!existsSync(analyzer)) return t.pass('there is no systemd here')
  const file = path.join(await temporaryDirectory(t), 'writ.service')
  writeFileSync(file, renderUnit({ ...service, command: [process.execPath, '/opt/a b/100%.js', 'start'] }, 'root'))
  t.notThrows(() => execFileSync(analyzer, ['verify', file], { stdio: 'pipe' }))
})
