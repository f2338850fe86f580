import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, it } from 'vitest'
import { fileStore } from '../../src/stores/file/index.ts'
import { storeCases } from '../../src/testing/index.ts'

const parent = mkdtempSync(join(tmpdir(), 'coatcheck-file-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

describe('fileStore fulfils the store contract', () => {
  const cases = storeCases(({ clock }) => fileStore({ directory: mkdtempSync(join(parent, 'case-')), clock }))
  for (const { title, run } of cases) it(title, run)
})
