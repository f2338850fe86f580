import { createHash } from 'node:crypto'
import { type Entries, type Entry, latest, type OwnerItems } from '../_cas/user-index.ts'
import type { Documents, Held } from './documents.ts'

/** An index with so few entries is not looked through by a note. */
export const leastFullAt = 64

/** The index of each owner as one document: `fullAt`, and each entry as `[key, since, until]`. */
export function userItems(documents: Documents, prefix: string): OwnerItems<Held | null> {
  // An id may be longer than a key of Couchbase, and a user id is not for whoever lists the keys of a bucket.
  function idOf(userId: string): string {
    if (typeof userId !== 'string') throw new Error('couchbaseStore: a user id is a text.')
    return `${prefix}user:${createHash('sha256').update(userId).digest('base64url')}`
  }

  return {
    async read(userId) {
      const held = await documents.get(idOf(userId))
      return { held, ...contentOf(held) }
    },

    async write(userId, held, { entries, fullAt }) {
      const id = idOf(userId)
      const content = { entries: entries.map(({ key, since, until }) => [key, since, until]), fullAt }
      if (held === null) return documents.insert(id, content, latest(entries))
      if (entries.length === 0) return documents.remove(id, held.cas)
      return documents.replace(id, content, latest(entries), held.cas)
    },
  }
}

/** No entries where there is nothing, or something else. */
function contentOf(held: Held | null): Entries {
  const { entries, fullAt } = (held?.content ?? {}) as { readonly entries?: unknown; readonly fullAt?: unknown }
  return {
    entries: Array.isArray(entries) ? entries.flatMap(entriesOf) : [],
    fullAt: typeof fullAt === 'number' ? fullAt : leastFullAt,
  }
}

/** One, or none in what is none. */
function entriesOf(value: unknown): Entry[] {
  if (!Array.isArray(value)) return []
  const [key, since, until] = value as unknown[]
  const isEntry = typeof key === 'string' && typeof since === 'number' && typeof until === 'number'
  return isEntry ? [{ key, since, until }] : []
}
