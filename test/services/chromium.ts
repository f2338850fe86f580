/**
 * The browser for tests that need a real one, or null where there is none (those tests are then skipped, and counted).
 *
 * `npm test` installs it first where it can; set `COATCHECK_CHROMIUM` to use another executable.
 */
export { chromiumPath } from '../../tools/chromium.mjs'
