import { connect } from 'couchbase'
import { MongoClient } from 'mongodb'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { Listing, Store, UserIndex } from '../../src/contract/store.ts'
import { createSessions } from '../../src/index.ts'
import { couchbaseStore } from '../../src/stores/couchbase/index.ts'
import { mongodbStore } from '../../src/stores/mongodb/index.ts'
import { sharedServer } from '../services/address.ts'
import { couchbaseBucket, couchbaseUrl, watchedCollection } from '../services/couchbase.ts'

const commands: unknown[] = []
afterEach(() => void commands.splice(0))

const { host, port } = await sharedServer('mongodb')
const mongo = new MongoClient(`mongodb://${host}:${port}/security_${process.pid}`, { monitorCommands: true })
mongo.on('commandStarted', ({ command }) => commands.push(command))
const cluster = await connect(await couchbaseUrl(await sharedServer('couchbase')), {
  username: couchbaseBucket,
  password: '',
})
const bucket = watchedCollection(cluster.bucket(couchbaseBucket).defaultCollection(), (...command) =>
  commands.push(command),
)
afterAll(() => Promise.all([mongo.close(), cluster.close()]))

let made = 0
const stores: ReadonlyArray<readonly [string, () => Store & UserIndex & Partial<Listing>]> = [
  ['mongodbStore', () => mongodbStore({ client: mongo, collection: `case_${made++}` })],
  ['couchbaseStore', () => couchbaseStore({ client: bucket, prefix: `security-${process.pid}-${made++}:` })],
]

/** What a body or a query that was parsed too willingly hands over in place of a text. */
const objects: readonly unknown[] = [
  { $ne: null },
  { $gt: '' },
  { $regex: '.*' },
  { $where: 'true' },
  { toString: () => 'k'.repeat(43) },
  ['k'.repeat(43)],
  [],
  {},
  null,
  undefined,
  7,
  true,
]
const key = 'k'.repeat(43)
const record = { payload: 'p', version: 1, expiresAt: Date.now() + 3_600_000, userId: 'user' }

describe.each(stores)('%s', (_, newStore) => {
  it('SEC-84 sends no command for a key, an owner, a cursor or a prefix that is no text', async () => {
    const store = newStore()
    await store.create(key, record)
    commands.splice(0)
    for (const object of objects as readonly never[]) {
      const calls: Array<() => unknown> = [
        () => store.read(object),
        () => store.create(object, { ...record, userId: 'another' }),
        () => store.replace(object, record, 1),
        () => store.touch(object, record.expiresAt, 1),
        () => store.delete(object),
        () => store.keysOf(object),
      ]
      if (store.list !== undefined) {
        if (object !== undefined) calls.push(() => store.list?.({ limit: 9, prefix: object }))
        if (object !== undefined && object !== null) calls.push(() => store.list?.({ limit: 9, cursor: object }))
      }
      for (const call of calls) await expect(async () => call()).rejects.toThrow(/ text/)
      if (object !== undefined)
        await expect(async () => store.create(key, { ...record, userId: object })).rejects.toThrow()
    }
    expect(commands).toEqual([])
    expect(await store.keysOf('user')).toEqual([key])
    expect(await store.read(key)).toEqual(record)
  })

  it('SEC-84 takes texts that look like conditions for what they are', async () => {
    const store = newStore()
    for (const text of ['{"$ne":null}', '$where', 'user$', "' OR 1=1 --", '$gt', '__proto__', '$$ROOT', 'a.b.$']) {
      const owned = { ...record, payload: text, userId: text }
      const each = `${key}${made++}`
      expect(await store.keysOf(text)).toEqual([])
      expect(await store.create(each, owned)).toBe(true)
      expect(await store.replace(each, { ...owned, version: 2 }, 1)).toBe(true)
      expect(await store.read(each)).toEqual({ ...owned, version: 2 })
      expect(await store.keysOf(text)).toEqual([each])
    }
  })

  it('SEC-84 replaces nothing for a version that is no number', async () => {
    const store = newStore()
    await store.create(key, record)
    for (const object of objects as readonly never[]) {
      try {
        expect(await store.replace(key, { ...record, version: 2, payload: 'changed' }, object)).toBe(false)
      } catch (error) {
        expect(String(error)).toContain('a version is a number')
      }
    }
    expect(await store.read(key)).toEqual(record)
  })

  it('SEC-84 no handle and no token of another type comes to the store', async () => {
    const sessions = createSessions({ store: newStore() })
    for (const object of objects as readonly never[]) {
      for (const call of [() => sessions.find(object), () => sessions.revoke(object), () => sessions.open(object)]) {
        try {
          await call()
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }
    }
    expect(commands).toEqual([])
    await sessions.close()
  })
})
