/** A process of a bench as one file beside the product's own: what production starts is a bundle, and takes as much less memory. */
import { build } from 'esbuild'
import { fileURLToPath } from 'node:url'

/** Bundles a file of this folder; gives where the bundle lies. */
export const bundle = async (name: string): Promise<string> => {
  const outfile = fileURLToPath(new URL(`../dist/bench-${name}.js`, import.meta.url))
  await build({ entryPoints: [fileURLToPath(new URL(`${name}.ts`, import.meta.url))], outfile, bundle: true, platform: 'node', format: 'esm', target: 'node24', external: ['classic-level'], logLevel: 'warning', banner: { js: banner } })
  return outfile
}

/** Some dependencies are CommonJS and call `require` for Node's own modules. */
const banner = "import { createRequire as writCreateRequire } from 'node:module'; const require = writCreateRequire(import.meta.url);"
