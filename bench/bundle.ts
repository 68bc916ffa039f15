/** A process of a bench as one file beside the product's own: what production starts is a bundle, and takes as much less memory. */
import { build } from 'esbuild'
import { fileURLToPath } from 'node:url'
import { bundling } from '../scripts/bundling.ts'

/** Bundles a file of this folder; gives where the bundle lies. */
export const bundle = async (name: string): Promise<string> => {
  const outfile = fileURLToPath(new URL(`../dist/bench-${name}.js`, import.meta.url))
  await build({ ...bundling, entryPoints: [fileURLToPath(new URL(`${name}.ts`, import.meta.url))], outfile })
  return outfile
}
