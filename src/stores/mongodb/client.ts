import { invalid } from '../_faults/invalid.ts'

/** The part of a `MongoClient` of the package `mongodb` (version 6 or later) that the store uses. */
export interface MongodbClient {
  db(name?: string): { collection(name: string, options: object): MongodbCollection }
}

/** The calls that the store makes on a collection. */
export interface MongodbCollection {
  findOne(filter: object, options: object): Promise<object | null>
  find(filter: object, options: object): { toArray(): Promise<object[]> }
  replaceOne(filter: object, replacement: object, options?: object): Promise<WriteCounts>
  updateOne(filter: object, update: object, options?: object): Promise<WriteCounts>
  deleteOne(filter: object): Promise<unknown>
  deleteMany(filter: object): Promise<{ readonly deletedCount: number }>
  countDocuments(filter: object, options: object): Promise<number>
  createIndexes(indexes: MongodbIndex[]): Promise<unknown>
}

interface WriteCounts {
  readonly matchedCount: number
  readonly upsertedCount: number
}

interface MongodbIndex {
  key: { [field: string]: 1 }
  expireAfterSeconds?: number
  sparse?: boolean
}

/**
 * The concerns of the store's own collection handle, whatever the client has for other data. A write that a majority
 * holds survives a failover, and only the primary knows that a session has ended. `local`, since under `majority` a
 * writer that lost a race would go on reading the version that it lost to. The rest undoes settings under which a
 * document would come back as something else than plain values.
 */
export const collectionOptions: object = {
  writeConcern: { w: 'majority' },
  readPreference: 'primary',
  readConcern: { level: 'local' },
  promoteValues: true,
  raw: false,
}

/** Throws `CONFIG_INVALID` for a client of another kind, and for names that MongoDB does not take. */
export function checkOptions(client: unknown, database: unknown, collection: unknown): void {
  if (typeof (client as MongodbClient | null | undefined)?.db !== 'function') {
    throw invalid('mongodbStore: client must be a MongoClient, not a Db or a Collection.')
  }
  if (database !== undefined && !isName(database, /^[^\0-\x20/\\."$*<>:|?]{1,63}$/)) {
    throw invalid('mongodbStore: database must be 1 to 63 characters, no space and none of / \\ . " $ * < > : | ?.')
  }
  if (!isName(collection, /^(?!system\.)[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$/) || collection.length > 120) {
    throw invalid(
      'mongodbStore: collection must be at most 120 letters, digits, _ - and single dots, begin with a letter or _, ' +
        'and not with "system.".',
    )
  }
}

function isName(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value)
}
