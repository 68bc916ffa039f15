import test from 'ava'
import { blankSource } from './blank.ts'
import { readSource, sources } from './sources.ts'

const hides = test.macro({
  exec(t, source: string, code: string, uncommented: string = source) {
    t.is(blankSource(source).code, code)
    t.is(blankSource(source).uncommented, uncommented)
  },
  title: (name = '') => `${name} is blanked`
})

test('a comment to the end of the line', hides, "a // 'b\nc", 'a      \nc', 'a      \nc')
test('a comment over lines', hides, 'a /* b\n */ c', 'a     \n    c', 'a     \n    c')
test('the inside of a text, with its quotes kept,', hides, "f('a\\'b', \"//\")", "f('    ', \"  \")")
test('a template but for its expressions', hides, '`a ${b({ c: `d` })} // e`', '`  ${b({ c: ` ` })}     `')
test('a pattern with a slash in a class', hides, 'x = /[/\'"]/.test(y)', 'x = /     /.test(y)')
test('nothing of a division', hides, 'a / b / c', 'a / b / c')
test('nothing of plain code', hides, 'const a = { b: 1 }', 'const a = { b: 1 }')

test('every way to import is seen, with its kind', (t) => {
  const text = [
    "import 'node:fs'",
    "import type { A } from './a.ts'",
    "import b, { type B } from '../b.ts'",
    'import {\n  c,\n  d\n} from "./c.ts"',
    "import * as e from './deep/e.ts'",
    "export { f } from './f.ts'",
    "export type { G } from './g.ts'",
    "export * from './h.ts'",
    "const i = await import('./i.ts')",
    "// import './comment.ts'",
    "const text = \"import './text.ts'\"",
    "export const fromNow = 'x'"
  ].join('\n')
  t.deepEqual(
    readSource('src/base/x.ts', text).imports.map(({ specifier, file, isTypeOnly }) => [specifier, file, isTypeOnly]),
    [
      ['node:fs', undefined, false],
      ['./a.ts', 'src/base/a.ts', true],
      ['../b.ts', 'src/b.ts', false],
      ['./c.ts', 'src/base/c.ts', false],
      ['./deep/e.ts', 'src/base/deep/e.ts', false],
      ['./f.ts', 'src/base/f.ts', false],
      ['./g.ts', 'src/base/g.ts', true],
      ['./h.ts', 'src/base/h.ts', false],
      ['./i.ts', 'src/base/i.ts', false]
    ]
  )
})

test('no import of the project escapes the scan', (t) => {
  for (const source of sources) {
    // Whatever line ends as an import does, in whatever way it began.
    const ends = [...source.code.matchAll(/^[^'"\n]*\bfrom ['"] +['"]$|^import ['"] +['"]$/gm)].length
    const found = source.imports.length - [...source.code.matchAll(/\bimport\s*\(/g)].length
    t.is(found, ends, source.path)
  }
})
