import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, describe, expect, it } from 'vitest'
import { type OpenedKeyedStore, openStore } from '../../src/stores/index.ts'
import { has, type PartName } from '../../tools/services.mjs'
import { sharedServer } from '../services/address.ts'
import { couchbaseBucket, couchbaseUrl } from '../services/couchbase.ts'

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

const at = async (name: Parameters<typeof sharedServer>[0]): Promise<string> => {
  const { host, port } = await sharedServer(name)
  return `${host}:${port}`
}

/** Texts that open the same records, by backend: the URL form first, then what beego takes. */
const texts: Record<string, Array<() => Promise<string>>> = {
  file: [async () => `file:${await directory}/files`, async () => `file://${await directory}/files`],
  postgres: [
    async () => `postgres://postgres@${await at('postgres')}/postgres?table=opened_${run}&application_name=opened`,
    async () =>
      `postgresql://postgres:any@${await at('postgres')}/postgres?table=opened_${run}&schema=public&sslmode=disable`,
  ],
  mysql: [
    async () => `mysql://root@${await at('mariadb')}/test?table=opened_${run}`,
    async () => `mariadb://root:@${await at('mariadb')}/test?table=opened_${run}&schema=test`,
    async () => `mysql:root@tcp(${await at('mariadb')})/test?charset=utf8&table=opened_${run}`,
  ],
  redis: [
    async () => `redis://${await at('redis')}?prefix=coatcheck:`,
    async () => `redis://${await at('redis')}/0`,
    async () => `redis:${await at('redis')},100,,0,30`,
    async () => `redis:${JSON.stringify({ save_path: await at('redis'), poolsize: 100, password: '', db_num: 0 })}`,
  ],
  memcached: [
    async () => `memcached://${await at('memcached')}?prefix=coatcheck:`,
    async () => `memcached://${await at('memcached')}`,
    async () => `memcache:${await at('memcached')}`,
  ],
  mongodb: [async () => `mongodb://${await at('mongodb')}/opened?collection=opened_${run}&retryWrites=false`],
  couchbase: [
    async () => {
      const url = await couchbaseUrl(await sharedServer('couchbase'))
      return `${url.replace('//', '//sessions:password@')}/${couchbaseBucket}`
    },
    async () => `couchbase:http://${couchbaseBucket}:@${await at('couchbase')}/`,
    async () => `couchbase:http://${await at('couchbase')}/, default, ${couchbaseBucket}`,
    async () =>
      `couchbase:${JSON.stringify({ save_path: `http://${await at('couchbase')}/`, pool: 'default', bucket: couchbaseBucket })}`,
  ],
}

const open = async (text: string): Promise<OpenedKeyedStore> => (await openStore(text)) as OpenedKeyedStore

describe.each(Object.entries(texts))('B15 openStore of %s', (backend, forms) => {
  const part = backend === 'mysql' ? 'mariadb' : backend
  const itHere = it.runIf(part === 'file' || has(part as PartName))

  itHere.each(forms.map((form, index) => [index, form] as const))('form %i does all operations', async (_, form) => {
    const store = await open(await form())
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
    for (const [index, form] of forms.entries()) {
      const store = await open(await form())
      if (index === 0) await store.create(key, record)
      expect(await store.read(key)).toEqual(record)
      await store.close()
    }
  })
})

describe.each([
  ['postgres', 'postgres', (host: string) => `postgres://postgres@${host}/postgres`],
  ['mysql', 'mariadb', (host: string) => `mysql://root@${host}/test`],
] as const)('the table of %s', (_, part, text) => {
  it.runIf(has(part))('L19 REL-26 is created by the first operation, once, whoever is at it', async () => {
    const url = `${text(await at(part))}?table=created_${run}`
    const stores = await Promise.all(Array.from({ length: 6 }, () => open(url)))
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
    const host = await at('postgres')
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
