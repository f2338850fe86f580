import { describe, expect, it } from 'vitest'
import { openStore } from '../../src/stores/index.ts'
import { root } from '../../tools/doors.mjs'
import { partNames } from '../../tools/services.mjs'
import { filesWithTables, withTables } from '../../tools/store-tables.mjs'
import { backendRows, documentedStores, serverRows } from '../fixtures/backends.ts'
import { filesIn, readTree, type Tree } from '../fixtures/tree.ts'

const tree = readTree(root)
const manifest = JSON.parse(tree.get('package.json') ?? '') as {
  readonly exports: Readonly<Record<string, unknown>>
  readonly peerDependencies: Readonly<Record<string, string>>
}

/** What a store has to have in the repository and has not. */
function lacking(files: Tree, name: string): string[] {
  const wanted = [`src/stores/${name}/index.ts`, `docs/stores/${name}.md`, `test/stores/${name}.test.ts`]
  return wanted.filter((path) => !files.has(path))
}

/** Folders of stores that have no row. */
function rowless(files: Tree): string[] {
  const folders = [...filesIn(files, /^src\/stores\/[a-z][^/]*\/index\.ts$/).keys()].map((path) => path.split('/')[2])
  const known = new Set(documentedStores.map(([name]) => name))
  return folders.filter((name = '') => !known.has(name)).map(String)
}

/** What `openStore` says to a text. */
async function refusalOf(text: string): Promise<string> {
  return openStore(text).then(
    async (store) => {
      await store.close()
      return 'it opened'
    },
    ({ message }: Error) => message,
  )
}

describe('the rows of stores', () => {
  it('are complete', () => expect(rowless(tree)).toEqual([]))

  it('that are missing are seen', () => {
    const files = { 'src/stores/new/index.ts': '', 'src/stores/_sql/index.ts': '', 'src/stores/file/index.ts': '' }
    expect(rowless(new Map(Object.entries(files)))).toEqual(['new'])
  })

  it.each(documentedStores)('%s has its sources, its page, its test and its door', (name) => {
    expect(lacking(tree, name)).toEqual([])
    expect(manifest.exports).toHaveProperty([`./stores/${name}`])
  })

  it('what one has not is seen', () => {
    expect(lacking(new Map([['src/stores/file/index.ts', '']]), 'file')).toEqual([
      'docs/stores/file.md',
      'test/stores/file.test.ts',
    ])
  })

  it('have the schemes that openStore knows, which docs/stores/open.md names', async () => {
    const known = (await refusalOf('unknown:')).match(/"[\w+.-]+:"/g)?.slice(1)
    // A store that is given to `openStore` as an object only has none.
    const schemes = documentedStores.flatMap(([, row]) => (row.schemes.length > 0 ? [row.schemes] : []))
    expect(known).toEqual(schemes.map(([first]) => `"${first}:"`))
    for (const scheme of schemes.flat()) {
      expect(await refusalOf(`${scheme}:`), scheme).not.toContain('There is no store for')
      expect(tree.get('docs/stores/open.md'), scheme).toContain(`${scheme}:`)
    }
  })

  it('have clients that may be installed, servers that can be, and tests of what the client does in an outage', () => {
    for (const [name, { server, clients, outages }] of serverRows) {
      expect(partNames).toContain(server)
      for (const client of Object.keys(clients)) expect(manifest.peerDependencies).toHaveProperty([client])
      if (outages !== undefined) expect(tree.has(`test/faults/servers/${name}.test.ts`), name).toBe(true)
    }
  })

  it('know as many stores as are worth testing', () => expect(backendRows.length).toBeGreaterThan(8))
})

describe('the tables of stores', () => {
  it.each(filesWithTables)('in %s are those of the rows (npm run fix writes them)', (path) => {
    const text = tree.get(path) ?? ''
    expect(text).toContain('<!-- stores: ')
    expect(withTables(path, text, documentedStores)).toBe(text)
  })

  it('that differ are seen, and a table of another name', () => {
    const block = '<!-- stores: overview -->\n| old |\n<!-- /stores -->'
    const filled = withTables('README.md', `before\n${block}\nafter`, documentedStores)
    expect(filled).toMatch(/^before\n.*\| \[memory\]\(docs\/stores\/memory\.md\) \| one \|.*\nafter$/s)
    expect(filled).not.toContain('old')
    expect(() => withTables('a.md', '<!-- stores: odd -->\n<!-- /stores -->', documentedStores)).toThrow(/odd/)
  })
})
