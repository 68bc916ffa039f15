/**
 * Bundles the entry points: the command line, the executor, its jobs, the agent, and the library. Each is one file, so that a server starts it
 * in a fraction of the time that node_modules takes; only LevelDB's native module stays outside.
 */
import { build, type BuildOptions } from 'esbuild'
import { chmodSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const directory = `${root}dist`

/** Some dependencies are CommonJS and call `require` for Node's own modules. */
const banner = "import { createRequire as writCreateRequire } from 'node:module'; const require = writCreateRequire(import.meta.url);"

rmSync(directory, { recursive: true, force: true })
const common: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  external: ['classic-level'],
  legalComments: 'none',
  logLevel: 'warning',
  minifySyntax: true,
  minifyWhitespace: true
}

await build({ ...common, entryPoints: { executor: 'src/executor/main.ts', agent: 'src/node/main.ts', jobs: 'src/executor/jobs/main.ts' }, outdir: directory, banner: { js: banner } })
// The library is loaded when a command first needs it, so it must stay a file of its own.
await build({ ...common, entryPoints: { writ: 'src/cli/main.ts', index: 'src/api/index.ts' }, outdir: directory, splitting: true, chunkNames: 'chunk-[hash]', banner: { js: banner } })
chmodSync(`${directory}/writ.js`, 0o755)
