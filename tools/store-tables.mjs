// @ts-check
// Writes the tables of stores in the documentation from the rows in test/fixtures/backends.ts, which the tests run on:
//   node tools/store-tables.mjs
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { posix } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundleTs } from './bundle-ts.mjs'
import { root } from './doors.mjs'

/** @typedef {import('../test/fixtures/store-facts.ts').StoreFacts} StoreFacts */
/** @typedef {readonly (readonly [name: string, facts: StoreFacts])[]} Stores */

/** The files that have a table between `<!-- stores: <name> -->` and `<!-- /stores -->`. */
export const filesWithTables = ['README.md', 'docs/stores/README.md']

/** @type {Record<string, (stores: Stores, folder: string) => string[][]>} */
const tables = {
  overview: (stores, folder) => [
    ['store', 'processes', 'survives a restart', 'expired records', 'lists, counts', 'of a user'],
    ...stores.map(([name, facts]) => [
      linkTo(name, folder),
      facts.processes,
      facts.restart,
      expiryOf(facts),
      listingOf(facts),
      usersOf(facts),
    ]),
  ],
  choice: (stores, folder) => [
    ['', 'when', 'survives a restart', 'expired records', 'list, count', 'of a user', 'lost on failover'],
    ...stores.map(([name, facts]) => [
      linkTo(name, folder),
      facts.when,
      facts.restart,
      expiryOf(facts),
      listingOf(facts),
      usersOf(facts),
      facts.failover,
    ]),
  ],
  'round trips': (stores) => [
    ['', 'read', 'create', 'replace', 'touch', 'delete', 'for a session of a user also'],
    ...roundTripsOf(stores),
  ],
}

/**
 * The text with its tables as they have to be.
 *
 * @param {string} path of the file, relative to the root
 * @param {string} text
 * @param {Stores} stores
 */
export function withTables(path, text, stores) {
  return text.replaceAll(/(<!-- stores: ([\w ]+) -->\n).*?(<!-- \/stores -->)/gs, (_, begin, name, end) => {
    const rows = tables[name]?.(stores, posix.dirname(path))
    if (rows === undefined) throw new Error(`${path}: there is no table called "${name}"`)
    const [head = [], ...body] = rows
    const lines = [head, head.map(() => '---'), ...body].map(lineOf)
    return `${begin}${lines.join('\n')}\n${end}`
  })
}

/** @param {string[]} cells */
function lineOf(cells) {
  const between = cells.every((cell) => cell === '---') ? cells.join('|') : null
  if (between !== null) return `|${between}|`
  return `|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`
}

/** @param {string} name @param {string} folder */
function linkTo(name, folder) {
  return `[${name.replace('-', ' ')}](${posix.relative(folder, `docs/stores/${name}.md`)})`
}

/** @param {StoreFacts} facts */
function expiryOf({ expiry, can }) {
  return [expiry, can.includes('sweep') ? '`sweep`' : undefined].filter((way) => way !== undefined).join(', ')
}

/** @param {StoreFacts} facts */
function listingOf({ can, listing }) {
  if (!can.includes('list')) return 'no'
  return listing === undefined ? 'yes' : `yes, ${listing}`
}

/** @param {StoreFacts} facts */
function usersOf({ can, users }) {
  return users ?? (can.includes('users') ? 'yes' : 'no')
}

/**
 * Stores that take the same are one row.
 *
 * @param {Stores} stores
 */
function roundTripsOf(stores) {
  /** @type {Map<string, string[]>} */
  const names = new Map()
  for (const [name, { roundTrips }] of stores) {
    if (roundTrips === undefined) continue
    const { replace, touch, ofUser } = roundTrips
    const cells = JSON.stringify(['1', '1', String(replace), String(touch), '1', ofUser])
    names.set(cells, [...(names.get(cells) ?? []), name])
  }
  return [...names].map(([cells, same]) => [same.join(', '), ...JSON.parse(cells)])
}

/** Writes the tables anew where they differ. */
export async function writeStoreTables() {
  const bundle = await bundleTs(`${root}test/fixtures/backends.ts`)
  try {
    const { documentedStores } = await import(pathToFileURL(bundle).href)
    for (const path of filesWithTables) {
      const text = readFileSync(root + path, 'utf8')
      const filled = withTables(path, text, documentedStores)
      if (filled === text) continue
      console.log(`${path}: the tables of stores are written anew`)
      writeFileSync(root + path, filled)
    }
  } finally {
    rmSync(bundle)
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await writeStoreTables()
