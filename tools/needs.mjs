// @ts-check
// Which test files can not run here, for want of a server or a runtime that they start. They are left out of the run and
// counted as skipped, by name. A file that asks `has` decides for itself, test by test.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { root } from './doors.mjs'
import { has, partNames } from './services.mjs'

/** @typedef {import('./services.mjs').PartName} PartName */

/**
 * The files and what each of them lacks.
 *
 * @returns {Map<string, PartName[]>} paths relative to the root
 */
export function unmetNeeds() {
  const missing = partNames.filter((name) => !has(name))
  /** @type {Map<string, PartName[]>} */
  const unmet = new Map()
  if (missing.length === 0) return unmet
  for (const file of readdirSync(`${root}test`, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.test.ts') || file.includes('node_modules')) continue
    const needed = needsOf(join(root, 'test', file))
    const lacking = missing.filter((name) => needed.has(name))
    if (lacking.length > 0) unmet.set(`test/${file}`, lacking)
  }
  return unmet
}

/**
 * What a test file and all that it imports need, by their words.
 *
 * @param {string} entry
 */
function needsOf(entry) {
  /** @type {Set<string>} */
  const needs = new Set()
  const pending = [entry]
  const seen = new Set(pending)
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    const text = readFileSync(file, 'utf8')
    const place = relative(root, file)
    // Imports within the tests only; the broker imports every server.
    if (/tools\/services\.mjs'/.test(text) && !place.startsWith('test/services/')) return new Set()
    for (const [, name = ''] of text.matchAll(/sharedServer\('([a-z-]+)'\)/g)) needs.add(partOf(name))
    if (text.includes('test/runtimes/') || text.includes('../runtimes/')) needs.add('runtimes')
    for (const [, specifier = ''] of text.matchAll(/from '(\.[^']+)'/g)) {
      const imported = join(dirname(file), specifier)
      const path = relative(root, imported)
      if (path.startsWith('test/services/')) needs.add(partOf(path.slice('test/services/'.length, -'.ts'.length)))
      else if (path.startsWith('test/') && !seen.has(imported) && existsSync(imported)) {
        seen.add(imported)
        pending.push(imported)
      }
    }
  }
  return needs
}

/** @param {string} name of a server or of the module that starts it */
function partOf(name) {
  return name.startsWith('redis') ? 'redis' : name
}
