// @ts-check
// The browser of the tests: Debian's chromium. Nothing else needs a browser, and none is downloaded.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'

/**
 * The browser's executable, or null: COATCHECK_CHROMIUM if set, else what Debian installs.
 *
 * @returns {string | null}
 */
export function chromiumPath() {
  const chosen = process.env['COATCHECK_CHROMIUM']
  const places = chosen === undefined ? ['/usr/bin/chromium', '/usr/bin/chromium-browser'] : [chosen]
  return places.find(isExecutable) ?? null
}

/** Installs the browser where that takes no question: as root, on Debian. Elsewhere it only says what is missing. */
export function ensureChromium() {
  if (chromiumPath() !== null) return
  const mayInstall = process.getuid?.() === 0 && process.env['COATCHECK_CHROMIUM'] === undefined
  if (!mayInstall || !existsSync('/usr/bin/apt-get')) {
    console.log(
      'No chromium found: the browser tests will be skipped. Set COATCHECK_CHROMIUM to use one from elsewhere.',
    )
    return
  }
  console.log('No chromium found: installing the Debian package for the browser tests.')
  if (!apt('update') || !apt('install', '--yes', '--no-install-recommends', 'chromium')) {
    console.log('That failed: the browser tests will be skipped.')
  }
}

/** @param {string[]} args */
function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const run = spawnSync('apt-get', ['-qq', ...args], { env, encoding: 'utf8' })
  if (run.status === 0) return true
  console.log(`apt-get ${args.join(' ')}: ${run.stderr || run.error}`)
  return false
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
