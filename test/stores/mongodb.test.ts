import { type Collection, type CommandStartedEvent, MongoClient, type MongoClientOptions, MongoError } from 'mongodb'
import { afterAll, describe, expect, it } from 'vitest'
import { type MongodbClient, mongodbStore } from '../../src/stores/mongodb/index.ts'
import { manualClock, storeCases } from '../../src/testing/index.ts'
import { sharedServer } from '../services/address.ts'
import { freePort } from '../services/process.ts'

const { host, port } = await sharedServer('mongodb')
const database = `stores_${process.pid}`
const clients: MongoClient[] = []
const client = newClient()
afterAll(() => Promise.all(clients.map((each) => each.close())))

let made = 0
const newName = () => `case_${made++}`
const key = 'k'.repeat(43)
const hour = 3_600_000

describe('mongodbStore fulfils the store contract', () => {
  const cases = storeCases(({ clock }) => mongodbStore({ client, collection: newName(), clock }))
  for (const { title, run } of cases) it(title, run)
})

describe('mongodbStore', () => {
  it('sends one command for each operation, two for a sweep', async () => {
    const clock = manualClock()
    const { watched, commands } = watchedClient()
    const store = mongodbStore({ client: watched, collection: newName(), clock })
    const record = { payload: 'p', version: 1, expiresAt: clock() + hour, userId: 'user' }
    const sent = async (call: () => unknown) => {
      await call()
      return commands.splice(0).map(({ commandName }) => commandName)
    }
    expect(await sent(() => store.create(key, record))).toEqual(['update'])
    expect(await sent(() => store.create(key, record))).toEqual(['update'])
    expect(await sent(() => store.read(key))).toEqual(['find'])
    expect(await sent(() => store.replace(key, { ...record, version: 2 }, 1))).toEqual(['update'])
    expect(await sent(() => store.replace(key, { ...record, version: 2 }, 1))).toEqual(['update'])
    expect(await sent(() => store.touch(key, clock() + 2 * hour, 2))).toEqual(['update'])
    expect(await sent(() => store.keysOf('user'))).toEqual(['find'])
    expect(await sent(() => store.count())).toEqual(['aggregate'])
    expect(await sent(() => store.list({ limit: 10 }))).toEqual(['find'])
    expect(await sent(() => store.sweep(clock(), { limit: 10 }))).toEqual(['find'])
    expect(await sent(() => store.sweep(clock() + 3 * hour, { limit: 10 }))).toEqual(['find', 'delete'])
    expect(await sent(() => store.delete(key))).toEqual(['delete'])
  })

  it('reads a long page, and all keys of an owner, in one answer', async () => {
    const clock = manualClock()
    const { watched, commands } = watchedClient()
    const store = mongodbStore({ client: watched, collection: newName(), clock })
    const keys = Array.from({ length: 300 }, (_, index) => `${key}${index}`)
    await Promise.all(
      keys.map((each) => store.create(each, { payload: '', version: 1, expiresAt: clock() + 1, userId: 'u' })),
    )
    commands.splice(0)
    expect((await store.list({ limit: 200 })).entries).toHaveLength(200)
    expect((await store.keysOf('u')).sort()).toEqual([...keys].sort())
    expect(commands.map(({ commandName }) => commandName)).toEqual(['find', 'find'])
    // MongoDB answers with the first 101 unless it is told otherwise; the server of the tests does not.
    for (const { command } of commands) expect(command['batchSize']).toBeGreaterThan(200)
    expect(await store.sweep(clock() + 1, { limit: 1000 })).toBe(300)
  })

  it('sends a touch without the payload', async () => {
    const clock = manualClock()
    const { watched, commands } = watchedClient()
    const store = mongodbStore({ client: watched, collection: newName(), clock })
    await store.create(key, { payload: 'the payload', version: 1, expiresAt: clock() + hour })
    expect(JSON.stringify(commands.splice(0)[0]?.command)).toContain('the payload')
    await store.touch(key, clock() + 2 * hour, 1)
    expect(JSON.stringify(commands[0]?.command)).not.toContain('payload')
  })

  it('removes as many as it is told to in a sweep of several commands, and stops when it is told to', async () => {
    const clock = manualClock()
    const collection = newName()
    const store = mongodbStore({ client, collection, clock })
    const expiresAt = new Date(clock())
    const documents = Array.from({ length: 2500 }, (_, index) => ({ payload: `${index}`, version: 1, expiresAt }))
    await client.db().collection(collection).insertMany(documents)
    expect(await store.sweep(clock(), { limit: 10, signal: AbortSignal.abort() })).toBe(0)
    expect(await store.sweep(clock(), { limit: 1200 })).toBe(1200)
    expect(await store.sweep(clock(), { limit: 5000 })).toBe(1300)
  })

  it('keeps a record as one document with a real date', async () => {
    const collection = newName()
    const store = mongodbStore({ client, collection, clock: () => 1_000_000 })
    await store.create(key, { payload: 'p', version: 7, expiresAt: 1_000_123, userId: 'user' })
    const document = { _id: key, payload: 'p', version: 7, expiresAt: new Date(1_000_123), userId: 'user' }
    expect(await client.db().collection(collection).find().toArray()).toEqual([document])
  })

  it('REL-26 createIndexes: again, and by several at once, makes the indexes once', async () => {
    const collection = newName()
    const stores = Array.from({ length: 8 }, () => mongodbStore({ client: newClient(), collection }))
    await Promise.all(stores.map((store) => store.createIndexes()))
    await stores[0]?.createIndexes()
    const indexes = await client.db().collection(collection).indexes()
    expect(indexes.map(({ key, expireAfterSeconds, sparse }) => ({ key, expireAfterSeconds, sparse }))).toEqual([
      { key: { _id: 1 } },
      { key: { expiresAt: 1 }, expireAfterSeconds: 0 },
      { key: { userId: 1 }, sparse: true },
    ])
  })

  it('REL-39 writes to a majority and reads from the primary, whatever the client does elsewhere', async () => {
    const { watched, commands } = watchedClient('w=1&readPreference=secondaryPreferred&readConcernLevel=available')
    const handles: Collection[] = []
    const spied: MongodbClient = {
      db: (name) => ({
        collection(collection, options) {
          const handle = watched.db(name).collection(collection, options)
          handles.push(handle)
          return handle
        },
      }),
    }
    const store = mongodbStore({ client: spied, collection: newName() })
    const expiresAt = Date.now() + hour
    await store.createIndexes()
    await store.create(key, { payload: '', version: 1, expiresAt })
    await store.replace(key, { payload: '', version: 2, expiresAt }, 1)
    await store.touch(key, expiresAt, 2)
    await store.sweep(expiresAt, { limit: 1 })
    await store.delete(key)
    const writes = commands.splice(0).filter(({ commandName }) => commandName !== 'find')
    expect(writes.map(({ commandName }) => commandName)).toEqual([
      'createIndexes',
      ...['update', 'update', 'update', 'delete', 'delete'],
    ])
    for (const { command } of writes) expect(command.writeConcern).toEqual({ w: 'majority' })
    await store.read(key)
    await store.list({ limit: 1 })
    await store.count()
    await store.keysOf('user')
    expect(commands).toHaveLength(4)
    for (const { command } of commands) expect(command.readConcern).toEqual({ level: 'local' })
    // The command itself does not tell: of a server that stands alone the driver accepts any answer.
    expect(handles.map(({ readPreference }) => readPreference?.mode)).toEqual(['primary'])
    expect(watched.readPreference.mode).toBe('secondaryPreferred')
  })

  it('understands its documents when the client leaves values as they come', async () => {
    const plain = newClient('', { promoteValues: false, promoteLongs: false, raw: true })
    const store = mongodbStore({ client: plain, collection: newName() })
    const record = { payload: 'p', version: 1, expiresAt: Date.now() + hour, userId: 'user' }
    await store.create(key, record)
    expect(await store.read(key)).toEqual(record)
    expect(await store.keysOf('user')).toEqual([key])
    expect((await store.list({ limit: 5 })).entries).toEqual([{ key, record }])
  })

  it('reads a document that is no record as missing, and neither creates nor changes anything there', async () => {
    const collection = newName()
    const clock = () => 1_000_000
    const store = mongodbStore({ client, collection, clock })
    const expiresAt = new Date(1_000_001)
    const broken = [
      { payload: 'p', version: 1 },
      { payload: 'p', version: 1, expiresAt: 2_000_000 },
      { payload: 'p', version: '1', expiresAt },
      { payload: { $gt: '' }, version: 1, expiresAt },
      { version: 1, expiresAt },
    ].map((content, index) => ({ _id: `${key}${index}` as never, ...content }))
    await client.db().collection(collection).insertMany(broken)
    for (const [index] of broken.entries()) {
      expect(await store.read(`${key}${index}`)).toBe(null)
      expect(await store.create(`${key}${index}`, { payload: '', version: 1, expiresAt: 2_000_000 })).toBe(false)
    }
    expect(await store.list({ limit: 5 })).toEqual({ entries: [], cursor: null })
    expect(await client.db().collection(collection).find().toArray()).toEqual(broken)
  })

  it('lets the error of a server that is not there through', async () => {
    const nowhere = new MongoClient(`mongodb://127.0.0.1:${await freePort()}/x`, { serverSelectionTimeoutMS: 100 })
    clients.push(nowhere)
    const store = mongodbStore({ client: nowhere })
    const record = { payload: '', version: 1, expiresAt: Date.now() + hour }
    for (const call of [() => store.read(key), () => store.create(key, record), () => store.touch(key, 1, 1)]) {
      await expect(call()).rejects.toThrow(MongoError)
    }
  })

  it('ends a read whose signal is aborted', async () => {
    const store = mongodbStore({ client, collection: newName() })
    const signal = AbortSignal.abort(new Error('nobody waits'))
    await expect(store.read(key, { signal })).rejects.toThrow('nobody waits')
    await expect(store.keysOf('user', { signal })).rejects.toThrow('nobody waits')
    await expect(store.count({ signal })).rejects.toThrow('nobody waits')
    await expect(store.list({ limit: 1, signal })).rejects.toThrow('nobody waits')
  })

  it('L2 keeps sessions in the database and the collection that it is told', async () => {
    const store = mongodbStore({ client, database: `${database}_other`, collection: 'web.sessions' })
    await store.create(key, { payload: 'p', version: 1, expiresAt: Date.now() + hour })
    expect(await client.db(`${database}_other`).collection('web.sessions').countDocuments()).toBe(1)
    await mongodbStore({ client }).create(key, { payload: 'p', version: 1, expiresAt: Date.now() + hour })
    expect(await client.db(database).collection('coatcheck_sessions').countDocuments()).toBe(1)
  })

  it('L20 refuses options that could not work, when it is made', () => {
    for (const bad of [undefined, null, {}, 'mongodb://localhost', client.db(), client.db().collection('x')]) {
      expect(() => mongodbStore({ client: bad as never })).toThrow(refusal('client'))
    }
    for (const bad of ['', 'a b', 'a.b', 'a/b', 'a$b', 'a\0', 'x'.repeat(64), 7, null]) {
      expect(() => mongodbStore({ client, database: bad as never })).toThrow(refusal('database'))
    }
    for (const bad of ['', '$x', 'a$b', 'system.users', '.a', 'a.', 'a..b', 'a b', 'a\0b', 'x'.repeat(121), 7, null]) {
      expect(() => mongodbStore({ client, collection: bad as never })).toThrow(refusal('collection'))
    }
  })
})

function refusal(option: string): unknown {
  const message = expect.stringContaining(`mongodbStore: ${option} must be`)
  return expect.objectContaining({ code: 'CONFIG_INVALID', message })
}

function newClient(query = '', options: MongoClientOptions = {}): MongoClient {
  const made = new MongoClient(`mongodb://${host}:${port}/${database}?${query}`, options)
  clients.push(made)
  return made
}

function watchedClient(query = ''): { watched: MongoClient; commands: CommandStartedEvent[] } {
  const commands: CommandStartedEvent[] = []
  const watched = newClient(query, { monitorCommands: true })
  watched.on('commandStarted', (event) => commands.push(event))
  return { watched, commands }
}
