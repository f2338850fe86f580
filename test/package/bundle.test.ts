import { relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { describe, expect, inject, it } from 'vitest'
import { doorSources, root } from '../../tools/doors.mjs'

const app = inject('bareApp')
const doors = [...doorSources(root).keys()]

/** The doors that browsers, workers and edge runtimes load: nothing in them may name a module of Node. */
const platformless = ['coatcheck', 'coatcheck/web', 'coatcheck/transports', 'coatcheck/stores/memory']

interface Bundle {
  /** All of its code, with what it would load later. */
  readonly text: string
  /** Bytes that are loaded at once, as a server would send them. */
  readonly gzipped: number
  /** The files of the package that are loaded at once, relative to dist. */
  readonly modules: string[]
  /** The other packages that are loaded at once. */
  readonly packages: string[]
}

const bundles = new Map<string, Promise<Bundle>>()

/** What a bundler makes of an app that uses these doors, with other packages left out. */
function bundle(...names: string[]): Promise<Bundle> {
  const known = bundles.get(names.join()) ?? makeBundle(names)
  bundles.set(names.join(), known)
  return known
}

async function makeBundle(names: string[]): Promise<Bundle> {
  const contents = names.map((name, index) => `export * as door${index} from '${name}'`).join('\n')
  const { metafile, outputFiles } = await build({
    stdin: { contents, resolveDir: app },
    absWorkingDir: app,
    outdir: '.',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'es2023',
    legalComments: 'none',
    metafile: true,
    write: false,
    external: ['croner', 'express'],
    logLevel: 'silent',
  })
  const texts = new Map(outputFiles.map(({ path, text }) => [relative(app, path), text]))
  const loaded = new Set(['stdin.js'])
  const packages: string[] = []
  for (const name of loaded) {
    for (const { kind, path, external } of metafile.outputs[name]?.imports ?? []) {
      if (kind !== 'import-statement') continue
      if (external !== true) loaded.add(path)
      else if (!path.startsWith('node:')) packages.push(path)
    }
  }
  const together = [...loaded].map((name) => texts.get(name) ?? '').join('\n')
  const inputs = [...loaded].flatMap((name) => Object.keys(metafile.outputs[name]?.inputs ?? {}))
  return {
    text: [...texts.values()].join('\n'),
    gzipped: gzipSync(together, { level: 9 }).length,
    modules: inputs.flatMap((path) => path.split('coatcheck/dist/')[1] ?? []),
    packages,
  }
}

describe('the bundle', () => {
  // decisions/017
  const budget = 36_000

  it('of an Express app on Redis stays within 36 kB', async () => {
    const { gzipped } = await bundle('coatcheck', 'coatcheck/express', 'coatcheck/stores/redis')
    console.log(`gzipped bytes of an Express app on Redis: ${gzipped}`)
    expect(gzipped).toBeGreaterThan(1000)
    expect(gzipped).toBeLessThanOrEqual(budget)
  })

  // The suites are for test runs, where nobody waits for a download.
  const shipped = doors.filter((door) => door !== 'coatcheck/testing')

  it('of each door that an application ships stays within that too', async () => {
    const sizes: Record<string, number> = {}
    for (const door of doors) sizes[door] = (await bundle(door)).gzipped
    console.log(
      ['gzipped bytes per door', ...doors.map((door) => `${String(sizes[door]).padStart(8)}  ${door}`)].join('\n'),
    )
    expect(shipped.filter((door) => (sizes[door] ?? 0) > budget)).toEqual([])
  })

  it.each(platformless)('of %s names no module of Node', async (door) => {
    const { text } = await bundle(door)
    expect(text.length).toBeGreaterThan(100)
    expect(text.match(/.{0,60}node:.{0,60}/)?.[0]).toBeUndefined()
  })

  it('of a door that needs Node names its modules, so the check above can see them', async () => {
    expect((await bundle('coatcheck/stores/file')).text).toContain('node:')
  })

  it.each(doors)('of %s loads no package before it is needed', async (door) => {
    expect((await bundle(door)).packages).toEqual([])
  })

  it.each(doors)('of %s has nothing of another leaf in it', async (door) => {
    const { modules } = await bundle(door)
    expect(modules.length).toBeGreaterThan(0)
    const leaves = modules.filter((path) => /^(stores|adapters)\/(?!_|index\.js)/.test(path))
    const name = door.replace(/^coatcheck\/?/, '')
    // The root door brings the store of those who choose none, and the suites for adapters run on it.
    const memory = name === '' || name === 'testing' ? 'stores/memory/' : `${name}/`
    expect(
      leaves.filter(
        (path) => path !== `adapters/${name}.js` && !path.startsWith(memory) && !path.startsWith(`${name}/`),
      ),
    ).toEqual([])
  })
})
