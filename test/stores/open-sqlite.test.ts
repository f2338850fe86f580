import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleChild } from '../fixtures/children.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const runtimes = join(root, 'test/runtimes/node_modules/.bin')
const stored = { payload: 'of a child', version: 1 }
let folder: string
let child: string

/** How a text is opened where: the runtime, its flags, and the packages that are there. */
const places: Record<string, { command: string; flags: string[]; packages: string[] }> = {
  'node:sqlite': { command: join(runtimes, 'node'), flags: [], packages: [] },
  'bun:sqlite': { command: join(runtimes, 'bun'), flags: [], packages: [] },
  'better-sqlite3': {
    command: join(runtimes, 'node'),
    flags: ['--no-experimental-sqlite'],
    packages: ['better-sqlite3'],
  },
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'coatcheck open sqlite '))
  child = join(folder, 'child.mjs')
  await cp(await bundleChild(new URL('./children/open-child.ts', import.meta.url)), child)
})
afterAll(async () => rm(folder, { recursive: true }))

async function outcomeOf(place: string, text: string, key: string): Promise<unknown> {
  await provide(place)
  return runIn(place, text, key)
}

/** Puts the packages of a place where its children find them. */
async function provide(place: string): Promise<void> {
  const { packages = [] } = places[place] ?? {}
  const modules = join(folder, 'node_modules')
  await rm(modules, { recursive: true, force: true })
  await mkdir(modules)
  for (const name of packages) await symlink(join(root, 'node_modules', name), join(modules, name))
}

async function runIn(place: string, text: string, key: string): Promise<unknown> {
  const { command = '', flags = [] } = places[place] ?? {}
  const { stdout } = await promisify(execFile)(command, [...flags, child, text, key], { cwd: folder, timeout: 20_000 })
  return JSON.parse(stdout)
}

describe.each(Object.keys(places))('openStore of sqlite with %s', (place) => {
  const key = `key-of-a-child-${place.replace(/\W/g, '-')}`

  it('keeps records in the file, in WAL mode, whatever its form', async () => {
    const name = `${place.replace(/\W/g, '-')}.db`
    const first = await outcomeOf(place, `sqlite:./${name}?table=visits`, key)
    expect(first).toMatchObject(stored)
    // Not created again, so with the deadline of before.
    expect(await outcomeOf(place, `sqlite://${encodeURI(folder)}/${name}?table=visits`, key)).toEqual(first)
    expect(await outcomeOf(place, `sqlite:${name}`, key)).not.toEqual(first)
    const header = await readFile(join(folder, name))
    // https://www.sqlite.org/fileformat.html: 2 at 18 and 19 says WAL.
    expect([header[18], header[19]]).toEqual([2, 2])
    expect(header.includes('visits_expires_at')).toBe(true)
  })

  it('a new file, by many processes at once', async () => {
    await provide(place)
    for (let round = 0; round < 3; round++) {
      const name = `many-${place.replace(/\W/g, '-')}-${round}.db`
      const keys = Array.from({ length: 8 }, (_, at) => `${key}-${at}`)
      const outcomes = await Promise.all(keys.map((each) => runIn(place, `sqlite:./${name}`, each)))
      expect(outcomes).toEqual(keys.map(() => expect.objectContaining(stored)))
    }
  })

  it('memory, and files that cannot be', async () => {
    expect(await outcomeOf(place, 'sqlite::memory:', key)).toMatchObject(stored)
    expect(await outcomeOf(place, 'sqlite:./no/such/folder/s.db', key)).toMatchObject({ code: 'STORE_FAILED' })
    expect(await outcomeOf(place, 'sqlite:./t.db?table=a%20b', key)).toMatchObject({ code: 'CONFIG_INVALID' })
  })
})
