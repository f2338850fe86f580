import type { StoredRecord } from '../../contract/store.ts'

/** A record with its place in every order in which the memory store has to find it. */
export interface Entry {
  readonly key: string
  payload: string
  version: number
  expiresAt: number
  userId: string | undefined
  /** Its slot, from its creation to its end: what makes a listing's cursor a plain number. */
  readonly slot: number
  older: Entry
  newer: Entry
}

/** The memory store's records: found by key and by owner, walked by slot, evicted by age. Knows nothing of time. */
export interface MemoryTable {
  size(): number
  slotCount(): number
  /** The entry in this slot, if there is one. */
  at(slot: number): Entry | undefined
  find(key: string): Entry | undefined
  ofUser(userId: string): Iterable<Entry>
  /** As `at`, for the next slot of an endless round. */
  next(): Entry | undefined
  /** The key must be free. */
  insert(key: string, record: StoredRecord): void
  rewrite(entry: Entry, record: StoredRecord): void
  renew(entry: Entry, expiresAt: number): void
  remove(entry: Entry): void
  /** The least recently written record: an anonymous one as long as there is any. The table must not be empty. */
  oldest(): Entry
}

/** Makes an empty table. Every operation takes the same time however many records there are. */
export function memoryTable(): MemoryTable {
  const byKey = shardedMap<Entry>()
  const byUser = shardedMap<Entry | Set<Entry>>()
  const anonymous = emptyRing()
  const owned = emptyRing()
  // A slot without an entry holds the index of the next one without, so that a removal allocates nothing.
  const slots: Array<Entry | number> = []
  let firstFree = -1
  let size = 0
  let hand = 0

  function at(slot: number): Entry | undefined {
    const content = slots[slot]
    return typeof content === 'object' ? content : undefined
  }

  // Most users have one session, and a Set of one would cost more memory than the record.
  function addToUser(userId: string, entry: Entry): void {
    const users = byUser(userId)
    const held = users.get(userId)
    if (held === undefined) users.set(userId, entry)
    else if (held instanceof Set) held.add(entry)
    else users.set(userId, new Set([held, entry]))
  }

  function removeFromUser(userId: string, entry: Entry): void {
    const users = byUser(userId)
    const held = users.get(userId)
    if (held instanceof Set && held.size > 1) held.delete(entry)
    else users.delete(userId)
  }

  function moveToNewest(entry: Entry): void {
    unlink(entry)
    entry.newer = entry.userId === undefined ? anonymous : owned
    entry.older = entry.newer.older
    link(entry)
  }

  return {
    size: () => size,
    slotCount: () => slots.length,
    at,
    find: (key) => byKey(key).get(key),

    ofUser(userId) {
      const held = byUser(userId).get(userId)
      return held === undefined ? [] : held instanceof Set ? held : [held]
    },

    next() {
      if (hand >= slots.length) hand = 0
      return at(hand++)
    },

    insert(key, { payload, version, expiresAt, userId }) {
      const nextFree = slots[firstFree]
      const slot = typeof nextFree === 'number' ? firstFree : slots.length
      if (typeof nextFree === 'number') firstFree = nextFree
      const newer = userId === undefined ? anonymous : owned
      const entry: Entry = { key, payload, version, expiresAt, userId, slot, older: newer.older, newer }
      link(entry)
      slots[slot] = entry
      size++
      byKey(key).set(key, entry)
      if (userId !== undefined) addToUser(userId, entry)
    },

    rewrite(entry, { payload, version, expiresAt, userId }) {
      if (entry.userId !== userId) {
        if (entry.userId !== undefined) removeFromUser(entry.userId, entry)
        if (userId !== undefined) addToUser(userId, entry)
        entry.userId = userId
      }
      entry.payload = payload
      entry.version = version
      entry.expiresAt = expiresAt
      moveToNewest(entry)
    },

    renew(entry, expiresAt) {
      entry.expiresAt = expiresAt
      moveToNewest(entry)
    },

    remove(entry) {
      byKey(entry.key).delete(entry.key)
      slots[entry.slot] = firstFree
      firstFree = entry.slot
      size--
      unlink(entry)
      if (entry.userId !== undefined) removeFromUser(entry.userId, entry)
    },

    oldest: () => (anonymous.newer === anonymous ? owned.newer : anonymous.newer),
  }
}

/** A closed chain: `newer` of its start is the least recently written entry, `older` the most recently written. */
function emptyRing(): Entry {
  const start = { key: '', payload: '', version: 0, expiresAt: 0, userId: undefined, slot: -1 } as unknown as Entry
  start.older = start
  start.newer = start
  return start
}

function link(entry: Entry): void {
  entry.older.newer = entry
  entry.newer.older = entry
}

function unlink(entry: Entry): void {
  entry.older.newer = entry.newer
  entry.newer.older = entry.older
}

/**
 * Many small maps in place of a large one: a map of 1e6 entries stops everything for 15 to 25 ms when it grows or
 * shrinks. Keys and user ids differ most at their end.
 */
function shardedMap<Value>(): (text: string) => Map<string, Value> {
  const shards = Array.from({ length: 64 }, () => new Map<string, Value>())
  return (text) => {
    const last = text.length - 1
    const sum = text.charCodeAt(last) * 10 + text.charCodeAt(last - 1) + text.charCodeAt(last - 2) * 7
    return shards[sum & 63] as Map<string, Value>
  }
}
