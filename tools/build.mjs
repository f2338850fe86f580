// @ts-check
// Compiles src into dist:  node tools/build.mjs [--if-stale]
// The old dist is replaced in one step and only by a complete one, so that a test which reads it never sees half.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { root } from './doors.mjs'

const source = `${root}src`
const dist = `${root}dist`

/** Compiles; throws with the compiler's output when it finds an error. */
export function build() {
  const cache = `${root}node_modules/.cache/coatcheck`
  const fresh = `${cache}/dist-${process.pid}`
  const old = `${cache}/old-dist-${process.pid}`
  mkdirSync(cache, { recursive: true })
  try {
    const tsc = `${root}node_modules/.bin/tsc`
    const run = spawnSync(tsc, ['-p', 'tsconfig.json', '--outDir', fresh], { cwd: root, encoding: 'utf8' })
    if (run.status !== 0) throw new Error(`tsc failed\n${run.stdout}${run.stderr}${run.error ?? ''}`)
    if (existsSync(dist)) renameSync(dist, old)
    renameSync(fresh, dist)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
    rmSync(old, { recursive: true, force: true })
  }
}

/** Whether dist lacks a module of src, has one too many or is older than src or the compiler's options. */
export function isStale() {
  if (!existsSync(dist)) return true
  const inputs = modules(source, '.ts')
  const outputs = modules(dist, '.js')
  if (inputs.join() !== outputs.join()) return true
  const newest = Math.max(...inputs.map((name) => changed(`${source}/${name}.ts`)), changed(`${root}tsconfig.json`))
  const oldest = Math.min(...outputs.map((name) => changed(`${dist}/${name}.js`)))
  return newest > oldest
}

/** @param {string} folder @param {string} suffix */
function modules(folder, suffix) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(suffix) && !name.endsWith('.d.ts'))
    .map((name) => name.slice(0, -suffix.length))
    .sort()
}

/** @param {string} path */
function changed(path) {
  return statSync(path).mtimeMs
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  if (!process.argv.includes('--if-stale') || isStale()) {
    try {
      build()
    } catch (error) {
      console.error(error instanceof Error ? error.message : error)
      process.exitCode = 1
    }
  }
}
