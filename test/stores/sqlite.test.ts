import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { storeCases } from '../../src/testing/index.ts'
import { bundleChild } from '../faults/bundle.ts'
import { runtimesWithSqlite } from './sqlite/runtimes.ts'

const parent = mkdtempSync(join(tmpdir(), 'coatcheck-sqlite-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

const titles = storeCases(
  () => {
    throw new Error('the cases run in a child')
  },
  { abilities: ['sweep', 'list', 'users'] },
).map(({ title }) => title)

for (const { command, client, title } of runtimesWithSqlite()) {
  describe(`sqliteStore fulfils the store contract with ${title}`, () => {
    const results = new Map<string, string | null>()

    beforeAll(async () => {
      const child = await bundleChild('../stores/sqlite/conformance.ts')
      const suite = spawn(command, [child, client, mkdtempSync(join(parent, 'suite-'))], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      for await (const line of createInterface({ input: suite.stdout })) {
        const { title, error = null } = JSON.parse(line) as { title: string; error?: string }
        results.set(title, error)
      }
    })

    for (const title of titles) it(title, () => expect(results.get(title)).toBeNull())

    it('runs no other cases', () => expect([...results.keys()]).toEqual(titles))
  })
}
