// @ts-check
// Insertions into files that are kept by hand.

/**
 * Puts lines before the one line that begins so.
 *
 * @param {string} text
 * @param {string} beginning of a line
 * @param {string} lines each with its end
 */
export function insertBefore(text, beginning, lines) {
  const at = text.startsWith(beginning) ? 0 : text.indexOf(`\n${beginning}`) + 1
  if (at === 0 && !text.startsWith(beginning)) throw new Error(`no line begins with "${beginning}"`)
  return text.slice(0, at) + lines + text.slice(at)
}

/**
 * Adds a door to the exports of a package.json.
 *
 * @param {string} text
 * @param {string} door such as `./stores/acme`
 * @param {string} file its source, below src and without the extension
 * @param {string} before the door that follows it
 */
export function withDoor(text, door, file, before) {
  const manifest = JSON.parse(text)
  if (!(before in manifest.exports)) throw new Error(`package.json exports no ${before}`)
  const target = { types: `./dist/${file}.d.ts`, default: `./dist/${file}.js` }
  const doors = Object.entries(manifest.exports).flatMap(([name, value]) =>
    name === before
      ? [
          [door, target],
          [name, value],
        ]
      : [[name, value]],
  )
  return `${JSON.stringify({ ...manifest, exports: Object.fromEntries(doors) }, null, 2)}\n`
}
