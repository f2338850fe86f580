// @ts-check
// The doors of the package, as `exports` in package.json lists them. Whoever imports 'coatcheck' or 'coatcheck/...'
// inside this repository (tests, examples, benches) gets the source of that door; this file says which one that is.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The folder of the repository, with a slash at the end. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Specifier (`coatcheck/web`) -> source file relative to the root (`src/adapters/web.ts`).
 *
 * @param {string} [folder] a folder with another package.json
 * @returns {Map<string, string>}
 */
export function doorSources(folder = root) {
  const { name, exports } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'))
  const doors = new Map()
  for (const [door, target] of Object.entries(exports)) {
    if (typeof target === 'string') continue
    const source = String(target.default)
      .replace(/^\.\/dist\//, 'src/')
      .replace(/\.js$/, '.ts')
    doors.set(door.replace(/^\./, name), source)
  }
  return doors
}

/**
 * The doors in the form in which Vite takes aliases: whole specifiers only, absolute files.
 *
 * @returns {{ find: RegExp, replacement: string }[]}
 */
export function doorAliases() {
  return [...doorSources()].map(([specifier, source]) => ({
    find: new RegExp(`^${specifier}$`),
    replacement: root + source,
  }))
}
