import { createHash } from 'node:crypto'
import { type Abortable, type Documents, type Held, untilSettled } from './documents.ts'

/** Which keys an owner may have records under: a superset, from which `keysOf` picks. */
export interface CouchbaseUsers {
  /**
   * Notes that a record of this owner is about to be written. Answers until when (epoch ms) the note stays, however
   * often the record is renewed up to then. Calls for one owner at a time share a write; one that is aborted ends with
   * it, and keeps none of the others from it.
   */
  add(userId: string, key: string, expiresAt: number, signal?: AbortSignal): Promise<number>
  keysOf(userId: string, signal?: AbortSignal): Promise<string[]>
}

/** An entry of an owner's document, as `[key, since, until]`; both epoch ms. */
type Entry = readonly [key: string, since: number, until: number]

/** A time for each key, epoch ms. */
type Deadlines = ReadonlyMap<string, number>

/** Keys of one owner that are noted in one write. */
interface Batch {
  readonly added: Map<string, number>
  /** Of each call that shares it, if it has one. */
  readonly signals: (AbortSignal | undefined)[]
  readonly done: Promise<Deadlines>
}

interface Index {
  readonly entries: readonly Entry[]
  /** With so many entries the next `add` looks which records are still there. */
  readonly fullAt: number
}

const dayMs = 86_400_000
/** The record of a younger entry may be on its way. */
const graceMs = 600_000
const leastFullAt = 64
/** How many records are read at once. */
const batchSize = 64

/** An index with one document per owner. `ownerOf` tells the owner of the live record that has a key. */
export function couchbaseUsers(
  documents: Documents,
  prefix: string,
  clock: () => number,
  ownerOf: (key: string) => Promise<string | undefined>,
): CouchbaseUsers {
  // An id may be longer than a key of Couchbase, and a user id is not for whoever lists the keys of a bucket.
  function idOf(userId: string): string {
    if (typeof userId !== 'string') throw new Error('couchbaseStore: a user id is a text.')
    return `${prefix}user:${createHash('sha256').update(userId).digest('base64url')}`
  }

  async function owned(userId: string, entries: readonly Entry[], signal?: Abortable): Promise<Set<Entry>> {
    const found = new Set<Entry>()
    for (let at = 0; at < entries.length; at += batchSize) {
      signal?.throwIfAborted()
      const batch = entries.slice(at, at + batchSize)
      const owners = await Promise.all(batch.map(([key]) => ownerOf(key)))
      for (const [index, entry] of batch.entries()) if (owners[index] === userId) found.add(entry)
    }
    return found
  }

  async function withoutDead(userId: string, entries: readonly Entry[], signal?: Abortable): Promise<Entry[]> {
    const live = await owned(userId, entries, signal)
    return entries.filter((entry) => live.has(entry) || isYoung(entry, clock()))
  }

  async function addAll(userId: string, added: Deadlines, signal: Abortable): Promise<Deadlines> {
    const id = idOf(userId)
    return untilSettled(signal, async () => {
      const now = clock()
      const held = await documents.get(id)
      const index = indexOf(held)
      const present = new Map(index.entries.map(([key, , until]) => [key, until]))
      const noted = new Map<string, number>()
      for (const [key, expiresAt] of added) {
        // As long again, and a day more: a session that is renewed all the time is noted anew once in a while.
        noted.set(key, Math.max(expiresAt + Math.max(expiresAt - now, dayMs), present.get(key) ?? 0))
      }
      let others = index.entries.filter(([key, , until]) => !noted.has(key) && until > now)
      let { fullAt } = index
      if (others.length >= fullAt) {
        others = await withoutDead(userId, others, signal)
        fullAt = Math.max(leastFullAt, 2 * others.length)
      }
      const entries: Entry[] = [...others, ...[...noted].map(([key, until]): Entry => [key, now, until])]
      const content = { entries, fullAt }
      const written =
        held === null
          ? await documents.insert(id, content, latest(entries))
          : await documents.replace(id, content, latest(entries), held.cas)
      return written ? noted : undefined
    })
  }

  return {
    add: inBatches(addAll),

    async keysOf(userId, signal) {
      const id = idOf(userId)
      const held = await documents.get(id)
      if (held === null) return []
      const { entries, fullAt } = indexOf(held)
      const live = await owned(userId, entries, signal)
      const kept = entries.filter((entry) => live.has(entry) || isYoung(entry, clock()))
      // Whoever changed the document meanwhile wins, and the dead entries go the next time.
      if (kept.length === 0) await documents.remove(id, held.cas)
      else if (kept.length < entries.length) {
        await documents.replace(id, { entries: kept, fullAt }, latest(kept), held.cas)
      }
      return [...live].map(([key]) => key)
    },
  }
}

/**
 * Keys of one owner that come while a write for that owner is under way go together in the next, or many sign-ins at
 * once would make each other's conditional writes fail in turn.
 */
function inBatches(
  write: (userId: string, added: Deadlines, signal: Abortable) => Promise<Deadlines>,
): CouchbaseUsers['add'] {
  const running = new Map<string, Promise<unknown>>()
  const waiting = new Map<string, Batch>()

  function open(userId: string): Batch {
    const added: Batch['added'] = new Map()
    const signals: Batch['signals'] = []
    // One call that is given up must not take the others with it.
    const signal = {
      throwIfAborted() {
        if (signals.every((each) => each?.aborted)) signals[0]?.throwIfAborted()
      },
    }
    const start = async (): Promise<Deadlines> => {
      waiting.delete(userId)
      const written = write(userId, added, signal)
      running.set(userId, written)
      try {
        return await written
      } finally {
        if (running.get(userId) === written) running.delete(userId)
      }
    }
    const before = running.get(userId) ?? Promise.resolve()
    const batch = { added, signals, done: before.then(start, start) }
    waiting.set(userId, batch)
    return batch
  }

  return async (userId, key, expiresAt, signal) => {
    const { added, signals, done } = waiting.get(userId) ?? open(userId)
    added.set(key, Math.max(expiresAt, added.get(key) ?? expiresAt))
    signals.push(signal)
    const until = (await done).get(key)
    signal?.throwIfAborted()
    return until ?? expiresAt
  }
}

function isYoung([, since]: Entry, now: number): boolean {
  return since + graceMs > now
}

function latest(entries: readonly Entry[]): number {
  return entries.reduce((latest, [, , until]) => Math.max(latest, until), 0)
}

/** An empty index where there is none, or something else. */
function indexOf(held: Held | null): Index {
  const { entries, fullAt } = (held?.content ?? {}) as { readonly entries?: unknown; readonly fullAt?: unknown }
  return {
    entries: Array.isArray(entries) ? entries.filter(isEntry) : [],
    fullAt: typeof fullAt === 'number' ? fullAt : leastFullAt,
  }
}

function isEntry(value: unknown): value is Entry {
  if (!Array.isArray(value)) return false
  const [key, since, until] = value as unknown[]
  return typeof key === 'string' && typeof since === 'number' && typeof until === 'number'
}
