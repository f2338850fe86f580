import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../tools/doors.mjs'

/** What is installed or generated is not copied; `.git` would say that the copy is this repository. */
const leftOut = new Set(['node_modules', 'dist', 'coverage', '.git', '.cache', '.data'])
const store = 'src/stores/acme-db/index.ts'
const adapter = 'src/adapters/acme-web.ts'
const storeSuite = 'test/stores/acme-db.test.ts'
const adapterSuite = 'test/adapters/acme-web.test.ts'

/** How the tests of one file ended. */
interface FileReport {
  readonly passed: number
  readonly failed: string[]
}

let copy: string
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'coatcheck-recipes-'))
  cpSync(root, copy, { recursive: true, filter: (path) => !leftOut.has(basename(path)) })
  symlinkSync(`${root}node_modules`, join(copy, 'node_modules'))
})
afterAll(() => rmSync(copy, { recursive: true, force: true }))

/** Runs a command in the copy; its exit code, and what it printed. */
async function run(command: string, ...args: string[]): Promise<{ code: number | null; printed: string }> {
  const child = spawn(command, args, { cwd: copy, stdio: ['ignore', 'pipe', 'pipe'] })
  const printed = Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, printed: (await printed).join('') }
}

async function expectSuccess(command: string, ...args: string[]): Promise<string> {
  const { code, printed } = await run(command, ...args)
  expect(code, printed).toBe(0)
  return printed
}

/** Runs test files of the copy. */
async function reportsOf(...files: string[]): Promise<Map<string, FileReport>> {
  const output = join(copy, 'report.json')
  // Cases of an adapter that is broken on purpose wait for what never comes.
  const args = ['run', '--project', 'main', '--testTimeout=5000', '--reporter=json', `--outputFile=${output}`, ...files]
  await run('node_modules/.bin/vitest', ...args)
  const { testResults } = JSON.parse(readFileSync(output, 'utf8')) as {
    readonly testResults: { name: string; message: string; assertionResults: { status: string; fullName: string }[] }[]
  }
  rmSync(output)
  return new Map(
    testResults.map(({ name, message, assertionResults }) => {
      const failed = assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName)
      const passed = assertionResults.filter(({ status }) => status === 'passed').length
      // A file that cannot be loaded has no tests.
      const report = { passed, failed: assertionResults.length === 0 ? [message] : failed }
      return [name.slice(name.indexOf('/test/') + 1), report] as const
    }),
  )
}

/** Changes a file of the copy until the work is done. */
async function planted<Result>(path: string, change: (text: string) => string, work: () => Promise<Result>) {
  const before = readFileSync(join(copy, path), 'utf8')
  const after = change(before)
  expect(after, `nothing was planted in ${path}`).not.toBe(before)
  writeFileSync(join(copy, path), after)
  try {
    return await work()
  } finally {
    writeFileSync(join(copy, path), before)
  }
}

describe('the recipes of CONTRIBUTING.md', { timeout: 120_000 }, () => {
  it('begin a store and an adapter with all that belongs to them', async () => {
    const made = [
      await expectSuccess(process.execPath, 'tools/new.mjs', 'store', 'acme-db'),
      await expectSuccess(process.execPath, 'tools/new.mjs', 'adapter', 'acme-web'),
    ]
    expect(made.join('').match(/(?<=^(?:new|changed) +)\S+$/gm)).toEqual([
      ...[store, storeSuite, 'docs/stores/acme-db.md', 'examples/acme-db-store/server.ts'],
      ...['.changes/minor.acme-db-store.md', 'package.json', 'test/fixtures/backends.ts', 'README.md'],
      ...[adapter, adapterSuite, 'docs/adapters/acme-web.md', 'examples/acme-web/server.ts'],
      ...['.changes/minor.acme-web-adapter.md', 'package.json', 'README.md'],
    ])
    const readme = readFileSync(join(copy, 'README.md'), 'utf8')
    expect(readme).toContain('| [acme db](docs/stores/acme-db.md) | one | no | `sweep` | yes | yes |')
    expect(readme).toContain('| `coatcheck/acme-web` | `acmeWebSession` for acme web |')
  })

  it('whose results compile, are formatted and fit into the house', async () => {
    for (const config of ['tsconfig.json', 'tsconfig.test.json']) {
      await expectSuccess('node_modules/.bin/tsc', '-p', config, '--noEmit')
    }
    await expectSuccess('node_modules/.bin/biome', 'check', '--error-on-warnings', '.')
    await expectSuccess(process.execPath, 'tools/changes.mjs')
  })

  it('whose results pass the suites and the rules of the architecture', async () => {
    const reports = await reportsOf('test/architecture', storeSuite, adapterSuite)
    expect([...reports].flatMap(([path, { failed }]) => failed.map((title) => `${path}: ${title}`))).toEqual([])
    expect(reports.size).toBe(4)
    for (const { passed } of reports.values()) expect(passed).toBeGreaterThan(10)
  })

  it('whose suites fail for a store that upserts and for an adapter that never commits', async () => {
    const reports = await planted(
      store,
      (source) => source.replace('if (live(key) !== null) return false\n', ''),
      () => planted(adapter, withoutCommits, () => reportsOf(storeSuite, adapterSuite)),
    )
    expect(reports.get(storeSuite)?.failed.join('\n')).toMatch(/create/)
    expect(reports.get(adapterSuite)?.failed.length).toBeGreaterThan(3)
    // It is the fault that fails, and not everything.
    for (const path of [storeSuite, adapterSuite]) expect(reports.get(path)?.passed, path).toBeGreaterThan(3)
  })

  it('refuse what is there already, and what is no name', async () => {
    for (const [args, message] of [
      [['store', 'acme-db'], 'there is already src/stores/acme-db/index.ts'],
      [['adapter', 'express'], 'there is already src/adapters/express.ts'],
      [['store', 'AcmeDb'], 'is not in kebab-case'],
      [['transport', 'acme'], 'usage: node tools/new.mjs store|adapter <name>'],
    ] as const) {
      const { code, printed } = await run(process.execPath, 'tools/new.mjs', ...args)
      expect([code, printed]).toEqual([2, expect.stringContaining(message)])
    }
  })
})

/** The adapter on sessions that store nothing when a request is finished. */
function withoutCommits(source: string): string {
  return `${source.replace('export function acmeWebSession', 'function honest')}
export function acmeWebSession(sessions, options) {
  const finish = () => ({ outcome: 'nothing', headers: [], token: null })
  return honest(
    new Proxy(sessions, {
      get(target, name) {
        if (name === 'adapter') return { ...target.adapter, finish }
        const value = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    }),
    options,
  )
}
`
}
