import type { ListQuery, SessionInfo, SessionPage } from '../../contract/sessions.ts'
import type { Listing, StoredRecord } from '../../contract/store.ts'
import { SessionError } from '../../errors.ts'
import type { Engine } from '../engine.ts'
import { absoluteDeadline, lastSeen } from '../expiry.ts'
import { idLength, idOf } from '../token.ts'

const mostPerPage = 1000

/** One page of live sessions. */
export async function listSessions(engine: Engine, listing: Listing, query: ListQuery = {}): Promise<SessionPage> {
  const { cursor = null, limit = 100 } = query
  if (!Number.isInteger(limit) || limit < 1 || limit > mostPerPage) {
    throw new SessionError('CONFIG_INVALID', `limit is a whole number from 1 to ${mostPerPage}`)
  }
  const page = await listing.list({ cursor, limit })
  const sessions = page.entries.flatMap(({ key, record }) => infoOf(engine, key, record) ?? [])
  return { sessions, cursor: page.cursor }
}

/** The live session with this handle and the key it is stored under. */
export async function findSession(
  engine: Engine,
  listing: Listing,
  id: string,
): Promise<{ key: string; record: StoredRecord; info: SessionInfo } | null> {
  if (typeof id !== 'string' || id.length !== idLength || !/^[\w-]+$/.test(id)) return null
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<Listing['list']>> = await listing.list({ cursor, limit: 2, prefix: id })
    for (const { key, record } of page.entries) {
      const info = infoOf(engine, key, record)
      if (info !== null) return { key, record, info }
    }
    cursor = page.cursor
  } while (cursor !== null)
  return null
}

export async function revokeSession(engine: Engine, listing: Listing, id: string): Promise<boolean> {
  const found = await findSession(engine, listing, id)
  if (found === null) return false
  await engine.keeping.end(found)
  return true
}

/** Null for what is stored but no session: a retired key, or a record that cannot be read. */
export function infoOf({ settings }: Engine, key: string, record: StoredRecord): SessionInfo | null {
  const now = settings.clock()
  const envelope = settings.codec.decode(record.payload)
  if (envelope === null || envelope.retired !== undefined || now >= record.expiresAt) return null
  if (now >= absoluteDeadline(envelope, settings.timeouts)) return null
  return {
    id: idOf(key),
    userId: envelope.userId,
    createdAt: envelope.createdAt,
    expiresAt: record.expiresAt,
    lastSeenAt: lastSeen(envelope, record, now, settings.timeouts),
    authenticatedAt: envelope.authenticatedAt,
    device: envelope.device,
    data: envelope.data,
  }
}
