import test from 'ava'
import { WritError } from '../../src/base/errors.ts'
import { exitCodeOf, exitCodes, exitCodesText } from '../../src/cli/exit-codes.ts'

const leads = test.macro({
  exec: (t, code: string, expected: number) => t.is<number, number>(exitCodeOf(new WritError(code, 'a sentence')), expected),
  title: (_, code, expected) => `${code} leads to exit code ${expected}`
})
test(leads, 'bad-usage', 2)
test(leads, 'bad-selector', 2)
test(leads, 'no-target', 4)
test(leads, 'unknown-indication', 4)
test(leads, 'no-endpoint-reachable', 5)
test(leads, 'not-authorised', 6)
test(leads, 'token-expired', 6)
test(leads, 'home-missing', 7)
test(leads, 'store-locked', 7)
test(leads, 'request-timeout', 5)
test(leads, 'admin-log-busy', 7)
test(leads, 'interrupted', 130)
test(leads, 'nobody-has-heard-of-it', 1)

test('what is no WritError is unexpected', (t) => {
  t.is(exitCodeOf(new Error('boom')), 1)
  t.is(exitCodeOf('boom'), 1)
})

test('the table that is printed has every exit code', (t) => {
  const printed = exitCodesText().split('\n').slice(1).map((line) => Number(line.trim().split(' ')[0]))
  t.deepEqual(printed, Object.values(exitCodes))
})
