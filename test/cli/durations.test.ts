import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { formatAge, formatBytes, formatDuration, formatSpan, parseDuration } from '../../src/cli/durations.ts'
import { isWritError } from '../../src/base/errors.ts'

const reads = test.macro({
  exec: (t, text: string, expected: number) => t.is(parseDuration('--timeout', text), expected),
  title: (_, text) => `the duration ${text} is read`
})
test(reads, '500ms', 500)
test(reads, '0s', 0)
test(reads, '60s', 60_000)
test(reads, '5m', 300_000)
test(reads, '1h', 3_600_000)
test(reads, '90d', 7_776_000_000)

const refuses = test.macro({
  exec: (t, text: string) => {
    const error = t.throws(() => parseDuration('--timeout', text))
    t.true(isWritError(error, 'bad-duration'))
    t.true(error.message.startsWith(`--timeout: "${text}"`))
  },
  title: (_, text) => `"${text}" is no duration`
})
for (const text of ['', '60', 's', '-1s', '1.5h', '1 h', '1w', '1H', '1h30m', ' 1h', '999999999999d', '1constructor']) test(refuses, text)

test('a duration is read as what it was written from', (t) => {
  fc.assert(fc.property(fc.nat(), (spanMs) => parseDuration('--since', formatDuration(spanMs)) === spanMs))
  t.deepEqual([100, 60_000, 90_000, 86_400_000].map(formatDuration), ['100ms', '1m', '90s', '1d'])
})

test('a whole number of seconds is read as it is written', (t) => {
  fc.assert(fc.property(fc.nat(), (seconds) => parseDuration('--since', `${seconds}s`) === seconds * 1000))
  t.pass()
})

test('an age is shown in its largest unit, and never below zero', (t) => {
  t.deepEqual(
    [-5000, 0, 999, 3000, 59_999, 60_000, 3_599_999, 3_600_000, 172_799_999, 172_800_000].map(formatAge),
    ['0s', '0s', '0s', '3s', '59s', '1m', '59m', '1h', '47h', '2d']
  )
})

test('a span is shown with the precision that is worth reading', (t) => {
  t.deepEqual([-1, 0, 310, 12_400, 60_000, 3_600_000].map(formatSpan), ['0.00s', '0.00s', '0.31s', '12.4s', '1m', '1h'])
})

test('sizes are shown in powers of 1024', (t) => {
  t.deepEqual([0, 1023, 1024, 33_554_432, 1024 ** 3, 5 * 1024 ** 4].map(formatBytes), ['0 B', '1023 B', '1.0 KiB', '32.0 MiB', '1.0 GiB', '5120.0 GiB'])
})
