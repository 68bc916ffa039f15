/** Bundles the entry points: the command line, the executor, its jobs, the agent, and the library, with what they need beside them. */
import { build } from 'esbuild'
import { chmodSync, copyFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bundling, copyNativeModule } from './bundling.ts'

const directory = fileURLToPath(new URL('../dist', import.meta.url))

rmSync(directory, { recursive: true, force: true })
await build({ ...bundling, entryPoints: { executor: 'src/executor/main.ts', agent: 'src/node/main.ts', jobs: 'src/executor/jobs/main.ts' }, outdir: directory })
// The library is loaded when a command first needs it, so it must stay a file of its own.
await build({ ...bundling, entryPoints: { writ: 'src/cli/main.ts', index: 'src/api/index.ts' }, outdir: directory, splitting: true, chunkNames: 'chunk-[hash]' })
chmodSync(`${directory}/writ.js`, 0o755)
copyNativeModule(directory)
copyFileSync(fileURLToPath(new URL('../src/executor/launcher.sh', import.meta.url)), `${directory}/launcher.sh`)
