import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { storeCases } from '../../src/testing/index.ts'
import { bundleChild } from '../fixtures/children.ts'
import { sqliteChecks } from './sqlite/checks.ts'
import { writeTogether } from './sqlite/processes.ts'
import { runtimesWithSqlite } from './sqlite/runtimes.ts'

const parent = mkdtempSync(join(tmpdir(), 'coatcheck-sqlite-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

// The cases run in a child, for the Node.js that runs the tests need not have SQLite. Here they only give their titles.
const nowhere = (): never => {
  throw new Error('the cases run in a child')
}
const cases = [...storeCases(nowhere, { abilities: ['sweep', 'list', 'users'] }), ...sqliteChecks(nowhere, '')]
const titles = cases.map(({ title }) => title)
const runtimes = runtimesWithSqlite()

for (const { command, client, title } of runtimes) {
  describe(`sqliteStore fulfils the store contract with ${title}`, () => {
    const results = new Map<string, string | null>()

    beforeAll(async () => {
      const child = await bundleChild(new URL('./sqlite/conformance.ts', import.meta.url))
      const folder = mkdtempSync(join(parent, 'suite-'))
      const suite = spawn(command, [child, client, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
      for await (const line of createInterface({ input: suite.stdout })) {
        const { title, error = null } = JSON.parse(line) as { title: string; error?: string }
        results.set(title, error)
      }
    })

    for (const title of titles) it(title, () => expect(results.get(title)).toBeNull())

    it('runs no other cases', () => expect([...results.keys()]).toEqual(titles))
  })
}

describe.skipIf(runtimes.length === 0)('sqliteStore between processes', () => {
  it('REL-24 REL-26 processes that make the table and write at once, one of them killed, lose nothing', async () => {
    const { errors, acknowledged, found, integrity, interruptions } = await writeTogether(runtimes, 3_000)
    expect(errors).toEqual([])
    expect(integrity).toEqual(['ok'])
    for (const [key, version] of acknowledged) expect(found[key] ?? 0).toBeGreaterThanOrEqual(version)
    // Else nothing was shown.
    expect(interruptions).toBeGreaterThan(5)
    expect(acknowledged.size).toBeGreaterThan(100)
  })
})
