import test from 'ava'
import { readFileSync } from 'node:fs'
import { mutants } from '../../simulations/mutant-list.ts'
import { plant } from '../../simulations/mutant-planting.ts'
import { scenarios } from '../../simulations/scenario.ts'

for (const { name, scenario, replacements } of mutants) {
  test(`the source still holds what the mutant "${name}" replaces`, (t) => {
    t.true(scenarios.some((known) => known.name === scenario))
    for (const replacement of replacements) {
      const source = readFileSync(new URL(`../../${replacement.file}`, import.meta.url), 'utf8')
      t.not(plant(source, replacement), source)
    }
  })
}

test('what is not there exactly once is not replaced', (t) => {
  const replacement = { file: 'a.ts', from: 'one', to: 'two' }
  t.is(plant('one is', replacement), 'two is')
  t.throws(() => plant('nothing', replacement), { message: /0 times/ })
  t.throws(() => plant('one and one', replacement), { message: /2 times/ })
})
