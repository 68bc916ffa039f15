import test from 'ava'
import { isWritError } from '../../src/base/errors.ts'
import { parseList, parsePairs, parseWhole } from '../../src/cli/pairs.ts'

test('a value may be empty and may hold further equals signs', (t) => {
  t.deepEqual(parsePairs('--param', ['a=1', 'b=', 'c=x=y']), { a: '1', b: '', c: 'x=y' })
})

test('a key that means something to JavaScript is an ordinary key', (t) => {
  t.deepEqual(Object.entries(parsePairs('--env', ['__proto__=x'])), [['__proto__', 'x']])
})

const refuses = test.macro({
  exec: (t, texts: readonly string[]) => t.true(isWritError(t.throws(() => parsePairs('--label', texts)), 'bad-pair')),
  title: (_, texts) => `${JSON.stringify(texts)} are no pairs`
})
test(refuses, ['role'])
test(refuses, ['=web'])
test(refuses, [''])
test(refuses, ['role=web', 'role=db'])

test('a list of names is split at commas, and a name that comes twice counts once', (t) => {
  t.deepEqual(parseList('--nodes', 'web1, web2,web1'), ['web1', 'web2'])
  for (const text of ['', ',', 'web1,', 'web1,,web2']) t.true(isWritError(t.throws(() => parseList('--nodes', text)), 'bad-usage'))
})

test('a whole number is bounded', (t) => {
  t.is(parseWhole('--expect-exit', '255', 0, 255), 255)
  for (const text of ['', '256', '-1', '1e1', '0x1', '1.0']) t.true(isWritError(t.throws(() => parseWhole('--expect-exit', text, 0, 255)), 'bad-usage'))
})
