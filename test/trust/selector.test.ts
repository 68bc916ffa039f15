import test from 'ava'
import { fc } from '../fixtures/properties.ts'
import { matchesSelector, parseSelector } from '../../src/trust/selector.ts'
import type { Labels } from '../../src/record/invite.ts'

const web = { role: 'web', zone: 'north', gpu: '', 'example.org/tier': '1' }

const matches = (text: string, labels: Labels = web, name = 'web-1'): boolean | string => {
  const selector = parseSelector(text)
  return selector.ok ? matchesSelector(selector.value, { name, labels }) : selector.detail
}

const selects = test.macro({
  exec: (t, text: string) => t.is(matches(text), true),
  title: (_, text) => `"${text}" selects a web server in the north`
})
const passesOver = test.macro({
  exec: (t, text: string) => t.is(matches(text), false),
  title: (_, text) => `"${text}" passes over a web server in the north`
})

for (const text of [
  '', '   ', 'role=web', 'role==web', ' role = web ', 'role!=db', 'none!=db', 'zone in (north)', 'zone in (south,north)', 'zone in ( south , north )', 'zone in(north)',
  'zone notin (south,east)', 'none notin (a)', 'role', 'gpu', 'gpu=', '!none', '! none', 'role=web,zone=north', 'role=web , !none', 'role,gpu,zone', 'name=web-1', 'name in (web-1,web-2)',
  'name', 'example.org/tier=1'
]) {
  test(selects, text)
}

for (const text of [
  'role=db', 'role=we', 'role=Web', 'none=web', 'none=', 'role!=web', 'zone in (south)', 'none in (north)', 'zone notin (north)', 'none', '!role', '!gpu', 'gpu!=', 'role=web,zone=south',
  'role=db,zone=north', 'name=web-2', '!name', 'name!=web-1'
]) {
  test(passesOver, text)
}

for (const name of ['constructor', '__proto__', 'prototype', 'toString', 'hasOwnProperty', 'valueOf']) {
  test(`a node has no label ${name} unless it was given one`, (t) => {
    if (name !== '__proto__') {
      t.is(matches(name), false)
      t.is(matches(`!${name}`), true)
      t.is(matches(`${name}=`), false)
    }
    t.false(matchesSelector([{ label: name, values: null, negated: false }], { name: 'a', labels: web }))
  })
}

test('a label called name does not stand for the node\'s name', (t) => {
  t.is(matches('name=other', { name: 'other' }), false)
})

const isRefused = test.macro({
  exec(t, text: string, position: number) {
    const selector = parseSelector(text)
    if (selector.ok) return t.fail('was accepted')
    t.is(selector.code, 'bad-selector')
    t.true(selector.detail.includes(`at character ${position}: `), selector.detail)
  },
  title: (_, text) => `"${text}" is refused, and the place is named`
})

for (const [text, position] of [
  ['role=web=db', 1], ['=web', 1], ['role web', 1], ['role=web,,zone', 10], [',role', 1], ['!', 1], ['!!role', 1], ['!role=web', 1], ['zone in', 1], ['zone in north', 1], ['zone in ()', 1],
  ['zone in (a,)', 1], ['zone in (a', 1], ['zone in (a b)', 1], ['a,zone notin (b))', 3], ['role=web,zone>5', 10], ['role=web;id', 1], ['-role', 1], ['role-', 1], ['role=-', 1], ['__proto__', 1],
  ['röle=web', 1], ['role="web"', 1], [`${'a'.repeat(64)}=b`, 1]
] as const) {
  test(isRefused, text, position)
}

test('a selector that ends with a comma is refused', (t) => {
  for (const text of ['role=web,', 'role , ']) t.like(parseSelector(text), { ok: false, code: 'bad-selector' })
})

test('any text is read or refused, in time and without an exception', (t) => {
  const text = fc.array(fc.constantFrom('a', 'role', ' in ', 'notin', '(', ')', ',', '=', '!=', '!', ' ', '.', '/', '-'), { maxLength: 40 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(text, (selector) => {
      const parsed = parseSelector(selector)
      t.true(parsed.ok || parsed.code === 'bad-selector')
    }),
    { numRuns: 2000 }
  )
})
