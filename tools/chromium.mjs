// @ts-check
// The browser of the tests: Debian's chromium. Nothing else needs a browser, and none is downloaded.
import { accessSync, constants } from 'node:fs'

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

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
