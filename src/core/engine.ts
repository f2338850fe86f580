import type { Envelope } from '../contract/codec.ts'
import type { SchemaIssue, StandardSchema } from '../contract/schema.ts'
import type { Eventually, Store, StoredRecord } from '../contract/store.ts'
import { SessionError } from '../errors.ts'
import type { Listeners } from './events.ts'
import { deadline } from './expiry.ts'
import type { Keeping } from './keeping.ts'
import type { EndedKeys } from './keyed/ended-keys.ts'
import type { CommitQueue } from './keyed/queue.ts'
import type { Settings } from './options.ts'
import type { Abilities } from './store/abilities.ts'
import type { Tokens } from './token.ts'

/** What opening and committing share: the settings and the parts made from them. */
export interface Engine {
  readonly settings: Settings
  readonly tokens: Tokens
  /** How sessions are kept. */
  keeping: Keeping
  /** Under `storeTimeout`. */
  readonly store: Store
  readonly abilities: Abilities
  readonly queue: CommitQueue
  readonly ended: EndedKeys
  readonly listeners: Listeners
}

/** How long a retired key is remembered after `regenerate`, `login` or an end, for requests that are still under way. */
export const retiredMs = 60_000

/** How long a request with a retired token gets no cookie: a newer one is on its way to the browser. */
export const barredMs = 10_000

/** How long after an automatic rotation the old token still leads to the session. */
export const graceMs = 30_000

/** What the successor's token is sealed for. */
export const sealPurpose = 'coatcheck successor 1'

/** An envelope without anything in it. */
export function freshEnvelope(now: number): Envelope {
  return { createdAt: now, data: {} }
}

/** The owner as an event tells it. */
export function ownerOf({ userId }: Pick<Envelope, 'userId'>): { userId?: string } {
  return userId === undefined ? {} : { userId }
}

/**
 * The record to store for an envelope.
 *
 * Throws `RECORD_TOO_LARGE`, `VALUE_INVALID` or `DATA_INVALID`, before any store call.
 */
export function pack(
  engine: Engine,
  envelope: Envelope,
  version: number,
  now: number = engine.settings.clock(),
): Eventually<StoredRecord> {
  const { settings } = engine
  if (settings.migrate !== null) envelope.dataVersion = settings.migrate.version
  if (settings.schema === null) return packed(engine, envelope, version, now)
  return checkData(settings.schema, envelope.data).then((fault) => {
    if (fault === null) return packed(engine, envelope, version, now)
    throw new SessionError('DATA_INVALID', `the session's data does not fit the schema: ${fault}`)
  })
}

function packed(engine: Engine, envelope: Envelope, version: number, now: number): StoredRecord {
  const { settings } = engine
  checkKeys(engine, envelope)
  const payload = settings.codec.encode(envelope)
  // No text has more bytes in UTF-8 than three a character: most payloads need no count.
  if (payload.length * 3 > settings.recordBytes) {
    const bytes = new TextEncoder().encode(payload).length
    if (bytes > settings.recordBytes) {
      tooLarge(engine, 'recordBytes', `${bytes} bytes, and limits.recordBytes allows ${settings.recordBytes}`)
    }
  }
  const expiresAt = deadline(envelope, now, settings.timeouts)
  return envelope.userId === undefined
    ? { payload, version, expiresAt }
    : { payload, version, expiresAt, userId: envelope.userId }
}

function checkKeys(engine: Engine, envelope: Envelope): void {
  let keys = 0
  for (const _ in envelope.data) {
    if (++keys > engine.settings.keys) tooLarge(engine, 'keys', `more keys than limits.keys allows`)
  }
}

function tooLarge(engine: Engine, limit: 'recordBytes' | 'keys', fact: string): never {
  engine.listeners.emit('limit', { at: engine.settings.clock(), limit })
  throw new SessionError('RECORD_TOO_LARGE', `the session has ${fact}: keep less in it, or raise the limit`)
}

/** Where data does not fit a schema, as text without any of its values; null if it does. */
export async function checkData(schema: StandardSchema, data: Record<string, unknown>): Promise<string | null> {
  const { issues } = await schema['~standard'].validate(data)
  if (issues === undefined) return null
  const told = issues.slice(0, mostFaults).map(({ path = [] }) => shownPath(path))
  return told.join(', ') + (issues.length > told.length ? ` and ${issues.length - told.length} more` : '')
}

const mostFaults = 5
const longestPath = 120

/** A path for a log: its keys may come from a client, so it is cut, and nothing in it breaks a line. */
function shownPath(path: NonNullable<SchemaIssue['path']>): string {
  const text = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.') || 'data'
  return text.slice(0, longestPath).replaceAll(/[\p{Cc}\u2028\u2029]/gu, '?')
}
