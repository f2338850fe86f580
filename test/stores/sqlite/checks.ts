import assert from 'node:assert/strict'
import { join } from 'node:path'
import { inspect } from 'node:util'
import {
  type SqliteClient,
  type SqliteStore,
  type SqliteStoreOptions,
  sqliteStore,
} from '../../../src/stores/sqlite/index.ts'
import type { StoreCase } from '../../../src/testing/index.ts'
import type { Database } from './database.ts'

const now = 1_900_000_000_000
const clock = () => now
const record = { payload: 'payload', version: 1, expiresAt: now + 1000 }
const key = 'key-of-a-record-0123456789'

/** What holds for this store beyond the suite of all stores, on a file of its own in the folder. */
export function sqliteChecks(open: (path: string) => Promise<Database>, folder: string): StoreCase[] {
  let files = 0

  async function onStage(
    play: (stage: { client: Database; store: SqliteStore; path: string }) => unknown,
  ): Promise<void> {
    const path = join(folder, `check-${files++}.db`)
    const client = await open(path)
    try {
      client.exec('PRAGMA journal_mode = WAL')
      const store = sqliteStore({ client, clock })
      await store.createTable()
      await play({ client, store, path })
    } finally {
      client.close()
    }
  }

  /** Plays while another connection holds the lock for writing. */
  async function whileLocked(play: (stage: { store: SqliteStore; release(): void }) => unknown): Promise<void> {
    await onStage(async ({ store, path }) => {
      const other = await open(path)
      try {
        other.exec('BEGIN IMMEDIATE')
        await play({ store, release: () => void other.exec('COMMIT') })
      } finally {
        other.close()
      }
    })
  }

  return [
    {
      title: 'SEC-83 refuses a table that is no plain name, and quotes one that is',
      run: () =>
        onStage(async ({ client }) => {
          const hostile = [
            '',
            ' ',
            'a b',
            'a"b',
            'a.b',
            '1a',
            'ž',
            'a'.repeat(64),
            'a;DROP TABLE a',
            '"a"',
            'a\0',
            'a-b',
          ]
          for (const table of hostile) {
            assert.throws(() => sqliteStore({ client, table }), { code: 'CONFIG_INVALID', message: /table must be/ })
          }
          const store = sqliteStore({ client, table: 'select', clock })
          await store.createTable()
          assert.equal(await store.create(key, record), true)
          assert.deepEqual(Object.values(client.prepare('SELECT count(*) FROM "select"').all()[0] ?? {}), [1])
        }),
    },
    {
      title: 'SEC-83 sends values beside the statement',
      run: () =>
        onStage(async ({ store }) => {
          const hostile = `' OR 1=1; DROP TABLE x; -- \\' \u0000 ? "`
          assert.equal(await store.create(key, { ...record, payload: hostile, userId: hostile }), true)
          assert.equal(await store.create(`${key}-2`, { ...record, userId: 'other' }), true)
          assert.deepEqual(await store.read(key), { ...record, payload: hostile, userId: hostile })
          assert.deepEqual(await store.keysOf(hostile), [key])
          assert.equal(await store.read(`' OR '1'='1`), null)
          await store.delete(`' OR '1'='1`)
          assert.equal(await store.count(), 2)
        }),
    },
    {
      title: 'SEC-10 compares keys byte for byte',
      run: () =>
        onStage(async ({ store }) => {
          await store.create('Key-of-a-record-a', record)
          for (const other of ['key-of-a-record-a', 'Key-of-a-record-A', 'Key-of-a-record-a ']) {
            assert.equal(await store.read(other), null)
            assert.equal(await store.touch(other, now + 5, 1), false)
          }
        }),
    },
    {
      title: 'L19 createTable makes the configured table, again as well, and keeps what is in it',
      run: () =>
        onStage(async ({ client }) => {
          const store = sqliteStore({ client, table: 'visits', clock })
          assert.throws(() => store.read(key), /no such table/)
          await store.createTable()
          await store.create(key, record)
          await store.createTable()
          assert.deepEqual(await store.read(key), record)
          const names = client.prepare("SELECT name FROM sqlite_schema WHERE tbl_name = 'visits' AND sql <> ''").all()
          assert.deepEqual(names.map((row) => Object.values(row as object)[0]).sort(), [
            'visits',
            'visits_expires_at',
            'visits_user_id',
          ])
        }),
    },
    {
      title: 'L20 refuses what is no client, or one whose calls answer promises, at construction',
      async run() {
        const promised = { prepare: () => ({ run: async () => ({}), all: async () => [] }) }
        const empty = { prepare: () => ({}) }
        for (const client of [undefined, null, {}, '', './sessions.db', { prepare: true }, empty, promised]) {
          assert.throws(() => sqliteStore({ client } as unknown as SqliteStoreOptions), {
            code: 'CONFIG_INVALID',
            message: /client must be/,
          })
        }
      },
    },
    {
      title: 'P3 every operation is one statement, which is prepared once, and answers at once',
      run: () =>
        onStage(async ({ client }) => {
          let ran = 0
          let prepared = 0
          const counting: SqliteClient = {
            prepare(sql) {
              const statement = client.prepare(sql)
              prepared += 1
              const counted =
                <Result>(call: (...values: Array<string | number | null>) => Result) =>
                (...values: Array<string | number | null>): Result => {
                  ran += 1
                  return call.apply(statement, values)
                }
              return { all: counted(statement.all), run: counted(statement.run) }
            },
          }
          const store = sqliteStore({ client: counting, clock })
          const operations = [
            () => store.create(key, { ...record, userId: 'user-1' }),
            () => store.create(key, record),
            () => store.read(key),
            () => store.replace(key, { ...record, version: 2 }, 1),
            () => store.touch(key, record.expiresAt + 1, 2),
            () => store.delete(key),
          ]
          const others = [() => store.count(), () => store.keysOf('user-1'), () => store.list({ limit: 10 })]
          for (const operation of [...operations, ...others]) await operation()
          const before = prepared
          for (const operation of operations) {
            ran = 0
            assert.ok(!(operation() instanceof Promise))
            assert.equal(ran, 1)
          }
          for (const operation of others) {
            ran = 0
            await operation()
            assert.equal(ran, 1)
          }
          assert.equal(prepared, before)
        }),
    },
    {
      title: 'reads 64-bit integers and rows in whatever form the client gives them',
      run: () =>
        onStage(async ({ client }) => {
          const otherwise: SqliteClient = {
            prepare(sql) {
              const statement = client.prepare(sql)
              return {
                all: (...values) => statement.all(...values).map((row) => Object.values(row as object).map(toBigInt)),
                run: (...values) => ({ changes: BigInt(statement.run(...values).changes) }),
              }
            },
          }
          const store = sqliteStore({ client: otherwise, clock })
          assert.equal(await store.create(key, record), true)
          assert.deepEqual(await store.read(key), record)
          assert.equal(await store.count(), 1)
          assert.equal(await store.sweep(now + 1000, { limit: 10 }), 1)
        }),
    },
    {
      title: 'goes by a clock with fractions of a millisecond, and keeps whole ones, no record shorter than asked',
      run: () =>
        onStage(async ({ client }) => {
          let time = now + 0.25
          const store = sqliteStore({ client, clock: () => time })
          assert.equal(await store.create(key, { ...record, expiresAt: now + 1.25 }), true)
          assert.deepEqual(await store.read(key), { ...record, expiresAt: now + 2 })
          assert.equal(await store.touch(key, now + 2.5, 1), true)
          time = now + 2.75
          assert.deepEqual(await store.read(key), { ...record, expiresAt: now + 3 })
          time = now + 3
          assert.equal(await store.read(key), null)
        }),
    },
    {
      title: 'SEC-86 an error of the database shows no key and no payload',
      run: () =>
        onStage(async ({ client, store }) => {
          const payload = 'PAYLOAD of a record'
          await store.create(key, record)
          await store.create(`${key}-2`, { ...record, payload })
          client.exec('CREATE UNIQUE INDEX once ON coatcheck_sessions (payload)')
          try {
            await store.replace(key, { ...record, version: 2, payload }, 1)
            assert.fail('the replace did not fail')
          } catch (error) {
            const said = inspect(error, { showHidden: true, depth: 9 })
            assert.match(said, /UNIQUE constraint failed/)
            assert.doesNotMatch(said, new RegExp(`${key}|PAYLOAD`))
          }
        }),
    },
    {
      title: 'list refuses a cursor that is not one of its own',
      run: () =>
        onStage(async ({ store }) => {
          for (const cursor of ['\u0000', 'key of', `${key}\n`, 'ž', "'", [key] as unknown as string]) {
            await assert.rejects(store.list({ cursor, limit: 10 }), {
              message: 'sqliteStore: the cursor is not one of its own.',
            })
          }
          for (const cursor of [key, '', null]) assert.equal((await store.list({ cursor, limit: 10 })).cursor, null)
        }),
    },
    {
      title: 'REL-24 a write while another connection writes waits its turn, and nothing else in the process waits',
      run: () =>
        whileLocked(async ({ store, release }) => {
          const creation = store.create(key, record)
          assert.ok(creation instanceof Promise)
          let turns = 0
          for (; turns < 20; turns++) await new Promise((resolve) => setTimeout(resolve, 2))
          assert.equal(await store.read(key), null)
          release()
          assert.equal(await creation, true)
          assert.deepEqual(await store.read(key), record)
        }),
    },
    {
      title: 'REL-24 a write that waited its turn goes by what has expired when its turn comes',
      run: () =>
        onStage(async ({ client, path }) => {
          let time = now
          const store = sqliteStore({ client, clock: () => time })
          const keys = ['touch', 'replace', 'create'].map((name) => `${key}-${name}`) as [string, string, string]
          for (const each of keys) assert.equal(await store.create(each, record), true)
          const other = await open(path)
          try {
            other.exec('BEGIN IMMEDIATE')
            const longer = { ...record, version: 2, expiresAt: record.expiresAt + 1000 }
            const answers = [
              store.touch(keys[0], longer.expiresAt, 1),
              store.replace(keys[1], longer, 1),
              store.create(keys[2], longer),
            ]
            time = record.expiresAt
            other.exec('COMMIT')
            assert.deepEqual(await Promise.all(answers), [false, false, true])
            const found = [await store.read(keys[0]), await store.read(keys[1]), await store.read(keys[2])]
            assert.deepEqual(found, [null, null, longer])
          } finally {
            other.close()
          }
        }),
    },
    {
      title: 'REL-24 a write whose signal is aborted while it waits is not made when its turn comes',
      run: () =>
        whileLocked(async ({ store, release }) => {
          const controller = new AbortController()
          const creation = store.create(key, record, { signal: controller.signal })
          controller.abort()
          release()
          await assert.rejects(async () => creation, { name: 'AbortError' })
          assert.equal(await store.read(key), null)
        }),
    },
    {
      title: 'REL-24 a write is given up when its signal is aborted while another connection goes on writing',
      run: () =>
        whileLocked(async ({ store, release }) => {
          const controller = new AbortController()
          const creation = store.create(key, record, { signal: controller.signal })
          controller.abort()
          await assert.rejects(async () => creation, { name: 'AbortError' })
          release()
          assert.equal(await store.read(key), null)
        }),
    },
    {
      title: 'REL-24 without a signal a write is given up after some seconds',
      run: () =>
        whileLocked(async ({ store }) => {
          await assert.rejects(async () => store.create(key, record), /locked/)
        }),
    },
    {
      title: 'REL-24 other errors are not tried again',
      run: () =>
        onStage(({ client, store }) => {
          client.exec('DROP TABLE coatcheck_sessions')
          assert.throws(() => store.create(key, record), /no such table/)
        }),
    },
  ]
}

function toBigInt(value: unknown): unknown {
  return typeof value === 'number' ? BigInt(value) : value
}
