import type { Listing, Store, StoredRecord, Sweeping, UserIndex } from '../../contract/store.ts'
import { discreet } from '../_faults/discreet.ts'
import { checkOptions, collectionOptions, type MongodbClient } from './client.ts'

export type { MongodbClient, MongodbCollection } from './client.ts'

export interface MongodbStoreOptions {
  /** A `MongoClient`. It connects when it is first used; the caller closes it. */
  readonly client: MongodbClient
  /** The database; default: the one that the client's connection string names. */
  readonly database?: string
  /** The collection; default `'coatcheck_sessions'`. It must not have a collation of its own. */
  readonly collection?: string
  /** The clock that deadlines are compared with, epoch ms; default `Date.now`. */
  readonly clock?: () => number
}

/** A document of the collection, as far as it can be trusted: anybody may have written it. */
interface SessionDocument {
  readonly _id?: unknown
  readonly payload?: unknown
  readonly version?: unknown
  readonly expiresAt?: unknown
  readonly userId?: unknown
}

/** The server's code for a key that another document has. */
const duplicateKey = 11000
/** The most records that one command of a sweep removes, and the most keys in an answer. */
const batchSize = 1000
/** Sorts behind every character of a key. */
const afterKeys = '\u007f'

/**
 * Sessions in a MongoDB collection, one document each; every operation is one command.
 *
 * Call `createIndexes` once, at start-up or in a migration: without its indexes all operations work, but `keysOf` and
 * `sweep` scan and no expired record goes by itself. Throws `CONFIG_INVALID` for a client of another kind, and for a
 * database or collection whose name MongoDB does not take.
 */
export function mongodbStore(
  options: MongodbStoreOptions,
): Store & Sweeping & Listing & UserIndex & { createIndexes(): Promise<void> } {
  const { client, database, collection = 'coatcheck_sessions', clock = () => Date.now() } = options
  checkOptions(client, database, collection)
  const documents = client.db(database).collection(collection, collectionOptions)

  return discreet({
    name: 'mongodb',

    async read(key, { signal } = {}) {
      const found = await documents.findOne({ _id: text(key), expiresAt: later(clock()) }, withSignal(signal))
      return found === null ? null : recordOf(found)
    },

    // Over an expired record it replaces; over none it inserts; over a live one the insert fails by its key.
    async create(key, record) {
      const free = { _id: text(key), expiresAt: { $lte: new Date(clock()) } }
      try {
        const { matchedCount, upsertedCount } = await documents.replaceOne(free, contentOf(record), { upsert: true })
        return matchedCount + upsertedCount === 1
      } catch (error) {
        if ((error as { code?: unknown } | null)?.code === duplicateKey) return false
        throw error
      }
    },

    // A driver that repeats a write after a lost answer does so under the first one's transaction number, so that the
    // server answers what came of the first. If it did not, the version would refuse the second.
    async replace(key, record, expectedVersion) {
      const same = { _id: text(key), version: number(expectedVersion), expiresAt: later(clock()) }
      return (await documents.replaceOne(same, contentOf(record))).matchedCount === 1
    },

    async touch(key, expiresAt, expectedVersion) {
      const same = { _id: text(key), version: number(expectedVersion), expiresAt: later(clock()) }
      return (await documents.updateOne(same, { $set: { expiresAt: new Date(expiresAt) } })).matchedCount === 1
    },

    async delete(key) {
      await documents.deleteOne({ _id: text(key) })
    },

    // Two commands for each batch, since MongoDB deletes one document or all. The second one looks at the deadline
    // again, for a record may have been renewed in between.
    async sweep(now, { limit, signal }) {
      const expired = { expiresAt: { $lte: new Date(now) } }
      let removed = 0
      while (removed < limit && signal?.aborted !== true) {
        const size = Math.min(limit - removed, batchSize)
        const found = await documents.find(expired, { ...idOnly, ...page(size), ...withSignal(signal) }).toArray()
        if (found.length === 0) break
        const { deletedCount } = await documents.deleteMany({ _id: { $in: found.map(idOf) }, ...expired })
        removed += deletedCount
        if (found.length < size) break
      }
      return removed
    },

    async list({ cursor, limit, prefix = '', signal }) {
      const after = cursor === undefined || cursor === null ? {} : { $gt: text(cursor) }
      const range = { $gte: text(prefix), $lt: `${prefix}${afterKeys}`, ...after }
      const query = { sort: { _id: 1 }, ...page(limit), ...withSignal(signal) }
      const found = await documents.find({ _id: range, expiresAt: later(clock()) }, query).toArray()
      const entries: Array<{ key: string; record: StoredRecord }> = []
      for (const document of found) {
        const record = recordOf(document)
        if (record !== null) entries.push({ key: text(idOf(document)), record })
      }
      const last = found.at(-1)
      return { entries, cursor: last === undefined || found.length < limit ? null : text(idOf(last)) }
    },

    count: ({ signal } = {}) => documents.countDocuments({ expiresAt: later(clock()) }, withSignal(signal)),

    async keysOf(userId, { signal } = {}) {
      const owned = { userId: text(userId), expiresAt: later(clock()) }
      const found = await documents.find(owned, { ...idOnly, batchSize, ...withSignal(signal) }).toArray()
      return found.map((document) => text(idOf(document)))
    },

    /** Creates the indexes, and with them the collection. Again, or in several processes at once, is a success. */
    async createIndexes() {
      await documents.createIndexes([
        { key: { expiresAt: 1 }, expireAfterSeconds: 0 },
        { key: { userId: 1 }, sparse: true },
      ])
    },
  })
}

const idOnly = { projection: { _id: 1 } }

/** All in the first answer, where the server's default would be 101 documents. */
function page(limit: number): object {
  return { limit, batchSize: limit }
}

function withSignal(signal: AbortSignal | undefined): object {
  return signal === undefined ? {} : { signal }
}

function later(now: number): object {
  return { $gt: new Date(now) }
}

/** Lets no object into a filter, where it would be a condition: `{ $ne: null }` finds anybody's session. */
function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error('mongodbStore: a key, a prefix, a cursor and a user id are texts.')
  return value
}

function number(value: unknown): number {
  if (typeof value !== 'number') throw new Error('mongodbStore: a version is a number.')
  return value
}

function contentOf({ payload, version, expiresAt, userId }: StoredRecord): object {
  const content = { payload, version, expiresAt: new Date(expiresAt) }
  return userId === undefined ? content : { ...content, userId: text(userId) }
}

function idOf(document: SessionDocument): unknown {
  return document._id
}

/** The record, or null for a document that is none. */
function recordOf({ payload, version, expiresAt, userId }: SessionDocument): StoredRecord | null {
  if (typeof payload !== 'string' || typeof version !== 'number' || !(expiresAt instanceof Date)) return null
  const record = { payload, version, expiresAt: expiresAt.getTime() }
  return typeof userId === 'string' ? { ...record, userId } : record
}
