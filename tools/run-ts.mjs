// @ts-check
// Runs a TypeScript file on every supported Node, the oldest of which can not do it alone:
//   node tools/run-ts.mjs <file.ts> [arguments]
// The file and what it imports by relative path become one bundle; packages stay outside, and 'coatcheck/...' means
// the source of that door, so nothing has to be built first.
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { doorSources, root } from './doors.mjs'

const [file, ...args] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: node tools/run-ts.mjs <file.ts> [arguments]')
  process.exit(2)
}

const entry = resolve(file)
// Inside node_modules, so that the packages that stay outside of the bundle are found from there.
const folder = `${root}node_modules/.cache/coatcheck/run-ts`
const bundle = `${folder}/${process.pid}-${Date.now()}.mjs`

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

mkdirSync(folder, { recursive: true })
process.once('exit', () => rmSync(bundle, { force: true }))
try {
  await build({
    entryPoints: [entry],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'error',
    plugins: [doors],
  })
} catch {
  // esbuild has said what and where.
  process.exit(1)
}
process.setSourceMapsEnabled(true)
process.argv = [process.argv[0] ?? 'node', entry, ...args]
try {
  await import(pathToFileURL(bundle).href)
} finally {
  rmSync(bundle, { force: true })
}
