/**
 * How code becomes one file, so that a server starts it in a fraction of the time that node_modules takes. LevelDB's native
 * module lies beside it: the folder needs nothing else and can be moved.
 */
import { copyFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BuildOptions, Plugin } from 'esbuild'

const nativeModule = 'classic-level.node'

/** The package looks for its native module below its own folder; the bundle has it beside itself. */
const besideBundle: Plugin = {
  name: 'native-module-beside-the-bundle',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/binding$/ }, ({ importer }) => (importer.includes('classic-level') ? { path: `./${nativeModule}`, external: true } : undefined))
  }
}

/** Some dependencies are CommonJS and call `require` for Node's own modules. */
const banner = "import { createRequire as writCreateRequire } from 'node:module'; const require = writCreateRequire(import.meta.url);"

const releaseModule = fileURLToPath(new URL('../src/base/release.ts', import.meta.url))

/** The code says that it is of this version. */
export const asVersion = (version: string): Plugin => ({
  name: 'version',
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/base\/release\.ts$/ }, ({ path }) => (path === releaseModule ? { contents: `export const release = ${JSON.stringify(version)}`, loader: 'ts' } : undefined))
  }
})

export const bundling = {
  absWorkingDir: fileURLToPath(new URL('..', import.meta.url)),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  plugins: [besideBundle],
  banner: { js: banner },
  legalComments: 'none',
  logLevel: 'warning',
  minifySyntax: true,
  minifyWhitespace: true
} satisfies BuildOptions

/** Puts the native module of this platform into `directory`. */
export const copyNativeModule = (directory: string): void => {
  const require = createRequire(import.meta.url)
  const { path: find }: { path: (directory: string) => string } = require('node-gyp-build')
  copyFileSync(find(dirname(require.resolve('classic-level/package.json'))), join(directory, nativeModule))
}
