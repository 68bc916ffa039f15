/** House rules that no linter knows. */
import test from 'ava'
import { readSource, sources, sourcesIn, type SourceFile } from './sources.ts'

const nameOf = (file: string): string => file.split('/').at(-1) ?? ''

/** Names of files that may touch the world outside the process. */
const isOutside = ({ path }: SourceFile): boolean => /^(?:(?:file|child|libp2p|helia|level|http|system)-.*|driver|main)\.ts$/.test(nameOf(path))

const outside: Readonly<Record<string, RegExp>> = {
  'the clock': /\bDate\.now\b|\bnew Date\s*\(\s*\)|\bnew Date\b(?!\s*\()|(?<![.\w])performance\b/,
  randomness: /\bMath\.random\b|\brandomBytes\b|\brandomUUID\b|\bgetRandomValues\b|\brandomInt\b/,
  'a timer': /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b|\bAbortSignal\.timeout\b|\bnextTick\b/,
  'the process': /(?<![\w$]|(?<!\.\.)\.)process\s*(?:\.(?!\.)|\?\.|\[)|\bglobalThis\b/,
  'the console': /(?<![.\w$])console\s*\./,
  'the network': /(?<![.\w$#])fetch\s*\(/
}
const outsideModules = /^(?:node:)?(?:fs|child_process|net|http|https|http2|dgram|tls|dns|os|process|timers|readline|worker_threads)(?:\/|$)|^level$|^helia$|^blockstore-fs$|^libp2p$|^@libp2p\/(?:tcp|identify|ping|gossipsub|yamux)$|^@chainsafe\/libp2p-/

const outsideUses = (source: SourceFile): string[] => [
  ...Object.entries(outside).flatMap(([what, expression]) => (expression.test(source.code) ? [`${source.path} names ${what}: ${expression.exec(source.code)?.[0] ?? ''}`] : [])),
  ...source.imports.filter(({ specifier, isTypeOnly }) => !isTypeOnly && outsideModules.test(specifier)).map(({ specifier }) => `${source.path} imports ${specifier}`)
]

test('only files that say so in their name touch the outside', (t) => {
  t.deepEqual(sourcesIn('src').filter((source) => !isOutside(source)).flatMap(outsideUses), [])
})

const isSeen = test.macro({
  exec: (t, text: string, expected: boolean) => t.is(outsideUses(readSource('src/base/x.ts', text)).length > 0, expected),
  title: (_, text, expected) => `${text} ${expected ? 'touches' : 'does not touch'} the outside`
})
for (const text of [
  'Date.now()', 'new Date()', 'new Date( )', 'Math.random()', 'setTimeout(f)', 'await x; queueMicrotask(f)', 'process.exit(1)', 'process?.pid', "process['env']", '`${process.pid}`', 'console.log(1)', 'fetch(url)',
  "import { readFile } from 'node:fs/promises'", "import { Level } from 'level'", 'AbortSignal.timeout(1)', 'f(...process.argv)'
]) {
  test(isSeen, text, true)
}
for (const text of ['new Date(at)', 'const x = { process: 1 }', '// process.exit()', "'Date.now'", 'content.fetch(cid)', 'job.process.pid', "import type { Level } from 'level'", "import { hash } from 'node:crypto'"]) {
  test(isSeen, text, false)
}

const offends = (files: readonly SourceFile[], isOffence: (source: SourceFile) => boolean): string[] => files.filter(isOffence).map(({ path }) => path)

test('files are named by nouns in kebab-case', (t) => {
  t.deepEqual(offends(sources, ({ path }) => !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test)?\.ts$/.test(nameOf(path))), [])
  t.deepEqual(offends(sources, ({ path }) => /\b(?:helpers?|utils?|common|managers?|misc)\b/.test(path)), [])
})

test('no file has more than 350 lines', (t) => {
  t.deepEqual(offends(sources, ({ text }) => text.trimEnd().split('\n').length > 350), [])
})

test('every file of src begins with a comment that says what it promises', (t) => {
  t.deepEqual(offends(sourcesIn('src'), ({ text }) => !/^(?:#![^\n]*\n)?\/\*\*/.test(text)), [])
})

const forbidden: Readonly<Record<string, readonly [RegExp, keyof Pick<SourceFile, 'code' | 'text'>]>> = {
  'the type any': [/(?<![.\w$])any\b(?!\s*[:(?])/, 'code'],
  'a non-null assertion': [/[\w$)\]]!(?=\s*[.;,)\]}[\n]|\s+(?:as|satisfies)\b)/, 'code'],
  'an enum': [/^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s+\w/m, 'code'],
  'a namespace': [/^\s*(?:export\s+)?(?:declare\s+)?namespace\s+\w/m, 'code'],
  'a default export': [/^export default\b/m, 'code'],
  'a silenced compiler': [/@ts-(?:ignore|nocheck|expect-error)/, 'text'],
  'work left over': [/\b(?:TO[D]O|FIX[M]E|XX[X])\b/, 'text']
}

for (const [what, [expression, part]] of Object.entries(forbidden)) {
  test(`no file holds ${what}`, (t) => {
    t.deepEqual(offends(sources, (source) => !source.path.startsWith('test/tidy/') && expression.test(source[part])), [])
  })
}

const isForbidden = test.macro({
  exec(t, what: string, text: string, expected: boolean) {
    const [expression, part] = forbidden[what] ?? [/$^/, 'code' as const]
    t.is(expression.test(readSource('src/base/x.ts', text)[part]), expected)
  },
  title: (_, what: string, text: string, expected: boolean) => `${text.trim()} ${expected ? 'is' : 'is not'} ${what}`
})
test(isForbidden, 'the type any', 'const a: any = 1', true)
test(isForbidden, 'the type any', 'const a = b as any[]', true)
test(isForbidden, 'the type any', 'AbortSignal.any([a])', false)
test(isForbidden, 'the type any', '// in any case', false)
test(isForbidden, 'a non-null assertion', 'a!.b', true)
test(isForbidden, 'a non-null assertion', 'const a = b[0]!\n', true)
test(isForbidden, 'a non-null assertion', 'if (a !== b && !c) d', false)
test(isForbidden, 'an enum', 'export const enum A { B }', true)
test(isForbidden, 'work left over', `// ${'TO'}DO: later`, true)
