/**
 * Makes a release: a directory that `writ update` sends to nodes, which start it by its file `start`.
 * `npm run release -- [--out DIR] [--version V] [--minimum V] [--runtime]`; `--runtime` puts this Node into it.
 */
import { build } from 'esbuild'
import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { release } from '../src/base/release.ts'
import { storeFormat } from '../src/base/store-format.ts'
import { readPlatform } from '../src/base/system-platform.ts'
import { executorFlags } from '../src/executor/engine-flags.ts'
import { asVersion, bundling, copyNativeModule } from './bundling.ts'

/** The protocol of `launcher.sh` that the release relies on. */
const launcherProtocol = 1
/** The oldest release that can be replaced by this one. */
const minimumPrevious = '0.1.0'

const start = `#!/bin/sh
# Becomes the executor of this release: start HOME. Without a runtime of its own it takes that of the installed one.
release=\${0%/*}
[ ! -x "$release/node" ] || WRIT_NODE=$release/node
exec "$WRIT_NODE" ${executorFlags.join(' ')} "$release/executor.js" "$1"
`

const { values } = parseArgs({ options: { out: { type: 'string' }, version: { type: 'string' }, runtime: { type: 'boolean', default: false } } })
const version = values.version ?? release
const directory = values.out ?? `release-${version}`
if (existsSync(directory)) {
  process.stderr.write(`${directory} is there already: remove it, or name another with --out\n`)
  process.exit(1)
}
mkdirSync(directory, { recursive: true })
await build({ ...bundling, plugins: [...bundling.plugins, asVersion(version)], entryPoints: { executor: 'src/executor/main.ts', agent: 'src/node/main.ts', jobs: 'src/executor/jobs/main.ts' }, outdir: directory })
copyNativeModule(directory)
if (values.runtime) copyFileSync(process.execPath, join(directory, 'node'))
writeFileSync(join(directory, 'package.json'), '{ "type": "module" }\n')
writeFileSync(join(directory, 'start'), start)
chmodSync(join(directory, 'start'), 0o755)
writeFileSync(join(directory, 'release.json'), `${JSON.stringify({ version, platform: readPlatform(), minimumPrevious, launcherProtocol, storeFormat: storeFormat.written }, null, 2)}\n`)
process.stdout.write(`${directory}\n`)
