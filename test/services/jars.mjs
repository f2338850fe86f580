// @ts-check
// The servers of the tests that exist only as jars (MongoDB's and Couchbase's protocols), from Maven's repository.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const cache = join(here, '../../node_modules/.cache')

/** Where the jars are. The folder exists only when it is complete. */
export const jarsFolder = join(cache, 'coatcheck-jars')

/** Fetches the jars, if they are not there yet, and answers whether they are there now. Says what it does. */
export function ensureJars() {
  if (existsSync(jarsFolder)) return true
  console.log('Fetching the jars of the test servers with Maven.')
  mkdirSync(cache, { recursive: true })
  const partial = mkdtempSync(`${jarsFolder}-`)
  const goal = ['-B', '-q', 'dependency:copy-dependencies', `-DoutputDirectory=${partial}`]
  const run = spawnSync('mvn', ['-f', join(here, 'pom.xml'), ...goal], { encoding: 'utf8' })
  if (run.status !== 0) {
    rmSync(partial, { recursive: true, force: true })
    console.log(`That failed: ${run.error ?? (run.stdout || run.stderr).slice(0, 2000)}`)
    return false
  }
  try {
    renameSync(partial, jarsFolder)
  } catch (error) {
    // Another process was faster.
    rmSync(partial, { recursive: true, force: true })
    if (!existsSync(jarsFolder)) throw error
  }
  return true
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const there = ensureJars()
  console.log(there ? `The jars are in ${jarsFolder}.` : 'The jars are missing.')
  process.exitCode = there ? 0 : 1
}
