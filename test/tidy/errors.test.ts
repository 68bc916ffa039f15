/** Every code that a person may meet is in docs/errors.md, and every code there can be met. */
import test from 'ava'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { projectFolder, readSource, sourcesIn, type SourceFile } from './sources.ts'

const code = '[a-z][a-z0-9]*(?:-[a-z0-9]+)*'

/** Functions that take a code: `(detail: string, code: string) =>` and the like. */
const declarations = /(?<exported>\bexport\s+(?:const|function)\s+)?(?<name>#?\b\w+)\s*(?:=\s*)?\((?<parameters>[^()]*\bcode: string\b[^()]*)\)(?=\s*(?::|=>|\{))/g
/** Codes that are handed on as a field, or kept in a constant named so. */
const fields = new RegExp(`\\b(?:code|[a-z]\\w*Code)\\s*[:=]\\s*'(?<code>${code})'`, 'g')
const constants = /\b(?:codes|[a-z]\w*Codes)\b[^=\n]*=\s*[[{(](?<list>[^\]})]*)[\]})]/g
const quoted = new RegExp(`'(?<code>${code})'`, 'g')

interface Taker {
  readonly name: string
  /** Which of its arguments is the code. */
  readonly place: number
  readonly isExported: boolean
}

const takersIn = ({ code }: SourceFile): Taker[] =>
  [...code.matchAll(declarations)].map(({ groups }) => ({
    name: groups?.['name'] === 'constructor' ? 'new WritError' : (groups?.['name'] ?? ''),
    place: (groups?.['parameters'] ?? '').split(',').findIndex((parameter) => parameter.includes('code: string')),
    isExported: groups?.['exported'] !== undefined
  }))

/** The arguments of the call whose parenthesis opens before `start`. */
const argumentsAt = ({ code, uncommented }: SourceFile, start: number): string[] => {
  const found: string[] = []
  let depth = 0
  let from = start
  for (let place = start; place < code.length && depth >= 0; place += 1) {
    const character = code[place] ?? ''
    if ('([{'.includes(character)) depth += 1
    else if (')]}'.includes(character)) depth -= 1
    if (depth < 0 || (depth === 0 && character === ',')) {
      found.push(uncommented.slice(from, place))
      from = place + 1
    }
  }
  return found
}

/** Knows codes without giving any of its own. */
const exitCodesFile = 'src/cli/exit-codes.ts'
const givers = sourcesIn('src').filter(({ path }) => path !== exitCodesFile)

const everywhere: readonly Taker[] = [{ name: 'new WritError', place: 0, isExported: true }, ...sourcesIn('src').flatMap(takersIn).filter(({ isExported }) => isExported)]

const codesOf = (source: SourceFile): string[] => {
  const found = (text: string, expression: RegExp): string[] => [...text.matchAll(expression)].flatMap(({ groups }) => groups?.['code'] ?? [])
  const handed = [...everywhere, ...takersIn(source)].flatMap(({ name, place }) =>
    [...source.code.matchAll(new RegExp(`(?<![\\w$])${name}\\s*\\(`, 'g'))].flatMap((call) => {
      const argument = argumentsAt(source, call.index + call[0].length)[place] ?? ''
      // A comparison inside the argument names no code of its own.
      return found(argument.replaceAll(/[!=]==\s*'[^']*'/g, ''), quoted)
    })
  )
  const constant = [...source.uncommented.matchAll(constants)].flatMap(({ groups }) => found(groups?.['list'] ?? '', quoted))
  return [...new Set([...handed, ...found(source.uncommented, fields), ...constant])]
}

const page = readFileSync(path.join(projectFolder, 'docs/errors.md'), 'utf8')
const rows = page.split('\n').filter((line) => line.startsWith('| `'))
const listed = rows.map((row) => row.split('`')[1] ?? '')

test('every code in src is listed in docs/errors.md', (t) => {
  const known = new Set(listed)
  const missing = givers.flatMap((source) => codesOf(source).filter((name) => !known.has(name)).map((name) => `${name} in ${source.path}`))
  t.deepEqual([...new Set(missing)].sort(), [])
})

test('every code in docs/errors.md occurs in src', (t) => {
  const texts = givers.map(({ uncommented }) => uncommented).join('\n')
  const launcher = readFileSync(path.join(projectFolder, 'src/executor/launcher.sh'), 'utf8')
  t.deepEqual(listed.filter((name) => !texts.includes(`'${name}'`) && !launcher.includes(`[${name}]`)), [])
})

test('every code that leads to an exit code is listed', (t) => {
  const known = new Set(listed)
  const named = sourcesIn('src').filter(({ path }) => path === exitCodesFile).flatMap(({ uncommented }) => [...uncommented.matchAll(quoted)].flatMap(({ groups }) => groups?.['code'] ?? []))
  t.deepEqual(named.filter((name) => !known.has(name)), [])
})

test('the list is sorted, has each code once, and says what each means and what to do', (t) => {
  t.deepEqual(listed, [...new Set(listed)].sort())
  t.true(listed.length > 0)
  for (const row of rows) {
    const cells = row.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim())
    t.is(cells.length, 3, row)
    t.true(cells.every((cell) => cell.length > 0), row)
  }
})

test('a code is found however it is written', (t) => {
  const text = [
    "throw new WritError('one', `with ${a}, ${b}`)",
    "return reject('two')",
    "return reject(isLate ? 'three' : 'four', 'five')",
    "const receipt = { code: 'six' }",
    "const endCodes = {\n  a: 'seven',\n  b: 'eight'\n}",
    "// reject('nine')",
    "throw new WritError(kind === 'ten' ? 'eleven' : other.code, 'x')",
    "const fail = (detail: string, code: string): Outcome => ({ code, detail })",
    "fail('twelve', 'thirteen')"
  ].join('\n')
  t.deepEqual(codesOf(readSource('src/base/x.ts', text)).sort(), ['eight', 'eleven', 'four', 'one', 'seven', 'six', 'thirteen', 'three', 'two'])
})
