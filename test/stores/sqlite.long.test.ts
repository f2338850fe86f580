import { expect, it } from 'vitest'
import { writeTogether } from './sqlite/processes.ts'
import { runtimesWithSqlite } from './sqlite/runtimes.ts'

const runtimes = runtimesWithSqlite()

it.skipIf(runtimes.length === 0)(
  'REL-24 processes that write for a minute, one of them killed, lose nothing',
  async () => {
    const { errors, acknowledged, found, integrity } = await writeTogether(runtimes, 60_000)
    expect(errors).toEqual([])
    expect(integrity).toEqual(['ok'])
    for (const [key, version] of acknowledged) expect(found[key] ?? 0).toBeGreaterThanOrEqual(version)
    expect(acknowledged.size).toBeGreaterThan(1_000)
  },
  120_000,
)
