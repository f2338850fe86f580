import type { Store, StoredRecord, UserIndex } from '../../contract/store.ts'
import { type Patience, untilSettled } from '../_cas/settle.ts'
import { casUserIndex } from '../_cas/user-index.ts'
import { discreet } from '../_faults/discreet.ts'
import { type MemcachedClient, memcachedItems } from './items.ts'
import { decodeRecord, encodeRecord, type KeptRecord } from './record.ts'
import { userItems } from './users.ts'

export type { MemcachedClient } from './items.ts'

/** Where the records go. */
export interface MemcachedStoreOptions {
  /**
   * A `MemcacheClient` of the package `memcache-client`, for one server. Of several servers, an array with a client
   * for each, in the same order in every process: each key has one server. The caller closes them.
   */
  readonly client: MemcachedClient | readonly MemcachedClient[]
  /** What all keys begin with: at most 122 printable ASCII characters. Default: `'coatcheck:'`. */
  readonly prefix?: string
  /** Epoch ms. Default: `Date.now`. */
  readonly clock?: () => number
}

const ofRecord = patience('the record')

/**
 * Keeps sessions in memcached, which forgets them when it restarts or needs the room.
 *
 * Round trips: `read` 1, `create` 1, `replace` and `touch` 2 (`gets`, then `cas`), `delete` 1; two more when a user's
 * index has to learn of a key. A deadline is kept in the value, to the ms, so `touch` sends the payload along, over the
 * very value that it read. A user may have 4096 sessions at a time. It cannot list, count or sweep.
 *
 * @throws SessionError `CONFIG_INVALID` for another client, or a prefix that makes no key of memcached.
 */
export function memcachedStore(options: MemcachedStoreOptions): Store & UserIndex {
  const { client, prefix = 'coatcheck:', clock = Date.now } = options
  const items = memcachedItems(client, prefix, clock)
  const users = casUserIndex({
    items: userItems(items),
    ownerOf: async (key) => (await findLive(key))?.userId,
    clock,
    patience: patience("the user's index"),
    // Twice the time that is left, so that not every `touch` has to write the index.
    spareMs: (left) => Math.max(left, 0),
    // The engine gives a call up after its `storeTimeout`, 2 s by default.
    graceMs: 300_000,
    leastFullAt: 0,
    readsAtOnce: 128,
  })

  async function findLive(key: string): Promise<KeptRecord | null> {
    const found = await items.gets(key)
    return found === null ? null : liveRecord(found.text, clock())
  }

  /** What is to be kept; its owner's index knows the key by then, so that a crash loses no record from the index. */
  async function indexed(
    key: string,
    record: StoredRecord,
    before: KeptRecord | null,
    signal: AbortSignal | undefined,
  ): Promise<KeptRecord> {
    const { userId, expiresAt } = record
    if (userId === undefined) return { ...record, indexedUntil: 0 }
    const known = before?.userId === userId ? before.indexedUntil : 0
    if (expiresAt <= known) return { ...record, indexedUntil: known }
    return { ...record, indexedUntil: await users.note(userId, key, expiresAt, signal) }
  }

  /** Writes what `next` makes of the live record, over that very record; false if it is gone or `next` answers null. */
  async function rewrite(
    key: string,
    next: (before: KeptRecord) => StoredRecord | null,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    return untilSettled(ofRecord, signal, async () => {
      const found = await items.gets(key)
      const before = found === null ? null : liveRecord(found.text, clock())
      const record = before === null ? null : next(before)
      if (found === null || record === null) return false
      const kept = await indexed(key, record, before, signal)
      return (await items.cas(key, found, encodeRecord(kept), kept.expiresAt)) || undefined
    })
  }

  return discreet({
    name: 'memcached',

    async read(key) {
      const record = await findLive(key)
      if (record === null) return null
      const { payload, version, expiresAt, userId } = record
      return userId === undefined ? { payload, version, expiresAt } : { payload, version, expiresAt, userId }
    },

    async create(key, record, { signal } = {}) {
      return untilSettled(ofRecord, signal, async () => {
        const kept = await indexed(key, record, null, signal)
        const text = encodeRecord(kept)
        if (await items.add(key, text, kept.expiresAt)) return true
        const found = await items.gets(key)
        if (found === null) return undefined
        if (liveRecord(found.text, clock()) !== null) return false
        return (await items.cas(key, found, text, kept.expiresAt)) || undefined
      })
    },

    replace(key, record, expectedVersion, { signal } = {}) {
      return rewrite(key, ({ version }) => (version === expectedVersion ? record : null), signal)
    },

    // No command of memcached moves a deadline on condition, so the payload travels to here and back.
    touch(key, expiresAt, expectedVersion, { signal } = {}) {
      const moved = (before: KeptRecord) => (before.version === expectedVersion ? { ...before, expiresAt } : null)
      return rewrite(key, moved, signal)
    },

    async delete(key) {
      await items.delete(key)
    },

    keysOf: (userId, { signal } = {}) => users.keysOf(userId, signal),
  })
}

/** Null if it has expired, or is no record. */
function liveRecord(text: string, now: number): KeptRecord | null {
  const record = decodeRecord(text)
  return record !== null && record.expiresAt > now ? record : null
}

/** For a server that answers within a fraction of a millisecond. */
function patience(what: string): Patience {
  const attempts = 1000
  return { attempts, pauseMs: () => 0, message: `memcachedStore: others changed ${what} ${attempts} times meanwhile.` }
}
