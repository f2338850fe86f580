// @ts-check
// What the tests run against beside Node: database servers, other runtimes, a browser. `npm test` installs what is
// missing where it may. What can not be had is named, and the tests that need it are skipped and counted.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { ensureJars, jarsFolder } from '../test/services/jars.mjs'
import { chromiumPath } from './chromium.mjs'
import { installDebian } from './debian.mjs'
import { root } from './doors.mjs'

// A machine may have them from elsewhere.
const javaTools = { 'default-jre-headless': 'java', maven: 'mvn' }
const java = Object.keys(javaTools)
const postgresVersions = '/usr/lib/postgresql'

/** Whether each part is here, and the Debian packages that bring it. */
const parts = {
  chromium: { here: () => chromiumPath() !== null, packages: ['chromium'] },
  redis: {
    here: () => onPath('redis-server', 'redis-cli', 'redis-sentinel'),
    packages: ['redis-server', 'redis-sentinel', 'redis-tools'],
  },
  postgres: { here: () => postgresBinaries() !== null, packages: ['postgresql'] },
  mariadb: { here: () => onPath('mariadbd', 'mariadb-install-db'), packages: ['mariadb-server'] },
  memcached: { here: () => onPath('memcached'), packages: ['memcached'] },
  mongodb: { here: () => onPath('java') && existsSync(jarsFolder), packages: java },
  couchbase: { here: () => onPath('java') && existsSync(jarsFolder), packages: java },
  runtimes: { here: () => existsSync(`${root}test/runtimes/node_modules/.bin/bun`), packages: [] },
}

/** @typedef {keyof typeof parts} PartName */
export const partNames = /** @type {PartName[]} */ (Object.keys(parts))

/**
 * Whether the tests of this part can run.
 *
 * @param {PartName} name
 */
export function has(name) {
  return parts[name].here()
}

/** The folder of PostgreSQL's binaries, which Debian keeps off the PATH; null if there is none. */
export function postgresBinaries() {
  const versions = existsSync(postgresVersions)
    ? readdirSync(postgresVersions).sort((a, b) => Number(b) - Number(a))
    : []
  const folder = versions.map((version) => join(postgresVersions, version, 'bin'))
  return folder.find((bin) => existsSync(join(bin, 'initdb'))) ?? null
}

/** Installs what is missing, and says what stays missing. */
export function ensureServices() {
  if (!has('runtimes')) npm('ci', '--prefix', 'test/runtimes', '--no-progress')
  const packages = partNames.flatMap((name) => (has(name) ? [] : parts[name].packages)).filter((name) => !isThere(name))
  if (packages.length > 0) installDebian([...new Set(packages)])
  if (!existsSync(jarsFolder) && onPath('mvn', 'java')) ensureJars()
  const still = partNames.filter((name) => !has(name))
  if (still.length > 0) console.log(`Missing here, so their tests are skipped: ${still.join(', ')}.`)
}

/** @param {string} name */
function isThere(name) {
  const tool = javaTools[/** @type {keyof typeof javaTools} */ (name)]
  return tool !== undefined && onPath(tool)
}

/** @param {string[]} executables */
function onPath(...executables) {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
  return executables.every((name) => folders.some((folder) => existsSync(join(folder, name))))
}

/** @param {string[]} args */
function npm(...args) {
  const run = spawnSync('npm', args, { cwd: root, encoding: 'utf8' })
  if (run.status !== 0) console.log(`npm ${args.join(' ')}: ${run.stderr}`)
}
