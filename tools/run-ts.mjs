// @ts-check
// Runs a TypeScript file on every supported Node, the oldest of which can not do it alone:
//   node tools/run-ts.mjs <file.ts> [arguments]
import { rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundleTs } from './bundle-ts.mjs'

const [file, ...args] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: node tools/run-ts.mjs <file.ts> [arguments]')
  process.exit(2)
}

const entry = resolve(file)
const bundle = await bundleTs(entry).catch(() => {
  // esbuild has said what and where.
  process.exit(1)
})
process.once('exit', () => rmSync(bundle, { force: true }))
process.setSourceMapsEnabled(true)
process.argv = [process.argv[0] ?? 'node', entry, ...args]
try {
  await import(pathToFileURL(bundle).href)
} finally {
  rmSync(bundle, { force: true })
}
