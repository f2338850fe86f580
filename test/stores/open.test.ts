import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, describe, expect, it } from 'vitest'
import { type OpenedKeyedStore, openStore } from '../../src/stores/index.ts'
import { has } from '../../tools/services.mjs'
import { type Backend, canRun, isForThisNode, openedRows } from '../fixtures/backends.ts'
import { serverOf, sharedServer } from '../services/address.ts'

const later = 4_000_000_000_000
const record = { payload: 'first', version: 1, expiresAt: later, userId: 'user' }
const second = { payload: 'second', version: 2, expiresAt: later }
const run = `${process.pid}${Date.now() % 100_000}`
const directory = mkdtemp(join(tmpdir(), 'coatcheck-open-'))
let keys = 0

afterAll(async () => rm(await directory, { recursive: true }))

function newKey(): string {
  keys += 1
  return `key-of-opened-${run}-${keys}`
}

/** The kinds that keep records when they are closed, and can be opened in this process. */
const kept = openedRows.filter(([, row]) => row.processes !== 'one' && isForThisNode(row))

/** The texts of a kind, where it can run. */
async function textsOf(row: Backend, space?: string): Promise<readonly string[]> {
  if (!canRun(row)) return []
  return row.texts({ ...(await serverOf(row)), folder: await directory, ...(space !== undefined && { space }) })
}

const forms = new Map(await Promise.all(kept.map(async ([name, row]) => [name, await textsOf(row)] as const)))

const open = async (text: string): Promise<OpenedKeyedStore> => (await openStore(text)) as OpenedKeyedStore

describe.each(kept)('B15 openStore of %s', (name, row) => {
  const texts = forms.get(name) ?? []
  const itHere = it.runIf(canRun(row))

  itHere.each([...texts.entries()])('form %i does all operations', async (_, text) => {
    const store = await open(text)
    const key = newKey()
    try {
      expect(await store.read(key)).toBeNull()
      expect(await store.create(key, record)).toBe(true)
      expect(await store.create(key, record)).toBe(false)
      expect(await store.read(key)).toEqual(record)
      expect(await store.keysOf?.('user')).toContain(key)
      expect(await store.replace(key, second, 1)).toBe(true)
      expect(await store.touch(key, later + 1000, 2)).toBe(true)
      expect(await store.read(key)).toEqual({ ...second, expiresAt: later + 1000 })
      await store.delete(key)
      expect(await store.read(key)).toBeNull()
    } finally {
      await store.close()
      await store.close()
    }
  })

  itHere('all forms open the same records, after others were closed', async () => {
    const key = newKey()
    for (const [index, text] of texts.entries()) {
      const store = await open(text)
      if (index === 0) await store.create(key, record)
      expect(await store.read(key)).toEqual(record)
      await store.close()
    }
  })
})

describe.each(kept.filter(([, { makesTable }]) => makesTable))('the table of %s', (_, row) => {
  it.runIf(canRun(row))('L19 REL-26 is created by the first operation, once, whoever is at it', async () => {
    const [text = ''] = await textsOf(row, `created_${run}`)
    const stores = await Promise.all(Array.from({ length: 6 }, () => open(text)))
    try {
      const created = stores.flatMap((store) => [newKey(), newKey()].map(async (key) => store.create(key, record)))
      expect(await Promise.all(created)).toEqual(created.map(() => true))
      expect(await stores[0]?.count?.()).toBe(12)
    } finally {
      await Promise.all(stores.map((store) => store.close()))
    }
  })
})

describe('least privilege', () => {
  it.runIf(has('postgres'))('SEC-85 a role that may not create tables works on one that is there', async () => {
    const { host: name, port } = await sharedServer('postgres')
    const host = `${name}:${port}`
    const [table, role] = [`existing_${run}`, `reader_${run}`]
    const owner = await open(`postgres://postgres@${host}/postgres?table=${table}`)
    await owner.create(newKey(), record)
    await owner.close()
    const pool = new pg.Pool({ connectionString: `postgres://postgres@${host}/postgres` })
    await pool.query(`CREATE ROLE ${role} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO ${role}`)
    await pool.end()
    const [allowed, refused] = [`table=${table}`, `table=missing_${run}`].map(
      (parameter) => `postgres://${role}@${host}/postgres?${parameter}`,
    )
    const store = await open(allowed ?? '')
    expect(await store.create(newKey(), record)).toBe(true)
    await store.close()
    const other = await open(refused ?? '')
    await expect((async () => other.create(newKey(), record))()).rejects.toMatchObject({ code: '42501' })
    await other.close()
  })
})
