import { createHash } from 'node:crypto'
import type { Item, Items } from './items.ts'

/** One key in the index of a user. */
interface Entry {
  readonly key: string
  /** Epoch ms. The record of the key is not live from then on. */
  readonly until: number
  /** Epoch ms at which the entry was written: its record follows. */
  readonly markedAt: number
}

/** The keys of each user's records, in one item per user. */
export interface UserKeys {
  /** Adds the key; to be done before the record is written. */
  mark(userId: string, key: string, until: number): Promise<void>
  /** The keys of the live records of this owner. Forgets those whose record is gone or another's. */
  keysOf(userId: string): Promise<string[]>
}

/** With keys of 128 characters about 660 kB; the server's limit is 1 MiB unless it is told otherwise. */
const maxEntries = 4096

/**
 * How long an entry without a record is kept, ms: the record may be on its way. The engine gives a call up after its
 * `storeTimeout`, 2 s by default.
 */
const graceMs = 300_000

const readsAtOnce = 128

/** After so many changes by others in between, a write gives up. */
export const maxAttempts = 1000

/** The index of users, in the same memcached as the records. `ownerOf` answers the owner of a live record. */
export function memcachedUsers(
  items: Items,
  ownerOf: (key: string) => Promise<string | undefined>,
  clock: () => number,
): UserKeys {
  async function keysOf(userId: string): Promise<string[]> {
    const place = placeOf(userId)
    const found = await items.gets(place)
    const entries = entriesOf(found)
    const now = clock()
    const lasting = entries.filter((entry) => entry.until > now)
    const owners: (string | undefined)[] = []
    // Not all at once: each answer brings a payload along.
    for (let start = 0; start < lasting.length; start += readsAtOnce) {
      const part = lasting.slice(start, start + readsAtOnce)
      owners.push(...(await Promise.all(part.map(({ key }) => ownerOf(key)))))
    }
    const kept = lasting.filter(({ markedAt }, index) => owners[index] === userId || now - markedAt < graceMs)
    // Somebody else who changed the index meanwhile leaves this to the next reader.
    if (kept.length < entries.length) await write(items, place, found, kept)
    return lasting.filter((_, index) => owners[index] === userId).map(({ key }) => key)
  }

  async function add(userId: string, added: ReadonlyMap<string, number>): Promise<void> {
    const place = placeOf(userId)
    let hasPruned = false
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const found = await items.gets(place)
      const now = clock()
      const merged = new Map(
        entriesOf(found)
          .filter(({ until }) => until > now)
          .map((entry) => [entry.key, entry]),
      )
      for (const [key, until] of added) {
        // Of two writers, the one whose record comes to stay may have been the first here.
        merged.set(key, { key, until: Math.max(until, merged.get(key)?.until ?? until), markedAt: now })
      }
      const entries = [...merged.values()]
      if (entries.length > maxEntries) {
        if (hasPruned) throw new Error(`memcachedStore: the user has ${maxEntries} sessions, the most it can list.`)
        await keysOf(userId)
        hasPruned = true
      } else if (await write(items, place, found, entries)) return
    }
    throw new Error(`memcachedStore: others changed the user's index ${maxAttempts} times meanwhile.`)
  }

  const addInBatches = inBatches(add)
  return { mark: addInBatches, keysOf }
}

/**
 * Keys of one user that come while a write for that user is under way go together in the next, or many at once would
 * make each other's `cas` fail in turn.
 */
function inBatches(write: (userId: string, added: ReadonlyMap<string, number>) => Promise<void>): UserKeys['mark'] {
  const running = new Map<string, Promise<void>>()
  const waiting = new Map<string, { readonly added: Map<string, number>; readonly done: Promise<void> }>()

  return (userId, key, until) => {
    const open = waiting.get(userId)
    if (open !== undefined) {
      open.added.set(key, Math.max(until, open.added.get(key) ?? until))
      return open.done
    }
    const added = new Map([[key, until]])
    const start = (): Promise<void> => {
      waiting.delete(userId)
      const written = write(userId, added)
      running.set(userId, written)
      return written.finally(() => {
        if (running.get(userId) === written) running.delete(userId)
      })
    }
    const before = running.get(userId)
    if (before === undefined) return start()
    const done = before.then(start, start)
    waiting.set(userId, { added, done })
    return done
  }
}

function write(items: Items, place: string, found: Item | null, entries: readonly Entry[]): Promise<boolean> {
  const endsAt = entries.reduce((latest, { until }) => Math.max(latest, until), 0)
  const text = `1\n${entries.map(({ key, until, markedAt }) => `${key} ${until} ${markedAt}\n`).join('')}`
  return found === null ? items.add(place, text, endsAt) : items.cas(place, found, text, endsAt)
}

/** A hash, as a user id may be of any length and hold spaces. No key of a record has a colon. */
function placeOf(userId: string): string {
  return `user:${createHash('sha256').update(userId).digest('base64url')}`
}

function entriesOf(found: Item | null): Entry[] {
  const [format, ...lines] = found?.text.split('\n') ?? []
  if (format !== '1') return []
  return lines.flatMap((line) => {
    const [key = '', until, markedAt] = line.split(' ')
    return key === '' ? [] : [{ key, until: Number(until), markedAt: Number(markedAt) }]
  })
}
