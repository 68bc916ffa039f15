import test from 'ava'
import { assert, describeError, errorCode, isWritError, WritError } from '../../src/base/errors.ts'

test('an operational error carries its code, a sentence, details and its cause', (t) => {
  const cause = new Error('EACCES')
  const error = new WritError('store-unusable', 'cannot open the store', { details: { directory: '/x' }, cause })
  t.true(error instanceof Error)
  t.like(error, { name: 'WritError', code: 'store-unusable', message: 'cannot open the store', details: { directory: '/x' }, cause })
})

test('an error without a cause has none, not an undefined one', (t) => {
  const error = new WritError('a', 'b')
  t.false('cause' in error)
  t.deepEqual(error.details, {})
})

test('an operational error is told from others, and by its code', (t) => {
  const error: unknown = new WritError('a', 'b')
  t.true(isWritError(error))
  t.true(isWritError(error, 'a'))
  t.false(isWritError(error, 'b'))
  t.false(isWritError(Object.assign(new Error('x'), { code: 'a' })))
  t.false(isWritError(undefined))
})

test('whatever is thrown can be described', (t) => {
  t.is(describeError(new Error('why')), 'why')
  t.is(describeError('why'), 'why')
  t.is(describeError(undefined), 'undefined')
})

test('the code of a system error is read, and anything else has none', (t) => {
  t.is(errorCode(Object.assign(new Error('x'), { code: 'ENOENT' })), 'ENOENT')
  t.is(errorCode(Object.assign(new Error('x'), { code: 5 })), '')
  t.is(errorCode({ code: 'ENOENT' }), '')
  t.is(errorCode(new Error('x')), '')
})

test('a broken invariant throws, one that holds does not', (t) => {
  t.notThrows(() => assert(true, 'holds'))
  t.throws(() => assert(false, 'two and two are four'), { message: /two and two/ })
})
