// @ts-check
// Checks that package-lock.json has an entry for every optional dependency:  node tools/lockfile.mjs [--write]
// `npm install` leaves out the builds for other platforms when it can not look them up, and `npm ci` then refuses the
// lockfile. --write adds what is known of them without a look-up: the version their package asks for, and the
// platform their name tells. It is enough for `npm ci` to pass them over where they do not fit.
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { root } from './doors.mjs'

/**
 * @typedef {object} Entry
 * @property {string} [version]
 * @property {string[]} [cpu]
 * @property {string[]} [libc]
 * @property {string[]} [os]
 * @property {boolean} [dev]
 * @property {boolean} [optional]
 * @property {Record<string, string>} [optionalDependencies]
 */
/** @typedef {{ packages: Record<string, Entry> }} Lockfile */

const operatingSystems = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
]
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64']

/**
 * The optional dependencies without an entry, by the place where the entry belongs.
 *
 * @param {Lockfile} lockfile
 */
export function missingOptionals({ packages }) {
  /** @type {Map<string, { name: string, version: string, of: Entry }>} */
  const missing = new Map()
  for (const [place, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (!(`node_modules/${name}` in packages) && !(`${place}/node_modules/${name}` in packages)) {
        missing.set(`node_modules/${name}`, { name, version, of: entry })
      }
    }
  }
  return missing
}

/**
 * Adds the entries that are missing.
 *
 * @param {Lockfile} lockfile
 */
export function complete(lockfile) {
  for (const [place, { name, version, of }] of missingOptionals(lockfile)) {
    lockfile.packages[place] = { version, ...platformOf(name), ...(of.dev ? { dev: true } : {}), optional: true }
  }
  const sorted = Object.entries(lockfile.packages).sort(([a], [b]) => a.localeCompare(b, 'en'))
  lockfile.packages = Object.fromEntries(sorted)
}

/** @param {string} name */
function platformOf(name) {
  const words = name.split(/[/-]/)
  const os = words.filter((word) => operatingSystems.includes(word))
  const cpu = words.filter((word) => processors.includes(word))
  if (os.length !== 1 || cpu.length !== 1) throw new Error(`the platform of ${name} can not be told from its name`)
  if (os[0] !== 'linux') return { cpu, os }
  return { cpu, libc: [words.some((word) => word.startsWith('musl')) ? 'musl' : 'glibc'], os }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const path = `${root}package-lock.json`
  /** @type {Lockfile} */
  const lockfile = JSON.parse(readFileSync(path, 'utf8'))
  const missing = [...missingOptionals(lockfile).keys()]
  if (process.argv.includes('--write')) {
    complete(lockfile)
    writeFileSync(path, `${JSON.stringify(lockfile, null, 2)}\n`)
    console.log(`${missing.length} entries added`)
  } else if (missing.length > 0) {
    console.error(`package-lock.json lacks:\n  ${missing.join('\n  ')}\nnode tools/lockfile.mjs --write adds them.`)
    process.exitCode = 1
  }
}
