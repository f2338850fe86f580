import type { SessionErrorCode } from './errors.ts'

/** What a person needs to know about an error code. */
export interface CatalogEntry {
  readonly title: string
  /** What to do, in one sentence. */
  readonly fix: string
  /** The heading in docs/errors.md. */
  readonly anchor: string
}

/** A row per code, for documentation and tools. */
export const errorCatalog: Readonly<Record<SessionErrorCode, CatalogEntry>> = {
  CONFIG_INVALID: row('config_invalid', 'An option cannot be right', 'Change the option that the message names.'),
  ID_INVALID: row('id_invalid', 'The token generator is not sound', 'Return 128 unpredictable bits, or leave it out.'),
  ID_COLLISION: row('id_collision', 'New tokens were all taken', 'Repair the source of randomness.'),
  NO_SESSION: row('no_session', 'There is no session here', 'Mount the adapter before this handler.'),
  SESSION_GONE: row('session_gone', 'Another request ended the session', 'Respond as to an anonymous visitor.'),
  SESSION_CONFLICT: row('session_conflict', 'Every try met a concurrent write', 'Try again, or write less often.'),
  STORE_FAILED: row('store_failed', 'A store call failed', 'See the cause; is the store up?'),
  STORE_TIMEOUT: row('store_timeout', 'A store call took too long', 'Is it up? Raise storeTimeout if it is slow.'),
  RECORD_TOO_LARGE: row('record_too_large', 'The session is too large', 'Keep less in it, or raise the limit.'),
  COOKIE_TOO_LARGE: row(
    'cookie_too_large',
    'The cookie is over 4096 bytes',
    'Keep less in the sealed session, or use chunkedCookie or a store.',
  ),
  VALUE_INVALID: row('value_invalid', 'A value cannot be stored', 'Store plain data, or register its type.'),
  DATA_INVALID: row('data_invalid', 'The data does not fit the schema', 'Store what the schema describes.'),
  HEADERS_SENT: row('headers_sent', 'The response has begun', 'Do what needs a cookie before it.'),
  LIMIT_REACHED: row('limit_reached', 'A new session was refused', 'Respond with 429; see limits.create.'),
  UNSUPPORTED: row('unsupported', 'The store lacks an ability', 'Use a store that has it, or do without.'),
  CLOSED: row('closed', 'The sessions were closed', 'Stop serving before you close them.'),
}

function row(anchor: string, title: string, fix: string): CatalogEntry {
  return { anchor, title, fix }
}
