// @ts-check
// Makes one module for Node of a TypeScript file and what it imports by relative path; packages stay outside, and
// 'coatcheck/...' means the source of that door, so nothing has to be built first.
import { mkdirSync, readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { doorSources, root } from './doors.mjs'

/** @type {import('esbuild').Plugin} */
const doors = {
  name: 'doors',
  setup({ onResolve, onLoad }) {
    const sources = doorSources()
    onResolve({ filter: /^coatcheck(\/|$)/ }, ({ path }) => {
      const source = sources.get(path)
      return source === undefined
        ? { errors: [{ text: `${path} is not in the exports of package.json` }] }
        : { path: root + source }
    })
    // A bundle lives elsewhere than its parts; each part keeps its own address.
    onLoad({ filter: /\.(ts|mjs)$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      const address = JSON.stringify(pathToFileURL(path).href)
      const contents = text.replaceAll(/\bimport\.meta\.url\b/g, address)
      return { contents, loader: path.endsWith('.ts') ? 'ts' : 'js' }
    })
  },
}

/**
 * Bundles a file, and answers where the module is. Whoever asked for it removes it. esbuild prints what is wrong, and
 * where, before this throws.
 *
 * @param {string} entry
 */
export async function bundleTs(entry) {
  // Inside node_modules, so that the packages that stay outside of the bundle are found from there.
  const folder = `${root}node_modules/.cache/coatcheck/run-ts`
  mkdirSync(folder, { recursive: true })
  const outfile = `${folder}/${process.pid}-${Date.now()}.mjs`
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'error',
    plugins: [doors],
  })
  return outfile
}
