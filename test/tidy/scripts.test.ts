/** Commands that documents and comments name exist. */
import test from 'ava'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { projectFolder, sources } from './sources.ts'

const { scripts } = JSON.parse(readFileSync(path.join(projectFolder, 'package.json'), 'utf8')) as { readonly scripts: Readonly<Record<string, string>> }

const documents = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...readdirSync(path.join(projectFolder, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)]

/** What `npm run …` names in a text, without what an example leaves open. */
const namedIn = (text: string): string[] => [...text.matchAll(/\bnpm run (?:--silent )?([a-z][a-z:-]*)/g)].map(([, name]) => name ?? '')

test('every script of npm that a document or a comment names exists', (t) => {
  const texts = [...documents.map((name) => ({ path: name, text: readFileSync(path.join(projectFolder, name), 'utf8') })), ...sources]
  const missing = texts.flatMap(({ path: file, text }) => namedIn(text).filter((name) => scripts[name] === undefined).map((name) => `${file} names npm run ${name}`))
  t.deepEqual(missing, [])
  t.true(documents.some((name) => namedIn(readFileSync(path.join(projectFolder, name), 'utf8')).includes('sim')))
})
