import type { Store, StoredRecord, UserIndex } from '../../contract/store.ts'
import { type Patience, untilSettled } from '../_cas/settle.ts'
import { casUserIndex } from '../_cas/user-index.ts'
import { discreet } from '../_faults/discreet.ts'
import { invalid } from '../_faults/invalid.ts'
import { type CouchbaseClient, documentsOf } from './documents.ts'
import { leastFullAt, userItems } from './users.ts'

export type { CouchbaseClient } from './documents.ts'

export interface CouchbaseStoreOptions {
  /** A `Collection`, such as `bucket.defaultCollection()`. The caller closes its cluster. */
  readonly client: CouchbaseClient
  /** What the ids of all documents begin with: at most 100 bytes, no control characters; default `'coatcheck:'`. */
  readonly prefix?: string
  /** Who must have a write before it counts as done; default: the node that holds the document, in its memory. */
  readonly durability?: 'majority' | 'majorityAndPersistOnMaster' | 'persistToMajority'
  /** The clock that deadlines are compared with, epoch ms; default `Date.now`. */
  readonly clock?: () => number
}

/** The document of a record: the record, and until when (epoch ms) its owner's index has its key for sure. */
interface Content extends StoredRecord {
  readonly indexedUntil?: number
}

/** The SDK's `DurabilityLevel`. */
const durabilityLevels: ReadonlyMap<unknown, number> = new Map([
  [undefined, 0],
  ['majority', 1],
  ['majorityAndPersistOnMaster', 2],
  ['persistToMajority', 3],
])
/** Leaves room for a key within the 250 bytes of an id. */
const longestPrefix = 100
const dayMs = 86_400_000

/** A loser of so many races in a row gives up. */
const patience: Patience = {
  attempts: 64,
  pauseMs: (lost) => (lost > 2 ? Math.random() * lost : 0),
  message: 'couchbaseStore: a document changes faster than it can be written.',
}

/**
 * Sessions in a Couchbase collection, one document each, and one for each owner's index.
 *
 * `read` and `delete` are one command, and so is `create` without an owner; `replace` and `touch` are a read and a
 * conditional write, repeated if another writer came between them. Noting an owner takes two more, which calls of the
 * same owner at the same time share. The SDK has its own timeouts and no signals: an aborted call ends after the command
 * that it is at, or with the note that it shares. Throws `CONFIG_INVALID` for a client of another kind, a prefix that is
 * too long or has control characters, and an unknown durability.
 */
export function couchbaseStore(options: CouchbaseStoreOptions): Store & UserIndex {
  const { client, prefix = 'coatcheck:', durability, clock = () => Date.now() } = options
  const documents = documentsOf(client, checkOptions(client, prefix, durability), clock)
  const users = casUserIndex({
    items: userItems(documents, prefix),
    ownerOf: async (key) => (await findLive(key))?.content.userId,
    clock,
    patience,
    // As long again, and a day more: a session that is renewed all the time is noted anew once in a while.
    spareMs: (left) => Math.max(left, dayMs),
    graceMs: 600_000,
    leastFullAt,
    readsAtOnce: 64,
  })

  function idOf(key: string): string {
    if (typeof key !== 'string') throw new Error('couchbaseStore: a key is a text.')
    return prefix + key
  }

  async function findLive(key: string): Promise<{ content: Content; cas: unknown } | null> {
    const held = await documents.get(idOf(key))
    const content = contentOf(held?.content)
    return held === null || content === null || !isLive(content) ? null : { content, cas: held.cas }
  }

  function isLive({ expiresAt }: StoredRecord): boolean {
    return expiresAt > clock()
  }

  /** What to write; the index has the key from now on, even if writing then fails. */
  async function prepare(
    key: string,
    { payload, version, expiresAt, userId }: StoredRecord,
    present: Content | null,
    signal: AbortSignal | undefined,
  ): Promise<Content> {
    if (userId === undefined) return { payload, version, expiresAt }
    const noted = present?.userId === userId ? (present.indexedUntil ?? 0) : 0
    const indexedUntil = noted >= expiresAt ? noted : await users.note(userId, key, expiresAt, signal)
    return { payload, version, expiresAt, userId, indexedUntil }
  }

  /** Writes what `next` makes of the live record; false if there is none, or if `next` wants nothing of it. */
  function change(
    key: string,
    signal: AbortSignal | undefined,
    next: (present: Content) => StoredRecord | null,
  ): Promise<boolean> {
    return untilSettled(patience, signal, async () => {
      const found = await findLive(key)
      const record = found === null ? null : next(found.content)
      if (found === null || record === null) return false
      const content = await prepare(key, record, found.content, signal)
      return (await documents.replace(idOf(key), content, content.expiresAt, found.cas)) || undefined
    })
  }

  return discreet({
    name: 'couchbase',

    async read(key) {
      const found = await findLive(key)
      if (found === null) return null
      const { payload, version, expiresAt, userId } = found.content
      return userId === undefined ? { payload, version, expiresAt } : { payload, version, expiresAt, userId }
    },

    async create(key, record, { signal } = {}) {
      const id = idOf(key)
      const content = await prepare(key, record, null, signal)
      return untilSettled(patience, signal, async () => {
        if (await documents.insert(id, content, content.expiresAt)) return true
        const held = await documents.get(id)
        if (held === null) return undefined
        const present = contentOf(held.content)
        if (present === null || isLive(present)) return false
        return (await documents.replace(id, content, content.expiresAt, held.cas)) || undefined
      })
    },

    replace: async (key, record, expectedVersion, { signal } = {}) =>
      change(key, signal, ({ version }) => (version === expectedVersion ? record : null)),

    // The payload goes back as it came, under the condition that nobody has written another one since: the SDK's own
    // `touch` takes no CAS.
    touch: async (key, expiresAt, expectedVersion, { signal } = {}) =>
      change(key, signal, (present) => (present.version === expectedVersion ? { ...present, expiresAt } : null)),

    async delete(key) {
      await documents.remove(idOf(key))
    },

    keysOf: async (userId, { signal } = {}) => users.keysOf(userId, signal),
  })
}

/** The record, or null for a document that is none. */
function contentOf(document: unknown): Content | null {
  const { payload, version, expiresAt, userId, indexedUntil } = (document ?? {}) as { [field: string]: unknown }
  if (typeof payload !== 'string' || typeof version !== 'number' || typeof expiresAt !== 'number') return null
  const record = { payload, version, expiresAt }
  if (typeof userId !== 'string') return record
  return typeof indexedUntil === 'number' ? { ...record, userId, indexedUntil } : { ...record, userId }
}

/** The number of the durability level. */
function checkOptions(client: unknown, prefix: unknown, durability: unknown): number {
  const calls = (client ?? {}) as { [call: string]: unknown }
  if (!['get', 'insert', 'replace', 'remove'].every((call) => typeof calls[call] === 'function')) {
    throw invalid(
      'couchbaseStore: client must be a Collection, such as bucket.defaultCollection(), not a Cluster or a Bucket.',
    )
  }
  if (typeof prefix !== 'string' || !/^[^\p{Cc}\p{Cs}]*$/u.test(prefix) || Buffer.byteLength(prefix) > longestPrefix) {
    throw invalid(`couchbaseStore: prefix must be a text of at most ${longestPrefix} bytes without control characters.`)
  }
  const level = durabilityLevels.get(durability)
  if (level !== undefined) return level
  throw invalid(
    'couchbaseStore: durability must be "majority", "majorityAndPersistOnMaster" or "persistToMajority", or left out.',
  )
}
