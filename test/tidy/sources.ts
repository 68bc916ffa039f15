/** All source files of the project, read once, with what each imports. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { blankSource, type BlankedSource } from './blank.ts'
import { findImports, type Import } from './imports.ts'

export const projectFolder = path.resolve(import.meta.dirname, '../..')

export interface SourceFile extends BlankedSource {
  /** From the project's folder, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly imports: readonly Import[]
}

const folders = ['src', 'simulations', 'bench', 'scripts', 'test']

const listFiles = (folder: string): string[] =>
  readdirSync(path.join(projectFolder, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.[cm]?[jt]sx?$/.test(entry.name))
    .map((entry) => path.relative(projectFolder, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
    // A bench may have packages of its own.
    .filter((file) => !file.includes('/node_modules/'))

export const readSource = (file: string, text: string): SourceFile => {
  const blanked = blankSource(text)
  return { path: file, text, ...blanked, imports: findImports(file, blanked) }
}

export const sources: readonly SourceFile[] = folders
  .flatMap(listFiles)
  .sort()
  .map((file) => readSource(file, readFileSync(path.join(projectFolder, file), 'utf8')))

export const sourcesIn = (folder: string): SourceFile[] => sources.filter((source) => source.path.startsWith(`${folder}/`))
