import type { ListQuery, RevokeOptions, SessionInfo, SessionPage } from '../../contract/sessions.ts'
import type { Eventually, Listing, StoredRecord } from '../../contract/store.ts'
import { SessionError } from '../../errors.ts'
import { andThen } from '../../values/eventually.ts'
import type { Engine } from '../engine.ts'
import type { EngineParts } from '../parts.ts'
import type { Place } from '../persistence.ts'
import { answersTo } from '../record/contents.ts'
import { absoluteDeadline, lastSeen } from '../record/expiry.ts'
import { factsIn, isCorrupt, readRecord, tombstoneIn } from '../record/read.ts'
import { idLength, idOf, rootLength } from '../token.ts'

const mostPerPage = 1000
const longestChain = 16

/** One page of live sessions. */
export async function listSessions(engine: EngineParts, listing: Listing, query: ListQuery = {}): Promise<SessionPage> {
  const { cursor = null, limit = 100 } = query
  if (!Number.isInteger(limit) || limit < 1 || limit > mostPerPage) {
    throw new SessionError('CONFIG_INVALID', `limit is a whole number from 1 to ${mostPerPage}.`)
  }
  const page = await listing.list({ cursor, limit })
  const infos = await Promise.all(page.entries.map(({ key, record }) => infoOf(engine, key, record)))
  return { sessions: infos.filter((info) => info !== null), cursor: page.cursor }
}

/** The live session that a handle means: its id, an id that it had a moment ago, or its root. */
export async function findSession(engine: EngineParts, listing: Listing, handle: string): Promise<SessionInfo | null> {
  const place = await findPlace(engine, listing, handle)
  return place === null ? null : infoOf(engine, place.key, place.record)
}

/** Ends it; false if there is none. */
export async function revokeSession(
  engine: Engine,
  listing: Listing,
  handle: string,
  { by }: RevokeOptions = {},
): Promise<boolean> {
  const place = await findPlace(engine, listing, handle)
  if (place === null) return false
  await engine.persistence.end(place, by === undefined ? { reason: 'revoke' } : { reason: 'revoke', by })
  return true
}

/** What administration sees of a record; null for what is stored but no session, or cannot be read. */
export function infoOf(engine: EngineParts, key: string, record: StoredRecord): Eventually<SessionInfo | null> {
  return andThen(readRecord(engine, key, record), (reading) => {
    // A session whose data this version of the application cannot use lives all the same, and may have to be ended.
    const readable = reading.kind === 'refused' && (reading.reason === 'newer-version' || reading.reason === 'schema')
    const contents = reading.kind === 'live' || readable ? reading.contents : null
    if (contents === null) return null
    const { facts, data } = contents
    const { clock, timeouts } = engine.settings
    return {
      id: idOf(key),
      root: facts.root,
      userId: facts.userId,
      createdAt: facts.createdAt,
      expiresAt: record.expiresAt,
      lastSeenAt: lastSeen(facts, record, clock(), timeouts),
      authenticatedAt: facts.authenticatedAt,
      device: facts.device,
      data,
    }
  })
}

/** An id is the beginning of a key, so the store finds it; a root stands inside of the records, all of which are read. */
async function findPlace(engine: EngineParts, listing: Listing, handle: string): Promise<Place | null> {
  if (typeof handle !== 'string' || !/^[\w-]+$/.test(handle)) return null
  if (handle.length === idLength) return scan(engine, listing, 2, handle, () => true)
  if (handle.length !== rootLength) return null
  return scan(engine, listing, mostPerPage, undefined, (key, record) => {
    const facts = factsIn(record)
    return facts !== null && answersTo(handle, idOf(key), facts)
  })
}

async function scan(
  engine: EngineParts,
  listing: Listing,
  limit: number,
  prefix: string | undefined,
  isWanted: (key: string, record: StoredRecord) => boolean,
): Promise<Place | null> {
  let cursor: string | null = null
  do {
    const query: Parameters<Listing['list']>[0] = prefix === undefined ? { cursor, limit } : { cursor, limit, prefix }
    const page = await listing.list(query)
    for (const { key, record } of page.entries) {
      const place = isWanted(key, record) ? await livePlace(engine, key, record) : null
      if (place !== null) return place
    }
    cursor = page.cursor
  } while (cursor !== null)
  return null
}

/** Whether there is something to end. Its values do not matter: who cannot read a session must be able to end it. */
function isLive({ settings }: EngineParts, record: StoredRecord): boolean {
  const facts = factsIn(record)
  return facts === null ? isCorrupt(record) : settings.clock() < absoluteDeadline(facts, settings.timeouts)
}

/** Where the session of a record is now; null if it is nowhere. */
async function livePlace(engine: EngineParts, key: string, record: StoredRecord): Promise<Place | null> {
  let place: Place | null = { key, record }
  for (let hops = 0; place !== null && hops < longestChain; hops++) {
    const tombstone = tombstoneIn(place.record)
    if (tombstone === null) return isLive(engine, place.record) ? place : null
    const { next } = tombstone
    if (next === undefined) return null
    const successor: StoredRecord | null = await engine.store.read(next)
    place = successor === null ? null : { key: next, record: successor }
  }
  return null
}
