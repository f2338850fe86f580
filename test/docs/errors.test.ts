import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { errorCatalog } from '../../src/error-catalog.ts'

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
const headings = page.match(/(?<=^### ).+$/gm) ?? []

it('docs/errors.md has a section for every code, in the order of the catalogue', () => {
  expect(headings).toEqual(Object.keys(errorCatalog))
})

it('every anchor of the catalogue is a heading of the page', () => {
  for (const { anchor } of Object.values(errorCatalog))
    expect(headings.map((each) => each.toLowerCase())).toContain(anchor)
})
