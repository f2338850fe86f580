// @ts-check
// Lists the notes of the changes that are not released yet, and refuses malformed ones:  npm run changes
import { readdirSync, readFileSync } from 'node:fs'
import { root } from './doors.mjs'

const kinds = ['major', 'minor', 'patch']
const folder = `${root}.changes`
const files = readdirSync(folder)
  .filter((name) => name !== 'README.md')
  .sort()
let faults = 0
for (const kind of kinds) {
  const notes = files.filter((name) => name.startsWith(`${kind}.`))
  if (notes.length > 0) console.log(`${kind}:`)
  for (const name of notes) {
    const [first = ''] = readFileSync(`${folder}/${name}`, 'utf8').trim().split('\n')
    console.log(`  ${first || name}`)
    if (first === '' || first.startsWith('#')) fault(name, 'begins with a sentence, not with a heading or nothing')
  }
}
for (const name of files) {
  if (!/^(major|minor|patch)\.[a-z0-9]+(-[a-z0-9]+)*\.md$/.test(name))
    fault(name, 'is named like minor.slug-in-kebab-case.md')
}
process.exitCode = faults === 0 ? 0 : 1

/** @param {string} name @param {string} rule */
function fault(name, rule) {
  faults += 1
  console.error(`.changes/${name}: a note ${rule}; see .changes/README.md`)
}
