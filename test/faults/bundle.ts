import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const tests = dirname(fileURLToPath(import.meta.url))
// Inside node_modules, so that a child finds the installed packages.
const cache = resolve(tests, '../../node_modules/.cache/coatcheck-children')
let folder: string | undefined

/**
 * Bundles a TypeScript child process with the sources it imports, for `node <path>`; packages stay outside.
 *
 * @param entry - Relative to this folder: `children/file-writer.ts`.
 * @returns The path of an .mjs file, which is removed when this process ends.
 */
export async function bundleChild(entry: string): Promise<string> {
  if (folder === undefined) {
    mkdirSync(cache, { recursive: true })
    const created = mkdtempSync(join(cache, 'run-'))
    process.once('exit', () => rmSync(created, { recursive: true, force: true }))
    folder = created
  }
  const outfile = join(folder, basename(entry).replace(/\.ts$/, '.mjs'))
  await build({
    entryPoints: [resolve(tests, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
  })
  return outfile
}
