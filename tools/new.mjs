// @ts-check
// Begins what CONTRIBUTING.md has a recipe for, with everything that belongs to it, ready to pass `npm run check`:
//   node tools/new.mjs store <name>
//   node tools/new.mjs adapter <name>
// The name is in kebab-case: `acme-db` becomes `acmeDbStore`.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { root } from './doors.mjs'
import { adapterFiles } from './new-adapter.mjs'
import { storeFiles } from './new-store.mjs'
import { writeStoreTables } from './store-tables.mjs'

/**
 * What is written: whole files that must not be there yet, and what becomes of files that are.
 *
 * @typedef {object} Plan
 * @property {Record<string, string>} created
 * @property {Record<string, (text: string) => string>} changed
 */
/** @typedef {{ name: string, camel: string, pascal: string, words: string }} Names */

const recipes = { store: storeFiles, adapter: adapterFiles }

const [what = '', name = '', ...rest] = process.argv.slice(2)
if (!Object.hasOwn(recipes, what) || name === '' || rest.length > 0) {
  fail('usage: node tools/new.mjs store|adapter <name>')
}
if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) fail(`"${name}" is not in kebab-case`)

const { created, changed } = recipes[/** @type {keyof typeof recipes} */ (what)](namesOf(name), read)
const taken = Object.keys(created).filter((path) => existsSync(root + path))
if (taken.length > 0) fail(`there is already ${taken.join(', ')}`)
// All changes are worked out before the first is written: one that cannot be made leaves nothing behind.
const texts = { ...created }
for (const [path, change] of Object.entries(changed)) texts[path] = change(read(path))
for (const [path, text] of Object.entries(texts)) {
  mkdirSync(dirname(root + path), { recursive: true })
  writeFileSync(root + path, text)
  console.log(`${path in created ? 'new    ' : 'changed'} ${path}`)
}
if (what === 'store') await writeStoreTables()
// How long a line may be depends on the name.
spawnSync(`${root}node_modules/.bin/biome`, ['check', '--write', ...Object.keys(texts)], { cwd: root, stdio: 'ignore' })
console.log('CONTRIBUTING.md says what is to be done now.')

/**
 * @param {string} given
 * @returns {Names}
 */
function namesOf(given) {
  const pascal = given
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')
  return {
    name: given,
    camel: pascal.charAt(0).toLowerCase() + pascal.slice(1),
    pascal,
    words: given.replaceAll('-', ' '),
  }
}

/** @param {string} path relative to the root */
function read(path) {
  return readFileSync(root + path, 'utf8')
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message)
  process.exit(2)
}
