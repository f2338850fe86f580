import { filesIn, sourcesOf, type Tree } from '../fixtures/tree.ts'
import { addressesOf, type Import, importsOf } from './syntax.ts'

/**
 * The ranks of `src`: an import goes to the own folder or to a lower rank, never sideways.
 *
 * The leaves have a rank too, for those that may import them; what they import themselves `leafFaults` says.
 */
const ranks: Readonly<Record<string, number>> = {
  contract: 0,
  'errors.ts': 0,
  values: 1,
  'error-catalog.ts': 1,
  crypto: 2,
  transports: 3,
  codecs: 3,
  core: 4,
  stores: 5,
  adapters: 5,
  'index.ts': 5,
  users: 5,
  jwt: 5,
  observe: 5,
  config: 6,
  testing: 6,
  'express-session': 6,
  cli: 6,
  dashboard: 6,
}

/** The one leaf that the root door wires in: the store of those who choose none. */
const defaultStore = 'src/stores/memory/index.ts'
const leaves = new Set(['stores', 'adapters'])
/** The one store that brings a part of the engine: it keeps no records, so it has a persistence of its own. */
const ownPersistence = 'src/stores/sealed-cookie/'
/** The folders that run on any platform. */
const pure = new Set(['contract', 'values', 'crypto', 'transports', 'codecs', 'core', 'errors.ts', 'index.ts'])

/** Imports that do not go to a lower rank, and folders without one. */
export function rankFaults(tree: Tree): string[] {
  const unranked = [...sourcesOf(tree).keys()].filter((path) => ranks[partOf(path)] === undefined)
  const faults = eachImport(tree, (path, { specifier, file }) => {
    const from = partOf(path)
    if (file === undefined) return undefined
    const to = partOf(file)
    if (!file.startsWith('src/')) return `${path}: ${specifier} is outside of src`
    if (from === to || leaves.has(from)) return undefined
    if (from === 'index.ts' && file === defaultStore) return undefined
    const [high = 0, low = 0] = [ranks[from], ranks[to]]
    return low < high ? undefined : `${path} (rank ${high}) imports ${file} (rank ${low})`
  })
  return [...unranked.map((path) => `${path} is in a place without a rank`), ...faults]
}

/**
 * Leaves that import more than types of the contract, errors, built-ins, their own folder and the folders with a `_`.
 *
 * A leaf is a folder of `stores` or a file of `adapters`. What opens a store from a URL (`open*.ts` of its folder) is loaded
 * by the door `stores/index.ts` alone, so that a store never brings it along.
 */
export function leafFaults(tree: Tree): string[] {
  return eachImport(tree, (path, { specifier, file, typeOnly, dynamic }) => {
    const folder = partOf(path)
    if (!leaves.has(folder)) return undefined
    if (file === undefined) {
      const allowed = typeOnly || specifier.startsWith('node:')
      return allowed ? undefined : `${path} imports the package ${specifier} at run time`
    }
    if (file === 'src/errors.ts' || (typeOnly && partOf(file) === 'contract')) return undefined
    if (path.startsWith(ownPersistence) && !leaves.has(partOf(file))) return undefined
    const sibling = file.startsWith(`src/${folder}/`)
    if (sibling && path === `src/${folder}/index.ts` && (dynamic || typeOnly || isShared(file))) return undefined
    if (sibling && (isShared(file) || leafOf(file) === leafOf(path)) && (opens(path) || !opens(file))) return undefined
    return `${path} imports ${file}; a leaf imports types of the contract, errors.ts, its own folder and _folders`
  })
}

/** A folder below `stores` or `adapters`, or a file that lies there itself. */
function leafOf(path: string): string {
  return path.split('/')[2] ?? ''
}

function isShared(path: string): boolean {
  return leafOf(path).startsWith('_')
}

function opens(path: string): boolean {
  return /^src\/stores\/[^/]+\/open(-[a-z-]+)?\.ts$/.test(path) || path.startsWith('src/stores/_open/')
}

/** Import cycles, those of types included: each as the path that leads back to its beginning. */
export function cycles(tree: Tree): string[] {
  const sources = sourcesOf(tree)
  const edges = new Map<string, string[]>()
  for (const [path, text] of sources) {
    const files = importsOf(path, text).map(({ file }) => file)
    edges.set(
      path,
      files.filter((file) => file !== undefined),
    )
  }
  const found: string[] = []
  const done = new Set<string>()
  const walk = (path: string, trail: string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      found.push([...trail.slice(start), path].join(' -> '))
      return
    }
    if (done.has(path)) return
    for (const next of edges.get(path) ?? []) walk(next, [...trail, path])
    done.add(path)
  }
  for (const path of sources.keys()) walk(path, [])
  return found
}

/** Relative imports of files that do not exist, and those that do not name their extension. */
export function danglingImports(tree: Tree): string[] {
  return eachImport(tree, (path, { specifier, file }) =>
    file === undefined || tree.has(file) ? undefined : `${path}: there is no ${specifier}`,
  )
}

/** Packages that are imported at run time but not declared, or loaded eagerly by what runs on any platform. */
export function packageFaults(tree: Tree): string[] {
  const manifest = JSON.parse(tree.get('package.json') ?? '{}') as Record<string, Record<string, string> | undefined>
  const installed = new Set(Object.keys(manifest['dependencies'] ?? {}))
  const expected = new Set([...installed, ...Object.keys(manifest['peerDependencies'] ?? {})])
  return eachImport(tree, (path, { specifier, file, typeOnly, dynamic }) => {
    if (file !== undefined || specifier.startsWith('node:')) return undefined
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
    if (!(typeOnly ? expected : installed).has(name)) return `${path} imports ${name}, which is no dependency`
    if (pure.has(partOf(path)) && !dynamic) return `${path} imports the package ${name} eagerly`
    return undefined
  })
}

/**
 * Tests that use a file of another folder of tests, by import or as the address of a child process. What two of them need
 * is a fixture; a fixture needs no test.
 */
export function testFaults(tree: Tree): string[] {
  const faults: string[] = []
  const tests = /^test\/.*\.(ts|mjs)$/
  for (const [path, text] of filesIn(tree, tests)) {
    const folder = partOf(path)
    // The services are below the fixtures.
    const shared = folder === 'services' ? [] : ['fixtures', 'services']
    for (const file of [...importsOf(path, text).map(({ file }) => file), ...addressesOf(path, text)]) {
      if (file === undefined || !tests.test(file)) continue
      if (![folder, ...shared].includes(partOf(file))) faults.push(`${path} uses ${file}`)
    }
  }
  return faults
}

/** The top folder below src or test, or the file that lies there itself. */
function partOf(path: string): string {
  return path.split('/')[1] ?? ''
}

/** Whether the file runs on any platform. */
export function isPure(path: string): boolean {
  return path.startsWith('src/') && pure.has(partOf(path))
}

function eachImport(tree: Tree, judge: (path: string, what: Import) => string | undefined): string[] {
  const faults: string[] = []
  for (const [path, text] of sourcesOf(tree)) {
    for (const what of importsOf(path, text)) {
      const fault = judge(path, what)
      if (fault !== undefined) faults.push(fault)
    }
  }
  return faults
}
