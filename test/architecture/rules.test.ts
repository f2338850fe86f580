import { describe, expect, it } from 'vitest'
import { doorSources, root } from '../../tools/doors.mjs'
import { complete, type Lockfile, missingOptionals } from '../../tools/lockfile.mjs'
import { readTree, sourcesOf, type Tree } from '../fixtures/tree.ts'
import {
  emptyCatches,
  longFiles,
  machineTraces,
  nameFaults,
  platformFaults,
  silencedChecks,
  undescribedParts,
} from './content.ts'
import { candidates, doorFaults } from './doors.ts'
import { cycles, danglingImports, leafFaults, packageFaults, rankFaults, testFaults } from './imports.ts'
import { importsOf } from './syntax.ts'

const tree = readTree(root)

/** The faults of a few planted files. */
function planted(rule: (tree: Tree) => string[], files: Record<string, string>): string[] {
  return rule(new Map(Object.entries(files)))
}

describe('the scan', () => {
  it('sees the sources and their imports', () => {
    const sources = sourcesOf(tree)
    expect(sources.size).toBeGreaterThan(20)
    const imports = [...sources].flatMap(([path, text]) => importsOf(path, text))
    expect(imports.filter(({ file }) => file !== undefined).length).toBeGreaterThan(30)
  })

  it('tells apart the forms of an import', () => {
    const text = `
      import a from './a.ts'
      import type { B } from '../b.ts'
      import { type C } from 'c'
      export * from './d.ts'
      export type { E } from './e.ts'
      type F = import('./f.ts').F
      const g = import('g/sub')
      // import './h.ts'
      const text = "import './i.ts'"`
    expect(importsOf('src/core/x.ts', text)).toEqual([
      { specifier: './a.ts', file: 'src/core/a.ts', typeOnly: false, dynamic: false },
      { specifier: '../b.ts', file: 'src/b.ts', typeOnly: true, dynamic: false },
      { specifier: 'c', file: undefined, typeOnly: false, dynamic: false },
      { specifier: './d.ts', file: 'src/core/d.ts', typeOnly: false, dynamic: false },
      { specifier: './e.ts', file: 'src/core/e.ts', typeOnly: true, dynamic: false },
      { specifier: './f.ts', file: 'src/core/f.ts', typeOnly: true, dynamic: false },
      { specifier: 'g/sub', file: undefined, typeOnly: false, dynamic: true },
    ])
  })
})

describe('imports', () => {
  it('go only to lower ranks', () => expect(rankFaults(tree)).toEqual([]))

  it('that go up, sideways or outside are seen', () => {
    const faults = planted(rankFaults, {
      'src/core/up.ts': "import '../config/load.ts'",
      'src/codecs/sideways.ts': "import type { T } from '../transports/cookie.ts'",
      'src/contract/errors.ts': "import type { E } from '../errors.ts'",
      'src/core/store.ts': "import { memoryStore } from '../stores/memory/index.ts'",
      'src/index.ts': "import '../test/x.ts'\nimport { fileStore } from './stores/file/index.ts'",
      'src/novelty/x.ts': 'export {}',
      'src/users/list.ts': "export const later = () => import('../index.ts')",
    })
    expect(faults).toHaveLength(8)
  })

  it('that go down, stay in the folder or wire the default store are allowed', () => {
    const faults = planted(rankFaults, {
      'src/core/down.ts': "import '../crypto/hash.ts'\nimport './plan.ts'",
      'src/index.ts':
        "import { memoryStore } from './stores/memory/index.ts'\nexport * from './core/create-sessions.ts'",
      'src/config/load.ts': "import { openStore } from '../stores/index.ts'",
    })
    expect(faults).toEqual([])
  })

  it('of a leaf are types of the contract, errors, private files and built-ins', () => {
    expect(leafFaults(tree)).toEqual([])
  })

  it('of a leaf that reach further are seen', () => {
    const faults = planted(leafFaults, {
      'src/stores/a/index.ts': "import { x } from '../../contract/store.ts'",
      'src/stores/b/index.ts': "import { hash } from '../../crypto/hash.ts'",
      'src/stores/c/index.ts': "import type { A } from '../a/index.ts'",
      'src/adapters/d.ts': "import express from 'express'",
      'src/stores/index.ts': "import { a } from './a/index.ts'",
      'src/adapters/e.ts': "import type { Plan } from '../core/request/plan.ts'",
      'src/stores/f/index.ts': "import { open } from './open-text.ts'",
      'src/stores/g/table.ts': "import { parse } from '../_open/text.ts'",
      'src/stores/sealed-cookie/a.ts': "import { a } from '../a/index.ts'",
      'src/adapters/h.ts': "import { d } from './d.ts'",
    })
    expect(faults).toHaveLength(10)
  })

  it('of a leaf that stay within the rule are allowed', () => {
    const faults = planted(leafFaults, {
      'src/stores/a/index.ts':
        "import type { Store } from '../../contract/store.ts'\nimport { SessionError } from '../../errors.ts'",
      'src/stores/b/index.ts': "import { readFile } from 'node:fs/promises'\nimport { sql } from '../_sql/store.ts'",
      'src/stores/index.ts': "import type { A } from './a/index.ts'\nconst load = () => import('./a/open.ts')",
      'src/stores/a/open.ts': "import { a } from './index.ts'\nimport { parse } from '../_open/text.ts'",
      'src/core/sealed/persistence.ts': "import { seal } from '../../crypto/key-ring.ts'",
      'src/adapters/d.ts': "import type { Request } from 'express'\nimport { visit } from './_node/visit.ts'",
    })
    expect(faults).toEqual([])
  })

  it('of a test stay in its folder, the fixtures and the services', () => expect(testFaults(tree)).toEqual([]))

  it('of a test that reach into another folder of tests are seen', () => {
    const faults = planted(testFaults, {
      'test/unit/core/a.test.ts': "import { b } from '../../security/b.ts'",
      'test/faults/c.test.ts': "import type { D } from '../parity/d.ts'",
      'test/fixtures/e.ts': "import { f } from '../faults/f.ts'",
      'test/services/g.ts': "import { h } from '../fixtures/h.ts'",
      'test/history/i.ts': "const script = new URL('../faults/children/j.ts', import.meta.url)",
    })
    expect(faults).toHaveLength(5)
    const fine = planted(testFaults, {
      'test/unit/core/a.test.ts': "import { b } from '../stores/b.ts'\nimport { c } from '../../fixtures/c.ts'",
      'test/faults/d.test.ts': "import { e } from '../services/e.ts'\nimport { f } from '../../src/f.ts'",
      'test/fixtures/g.ts': "import { h } from '../services/h.ts'\nimport { i } from '../../bench/i.ts'",
      'test/stores/j.test.ts': "const bun = new URL('./redis/k.ts', import.meta.url)",
    })
    expect(fine).toEqual([])
  })

  it('form no cycle, types included', () => expect(cycles(tree)).toEqual([]))

  it('that form a cycle are seen', () => {
    const files = {
      'src/core/a.ts': "import { b } from './b.ts'",
      'src/core/b.ts': "import type { C } from './c.ts'",
      'src/core/c.ts': "export const a = () => import('./a.ts')",
    }
    expect(planted(cycles, files)).toEqual(['src/core/a.ts -> src/core/b.ts -> src/core/c.ts -> src/core/a.ts'])
  })

  it('name files that exist', () => expect(danglingImports(tree)).toEqual([]))

  it('of files that do not exist are seen', () => {
    expect(planted(danglingImports, { 'src/a.ts': "import './b.js'", 'src/b.ts': '' })).toHaveLength(1)
  })

  it('of packages are declared, and none is loaded eagerly by the core', () => {
    expect(packageFaults(tree)).toEqual([])
  })

  it('of packages that are not declared or eager are seen', () => {
    const faults = planted(packageFaults, {
      'package.json': '{ "dependencies": { "cron": "1" }, "peerDependencies": { "express": "1" } }',
      'src/core/a.ts': "import { Cron } from 'cron'",
      'src/core/b.ts': "export const load = () => import('cron')",
      'src/cli/c.ts': "import { parse } from '@scope/other/deep'",
      'src/adapters/d.ts': "import type { Request } from 'express'",
    })
    expect(faults).toEqual([
      'src/core/a.ts imports the package cron eagerly',
      'src/cli/c.ts imports @scope/other, which is no dependency',
    ])
  })
})

describe('sources', () => {
  it('have at most 300 lines', () => expect(longFiles(tree)).toEqual([]))

  it('of 301 lines are seen, of 300 not', () => {
    const files = { 'src/a.ts': '//\n'.repeat(301), 'src/b.ts': '//\n'.repeat(300) }
    expect(planted(longFiles, files)).toEqual(['src/a.ts: 301 lines'])
  })

  it('that run anywhere use nothing of Node', () => expect(platformFaults(tree)).toEqual([]))

  it('that should run anywhere and use Node are seen', () => {
    const faults = planted(platformFaults, {
      'src/core/a.ts': "import type { Server } from 'node:http'",
      'src/codecs/b.ts': 'export const x = process.env.X',
      'src/transports/c.ts': 'export const x = globalThis.process',
      'src/contract/d.ts': "export const x = load('node:fs')",
      'src/crypto/e.ts': "export { x } from 'node:crypto'",
      'src/crypto/builtin.ts': 'export const x = globalThis.process',
      'src/stores/file/index.ts': "import 'node:fs'",
      'src/core/f.ts':
        '// process.env, node:fs\nexport interface F { process: number }\nexport const x = (y: F) => y.process',
    })
    expect(faults).toHaveLength(5)
  })

  it('silence no check without a reason', () => expect(silencedChecks(tree)).toEqual([]))

  it('that silence a check are seen', () => {
    const faults = planted(silencedChecks, {
      'src/a.ts': 'export const x = (y: any) => y',
      'src/b.ts': '// @ts-ignore because\nexport const x = 1',
      'src/c.ts': '// @ts-expect-error\nexport const x: string = 1',
      'src/d.ts': '// biome-ignore lint/suspicious/noConsole\nconsole.log()',
      'test/e.ts': 'f(\n  // @ts-nocheck\n)',
      'src/f.ts': "// biome-ignore lint/suspicious/noConsole: the user's terminal\nconsole.log('any @ts-ignore')",
    })
    expect(faults).toHaveLength(5)
  })

  it('swallow no error', () => expect(emptyCatches(tree)).toEqual([]))

  it('that swallow an error are seen', () => {
    const faults = planted(emptyCatches, {
      'src/a.ts': 'try { f() } catch {}',
      'src/b.ts': 'try { f() } catch (error) { /* whatever */ }',
      'test/b.ts': 'try { f() } catch {\n}',
      'test/c.ts': 'try { f() } catch { /* it may be there already */ }',
      'src/c.ts': 'f().catch(() => {})',
      'src/d.ts': 'f().catch(() => { /* reported where it was thrown */ })\ntry { f() } catch { return null }',
    })
    expect(faults).toHaveLength(4)
  })
})

describe('files', () => {
  it('have names that say something', () => expect(nameFaults(tree)).toEqual([]))

  it('whose names say nothing are seen', () => {
    const names = ['src/core/utils.ts', 'test/test-helper.ts', 'docs/common.md', 'src/stores/_helpers.ts', 'src/aB.ts']
    const good = { 'src/core/_plan.ts': '', 'README.md': '', 'src/README.md': '', 'test/utility-bills.test.ts': '' }
    const files = { ...good, ...Object.fromEntries(names.map((name) => [name, ''])) }
    expect(planted(nameFaults, files).sort()).toEqual(names.sort())
  })

  it('name no path of a machine and no registry', () => expect(machineTraces(tree)).toEqual([]))

  it('that name a path of a machine or a registry are seen', () => {
    const path = (...parts: string[]) => ['', ...parts].join('/')
    const files = {
      'a.ts': `const x = '${path('work', 'app')}'`,
      'b.md': `run it in ${path('tmp')}`,
      'c.json': `{ "root": "file://${path('home', 'somebody')}" }`,
      'd.ts': `const x = \`${path('root', '.cache')}\``,
      'e.json': `{ "resolved": "${['http', '://host'].join('')}/x.tgz" }`,
      '.npmrc': `//${['registry', 'example', 'org'].join('.')}/:x=y`,
    }
    expect(planted(machineTraces, files)).toHaveLength(6)
    const fine = { 'a.ts': "get('/home'); './tmp/x'; url('https://a.example/work/x'); '/workshop'" }
    expect(planted(machineTraces, fine)).toEqual([])
  })

  it('of src are described by its README', () => expect(undescribedParts(tree)).toEqual([]))

  it('of src that the README leaves out are seen', () => {
    const files = {
      'src/README.md': 'core/ and errors.ts',
      'src/core/a.ts': '',
      'src/errors.ts': '',
      'src/jwt/a.ts': '',
    }
    expect(planted(undescribedParts, files)).toEqual(['jwt/'])
    expect(planted(undescribedParts, { 'src/core/a.ts': '' })).toEqual(['there is no src/README.md'])
  })
})

describe('the lockfile', () => {
  const lockfile = JSON.parse(tree.get('package-lock.json') ?? '') as Lockfile

  it('has an entry for every optional dependency, or npm ci refuses it on other platforms', () => {
    expect(Object.keys(lockfile.packages).length).toBeGreaterThan(100)
    expect([...missingOptionals(lockfile).keys()]).toEqual([])
  })

  it('without such an entry is seen, and completed', () => {
    const place = 'node_modules/@esbuild/linux-arm64'
    const { [place]: removed, ...packages } = lockfile.packages
    const broken = { packages }
    expect([...missingOptionals(broken).keys()]).toEqual([place])
    complete(broken)
    expect([...missingOptionals(broken).keys()]).toEqual([])
    expect(broken.packages[place]).toMatchObject({ version: removed?.version, os: ['linux'], cpu: ['arm64'] })
  })
})

describe('doors', () => {
  it('and files agree both ways', () => expect(doorFaults(tree)).toEqual([]))

  it('that disagree with the files are seen', () => {
    const door = (file: string) => ({ types: `./dist/${file}.d.ts`, default: `./dist/${file}.js` })
    const manifest = {
      exports: {
        '.': door('index'),
        './web': door('adapters/web'),
        './stores/fine': door('stores/fine/index'),
        './astray': door('stores/fine/index'),
        './wrong': { ...door('wrong/index'), types: './dist/wrong.d.ts' },
        './order': { default: './dist/order/index.js', types: './dist/order/index.d.ts' },
        './package.json': './package.json',
      },
    }
    const faults = planted(doorFaults, {
      'package.json': JSON.stringify(manifest),
      'src/index.ts': '',
      'src/stores/fine/index.ts': '',
      'src/stores/fine/table.ts': '',
      'src/stores/_private/index.ts': '',
      'src/stores/forgotten/index.ts': '',
      'src/wrong/index.ts': '',
      'src/order/index.ts': '',
    })
    expect(faults).toEqual([
      './web: there is no src/adapters/web.ts',
      './astray: src/stores/fine/index.ts is not where its name says',
      './wrong: types are not beside ./dist/wrong/index.js',
      './order: needs the conditions types and default',
      'src/stores/forgotten/index.ts is not in the exports of package.json',
    ])
  })

  it('lead the compiler, the tests and the examples to the same sources', () => {
    const config = JSON.parse(tree.get('tsconfig.test.json') ?? '') as { compilerOptions: { paths: unknown } }
    const [root = ''] = candidates('.')
    const paths = { coatcheck: [`./${root}`], 'coatcheck/*': candidates('./*').map((path) => `./${path}`) }
    expect(config.compilerOptions.paths).toEqual(paths)
    for (const [specifier, source] of doorSources()) {
      const found = candidates(specifier.replace('coatcheck', '.')).find((path) => tree.has(path))
      expect(found, specifier).toBe(source)
    }
  })
})
