// @ts-check
// Debian packages for the tests, installed where that takes no question: as root, where there is apt.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/**
 * Installs packages; false, having said why, where that can not be.
 *
 * @param {readonly string[]} packages
 */
export function installDebian(packages) {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false
  console.log(`Installing for the tests: ${packages.join(', ')}.`)
  return apt('update') && apt('install', '--yes', '--no-install-recommends', ...packages)
}

/** @param {string[]} args */
function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const run = spawnSync('apt-get', ['-qq', ...args], { env, encoding: 'utf8' })
  if (run.status === 0) return true
  console.log(`apt-get ${args.join(' ')}: ${run.stderr || run.error}`)
  return false
}
