import type { Closing, Listing, Store, StoredRecord, Sweeping, UserIndex } from '../../contract/store.ts'
import { invalid } from '../_faults/invalid.ts'
import { type Entry, memoryTable } from './table.ts'

export interface MemoryStoreOptions {
  /**
   * The most records that are kept; default 1,000,000. A `create` beyond it evicts the least recently written
   * anonymous record, and one with a `userId` only when no anonymous one is left.
   */
  readonly maxRecords?: number
  /** The clock that deadlines are compared with, epoch ms; default `Date.now`. */
  readonly clock?: () => number
}

/** How long a scan runs before other work gets its turn, and after how many slots it looks at the time. */
const sliceMs = 2
const slotsPerLook = 1024
/** A removal takes the time of so many slots when one of the maps behind it shrinks. */
const slotsPerRemoval = 128

/** The most slots that one page of a listing looks at. */
const slotsPerPage = 8192

/** Slots that each `create` checks for an expired record, so that expired ones go without a timer. */
const slotsPerCreate = 4

/**
 * Sessions in this process's memory: for a single process, for development and for tests. They end with the process.
 *
 * The number of records is capped, see `maxRecords`. Expired records go as new ones come, or with `sweep`. `close`
 * forgets everything. Throws `CONFIG_INVALID` for a `maxRecords` that is not a whole number above 0.
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store & Sweeping & Listing & UserIndex & Closing {
  const { maxRecords = 1_000_000, clock = () => Date.now() } = options
  if (!Number.isSafeInteger(maxRecords) || maxRecords < 1) {
    throw invalid(`memoryStore: maxRecords must be a whole number above 0, not ${maxRecords}.`)
  }
  let table = memoryTable()
  let sliceStart = 0
  let slotsSinceLook = 0

  // Shared by all calls, so that a loop of small sweeps lets other work in as often as a single large one.
  function isSliceOver(slots: number): boolean {
    slotsSinceLook += slots
    if (slotsSinceLook < slotsPerLook) return false
    slotsSinceLook = 0
    return performance.now() - sliceStart > sliceMs
  }

  async function nextSlice(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve))
    sliceStart = performance.now()
  }

  function findLive(key: string): Entry | undefined {
    const entry = table.find(key)
    return entry !== undefined && isLive(entry, clock()) ? entry : undefined
  }

  return {
    name: 'memory',

    read(key) {
      const entry = findLive(key)
      return entry === undefined ? null : copyOf(entry)
    },

    create(key, record) {
      const now = clock()
      const present = table.find(key)
      if (present !== undefined) {
        if (isLive(present, now)) return false
        table.remove(present)
      }
      for (let checked = 0; checked < slotsPerCreate; checked++) {
        const entry = table.next()
        if (entry !== undefined && !isLive(entry, now)) table.remove(entry)
      }
      if (table.size() >= maxRecords) table.remove(table.oldest())
      table.insert(key, record)
      return true
    },

    replace(key, record, expectedVersion) {
      const entry = findLive(key)
      if (entry === undefined || entry.version !== expectedVersion) return false
      table.rewrite(entry, record)
      return true
    },

    touch(key, expiresAt, expectedVersion) {
      const entry = findLive(key)
      if (entry === undefined || entry.version !== expectedVersion) return false
      table.renew(entry, expiresAt)
      return true
    },

    delete(key) {
      const entry = table.find(key)
      if (entry !== undefined) table.remove(entry)
    },

    // Fewer than `limit` says that every slot was examined, so a caller that goes on until then is done.
    async sweep(now, { limit, signal }) {
      let removed = 0
      for (let left = table.slotCount(); left > 0 && removed < limit && signal?.aborted !== true; left--) {
        const entry = table.next()
        const expired = entry !== undefined && !isLive(entry, now)
        if (expired) {
          table.remove(entry)
          removed++
        }
        if (isSliceOver(expired ? slotsPerRemoval : 1)) await nextSlice()
      }
      return removed
    },

    async list({ cursor, limit, prefix = '' }) {
      const now = clock()
      const start = Number(cursor ?? 0)
      if (!Number.isSafeInteger(start) || start < 0) throw new Error('memoryStore: the cursor is not one of its own.')
      const end = Math.min(start + slotsPerPage, table.slotCount())
      const entries: Array<{ key: string; record: StoredRecord }> = []
      let at = start
      for (; at < end && entries.length < limit; at++) {
        const entry = table.at(at)
        if (entry === undefined || !isLive(entry, now) || !entry.key.startsWith(prefix)) continue
        entries.push({ key: entry.key, record: copyOf(entry) })
      }
      return { entries, cursor: at < table.slotCount() ? String(at) : null }
    },

    async count() {
      const now = clock()
      let live = 0
      for (let at = 0; at < table.slotCount(); at++) {
        const entry = table.at(at)
        if (entry !== undefined && isLive(entry, now)) live++
        if (isSliceOver(1)) await nextSlice()
      }
      return live
    },

    async keysOf(userId) {
      const now = clock()
      const keys: string[] = []
      for (const entry of table.ofUser(userId)) if (isLive(entry, now)) keys.push(entry.key)
      return keys
    },

    async close() {
      table = memoryTable()
    },
  }
}

/** A deadline that is not a number has passed. */
function isLive(entry: Entry, now: number): boolean {
  return entry.expiresAt > now
}

/** A copy, so that whoever changes what was read changes nothing here. */
function copyOf({ payload, version, expiresAt, userId }: Entry): StoredRecord {
  return userId === undefined ? { payload, version, expiresAt } : { payload, version, expiresAt, userId }
}
