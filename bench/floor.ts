/** The floor of a fan-out: as many processes that answer a bare libp2p stream by running `true`, asked all at once. */
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { Scope, until } from './processes.ts'

export interface FloorRun {
  readonly tookMs: readonly number[]
  readonly answers: number
}

const entryOf = (name: string): string => fileURLToPath(new URL(`./${name}.ts`, import.meta.url))

/** Bundled as production is, so that both are loaded and compiled alike. */
const bundle = async (scope: Scope): Promise<void> => {
  const banner = "import { createRequire as floorCreateRequire } from 'node:module'; const require = floorCreateRequire(import.meta.url);"
  await build({
    entryPoints: ['floor-answerer', 'floor-asker'].map(entryOf), outdir: scope.directory, outExtension: { '.js': '.mjs' },
    bundle: true, platform: 'node', format: 'esm', target: 'node24', minifySyntax: true, minifyWhitespace: true, logLevel: 'warning', banner: { js: banner }
  })
}

export const measureFloor = async (counts: { readonly agents: number; readonly rounds: number }): Promise<FloorRun> => {
  await using scope = new Scope('floor')
  await bundle(scope)
  const answerers = Array.from({ length: counts.agents }, () => scope.node('answerer', [scope.path('floor-answerer.mjs')]))
  const addresses = await Promise.all(answerers.map((answerer) => until('an answerer listens', () => /^\/ip4\S+(?=\n)/m.exec(answerer.log())?.[0])))
  const asker = scope.node('asker', [scope.path('floor-asker.mjs'), String(counts.rounds), ...addresses], { stdin: 'pipe' })
  if (asker.child.stdout === null) throw new Error('the asker has no standard output')
  const output = await text(asker.child.stdout)
  if (output === '') throw new Error(`the floor could not be measured: ${asker.log()}`)
  return JSON.parse(output) as FloorRun
}
