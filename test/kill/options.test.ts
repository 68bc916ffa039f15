import test from 'ava'
import { readOptions } from './options.ts'

test('two hundred kills with a seed that is drawn, unless asked otherwise', (t) => {
  const [first, second] = [readOptions([]), readOptions([])]
  if (!first.ok || !second.ok) return t.fail()
  t.like(first.value, { kills: 200, json: false })
  return t.not(first.value.seed, second.value.seed)
})

test('kills, seed and form of the report are taken', (t) => {
  t.deepEqual(readOptions(['--kills', '5', '--seed', '7', '--json']), { ok: true, value: { kills: 5, seed: 7, json: true } })
})

const isRefused = test.macro({
  exec: (t, args: readonly string[], expected: RegExp) => {
    const options = readOptions(args)
    t.false(options.ok)
    if (!options.ok) t.regex(options.detail, expected)
  },
  title: (_, args: readonly string[]) => `${args.join(' ')} is refused`
})
test(isRefused, ['--kills', 'many'], /--kills takes a whole number/)
test(isRefused, ['--kills', '100001'], /up to 100000/)
test(isRefused, ['--seed', '-1'], /--seed/)
test(isRefused, ['--speed', '9'], /--speed/)
