import test from 'ava'
import { WritError } from '../../src/base/errors.ts'
import { transcript } from './transcript.ts'
import type { OrderDraft } from '../../src/api/types.ts'

/** The order that a command line comes to. */
const draftOf = async (...args: readonly string[]): Promise<{ readonly draft: OrderDraft | undefined; readonly exitCode: number; readonly stderr: string }> => {
  let draft: OrderDraft | undefined
  const submit = async (given: OrderDraft): Promise<never> => {
    draft = given
    throw new WritError('no-target', 'far enough')
  }
  const { exitCode, stderr } = await transcript(['update', '--home', '/a', '--release', '/r', ...args], { admin: { submit } })
  return { draft, exitCode, stderr }
}

test('writ update orders a release, for a day and ten minutes', async (t) => {
  const { draft } = await draftOf('--on', 'canary=yes')
  t.deepEqual(draft, { payload: { kind: 'release', directory: '/r' }, target: { kind: 'select', selector: 'canary=yes' }, timeoutMs: 600_000, expiresInMs: 86_400_000 })
})

test('a trial, a downgrade and a timeout reach the order', async (t) => {
  const { draft } = await draftOf('--nodes', 'web1', '--trial', '90s', '--downgrade', '--timeout', '1h')
  t.deepEqual(draft?.payload, { kind: 'release', directory: '/r', trialSeconds: 90, allowDowngrade: true })
  t.is(draft?.timeoutMs, 3_600_000)
})

for (const [what, args] of [['without a target', []], ['with a trial of no time', ['--all', '--trial', '0s']], ['with two targets', ['--all', '--nodes', 'web1']]] as const)
  test(`an update ${what} is refused`, async (t) => {
    const { draft, exitCode } = await draftOf(...args)
    t.is(draft, undefined)
    t.is(exitCode, 2)
  })

test('a directory that is no release is refused before anybody is asked', async (t) => {
  const checkRelease = async (): Promise<never> => {
    throw new WritError('release-unreadable', '/r is no release')
  }
  const shown = await transcript(['update', '--home', '/a', '--release', '/r', '--all'], { deps: { checkRelease } })
  t.regex(shown.stderr, /\[release-unreadable\]/)
})
