/** The floor table of docs/ARCHITECTURE.md, held by every import. */
import test from 'ava'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { projectFolder, readSource, sources, sourcesIn, type SourceFile } from './sources.ts'

const floors: Readonly<Record<string, number>> = { base: 0, record: 1, trust: 2, queue: 3, content: 3, executor: 3, fleet: 3, node: 4, api: 5, cli: 6 }

/** What each folder beside `src` may import, itself apart. */
const reaches: Readonly<Record<string, readonly string[]>> = { simulations: ['src'], test: ['simulations', 'scripts', 'src'], bench: ['scripts', 'src'], scripts: ['src'] }

const topOf = (file: string): string => file.split('/')[0] ?? ''
const folderOf = (file: string): string => file.split('/')[1] ?? ''

const isAllowed = (from: string, to: string): boolean => {
  if (topOf(from) !== 'src') return topOf(to) === topOf(from) || reaches[topOf(from)]?.includes(topOf(to)) === true
  const [own, other] = [floors[folderOf(from)], floors[folderOf(to)]]
  return topOf(to) === 'src' && own !== undefined && other !== undefined && (folderOf(from) === folderOf(to) || other < own)
}

const breaches = (files: readonly SourceFile[]): string[] =>
  files.flatMap(({ path: from, imports }) => imports.flatMap(({ file }) => (file !== undefined && !isAllowed(from, file) ? [`${from} imports ${file}`] : [])))

test('a file imports its own folder and lower floors alone', (t) => {
  t.deepEqual(breaches(sources), [])
})

test('the table is not blind', (t) => {
  const isBreach = (file: string, specifier: string): boolean => breaches([readSource(file, `import type { A } from '${specifier}'`)]).length > 0
  t.true(isBreach('src/base/a.ts', '../record/b.ts'))
  t.true(isBreach('src/queue/a.ts', '../content/b.ts'))
  t.true(isBreach('src/executor/a.ts', '../queue/b.ts'))
  t.true(isBreach('src/unknown/a.ts', '../base/b.ts'))
  t.true(isBreach('src/api/a.ts', '../cli/b.ts'))
  t.true(isBreach('src/cli/a.ts', '../../test/b.ts'))
  t.true(isBreach('bench/a.ts', '../simulations/b.ts'))
  t.false(isBreach('src/queue/a.ts', './b.ts'))
  t.false(isBreach('src/cli/a.ts', '../base/b.ts'))
  t.false(isBreach('test/queue/a.test.ts', '../../simulations/b.ts'))
})

test('every file of src lives on a floor', (t) => {
  t.deepEqual(sourcesIn('src').filter(({ path }) => floors[folderOf(path)] === undefined).map(({ path }) => path), [])
})

test('every import of the project leads to a file, by its full name', (t) => {
  const known = new Set(sources.map(({ path }) => path))
  t.deepEqual(sources.flatMap(({ path, imports }) => imports.flatMap(({ file }) => (file === undefined || known.has(file) ? [] : [`${path} imports ${file}`]))), [])
})

/** The files of the first circle found, each importing the next; empty without one. */
const findCircle = (files: readonly SourceFile[]): string[] => {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const done = new Set<string>()
  const walk = (file: string, trail: readonly string[]): string[] => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file]
    if (done.has(file)) return []
    for (const { file: next } of byPath.get(file)?.imports ?? []) {
      const circle = next === undefined ? [] : walk(next, [...trail, file])
      if (circle.length > 0) return circle
    }
    done.add(file)
    return []
  }
  return files.map(({ path }) => walk(path, [])).find((circle) => circle.length > 0) ?? []
}

test('no imports go in a circle, those of types included', (t) => {
  t.deepEqual(findCircle(sources), [])
})

test('a circle would be found', (t) => {
  const files = [readSource('src/a.ts', "import './b.ts'"), readSource('src/b.ts', "import type { C } from './c.ts'"), readSource('src/c.ts', "export { a } from './a.ts'")]
  t.deepEqual(findCircle(files), ['src/a.ts', 'src/b.ts', 'src/c.ts', 'src/a.ts'])
  t.deepEqual(findCircle(files.slice(1)), [])
})

const packageOf = (specifier: string): string => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')

test('every package that is imported is declared, and src needs no development package', (t) => {
  const { name: own, dependencies, devDependencies } = JSON.parse(readFileSync(path.join(projectFolder, 'package.json'), 'utf8')) as Record<'dependencies' | 'devDependencies', Record<string, string>> & { name: string }
  const missing = sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ specifier, file }) => file === undefined && !specifier.startsWith('node:'))
      .map(({ specifier }) => packageOf(specifier))
      .filter((name) => !Object.hasOwn(dependencies, name) && (topOf(path) === 'src' || (name !== own && !Object.hasOwn(devDependencies, name))))
      .map((name) => `${path} imports ${name}`)
  )
  t.deepEqual(missing, [])
})

test('the executor and its job program reach no module that could open a socket', (t) => {
  const byPath = new Map(sources.map((file) => [file.path, file]))
  const reached = new Set(['src/executor/main.ts', 'src/executor/jobs/main.ts'])
  const found: string[] = []
  for (const file of reached) {
    const source = byPath.get(file)
    if (source === undefined) return t.fail(`${file} is missing`)
    for (const { specifier, file: next, isTypeOnly } of source.imports) {
      if (isTypeOnly) continue
      if (next !== undefined) reached.add(next)
      else if (/^(?:node:)?(?:net|http|https|http2|dgram|tls|dns|inspector|worker_threads|cluster)(?:\/|$)|libp2p|helia|multiaddr|blockstore/.test(specifier)) found.push(`${file} imports ${specifier}`)
    }
  }
  t.true(reached.size > 10)
  return t.deepEqual(found, [])
})
