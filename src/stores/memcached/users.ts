import { createHash } from 'node:crypto'
import { type Entry, latest, type OwnerItems } from '../_cas/user-index.ts'
import type { Item, Items } from './items.ts'

/** With keys of 128 characters about 660 kB; the server's limit is 1 MiB unless it is told otherwise. */
const maxEntries = 4096

/** The index of each user as one item: a line with the format, then one for each key, `<key> <until> <since>`. */
export function userItems(items: Items): OwnerItems<Item | null> {
  return {
    async read(userId) {
      const held = await items.gets(placeOf(userId))
      return { held, entries: entriesOf(held), fullAt: maxEntries }
    },

    async write(userId, held, { entries }) {
      if (entries.length > maxEntries) {
        throw new Error(`memcachedStore: the user has ${maxEntries} sessions, the most it can list.`)
      }
      const text = `1\n${entries.map(({ key, until, since }) => `${key} ${until} ${since}\n`).join('')}`
      const place = placeOf(userId)
      return held === null ? items.add(place, text, latest(entries)) : items.cas(place, held, text, latest(entries))
    },
  }
}

/** A hash, as a user id may be of any length and hold spaces. No key of a record has a colon. */
function placeOf(userId: string): string {
  return `user:${createHash('sha256').update(userId).digest('base64url')}`
}

function entriesOf(held: Item | null): Entry[] {
  const [format, ...lines] = held?.text.split('\n') ?? []
  if (format !== '1') return []
  return lines.flatMap((line) => {
    const [key = '', until, since] = line.split(' ')
    return key === '' ? [] : [{ key, until: Number(until), since: Number(since) }]
  })
}
