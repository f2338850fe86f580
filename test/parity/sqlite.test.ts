import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { has } from '../../tools/services.mjs'

const node24 = 'test/runtimes/node_modules/.bin/node'
const hasSqlite = process.getBuiltinModule?.('node:sqlite' as 'module') !== undefined

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: { assertionResults: { status: string; fullName: string; failureMessages: string[] }[] }[]
}

// Where the running Node has SQLite, the rows run on it like on any other store.
it.skipIf(hasSqlite || !has('runtimes'))(
  'X1 X2 X3 X4 L16 L18 D3 D9 D12 B20 F7 F8 F9 F10 F16 on SQLite, which needs a newer Node: all rows pass there',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'coatcheck-parity-sqlite-'))
    try {
      const output = join(folder, 'report.json')
      const args = [
        'run',
        '--project',
        'main',
        '--reporter=json',
        `--outputFile=${output}`,
        'test/parity',
        '-t',
        '\\(sqlite\\)',
      ]
      const vitest = spawn(node24, ['node_modules/vitest/vitest.mjs', ...args], {
        env: { ...process.env, COATCHECK_STORES: 'sqlite' },
        stdio: 'ignore',
      })
      await once(vitest, 'exit')
      const report = JSON.parse(readFileSync(output, 'utf8')) as Report
      const results = report.testResults.flatMap(({ assertionResults }) => assertionResults)
      const failed = results.filter(({ status }) => status === 'failed')
      expect(failed.map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages.join(' ')}`)).toEqual([])
      expect(report.numPassedTests).toBeGreaterThan(40)
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
  300_000,
)
