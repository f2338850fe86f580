import type { AnyData } from './contract/session.ts'
import type { Sessions } from './contract/sessions.ts'
import type { Store } from './contract/store.ts'
import { buildSessions } from './core/create-sessions.ts'
import type { SessionsOptions } from './core/options.ts'
import { memoryStore } from './stores/memory/index.ts'

export { jsonCodec } from './codecs/json.ts'
export { richCodec } from './codecs/rich.ts'
export type { AdapterSeam, Committed, Outcome, ResponseFacts } from './contract/adapter.ts'
export type { Codec, SessionValues } from './contract/codec.ts'
export type {
  DestroyedFacts,
  EventFacts,
  InvalidReason,
  SessionEventName,
  SessionEvents,
  SessionListener,
} from './contract/events.ts'
export type { Exchange, FetchRequest } from './contract/exchange.ts'
export type { StandardSchema } from './contract/schema.ts'
export type { AnyData, FlashMessages, LoginOptions, LogoutOptions, Session, SessionJson } from './contract/session.ts'
export type {
  ListQuery,
  RevokeAllOptions,
  RevokeOptions,
  SessionInfo,
  SessionPage,
  Sessions,
  Sweeper,
  SweeperOptions,
  Users,
} from './contract/sessions.ts'
export type {
  Closing,
  Eventually,
  Listing,
  ListPage,
  SealedStore,
  Store,
  StoreCallOptions,
  StoredRecord,
  Sweeping,
  UserIndex,
} from './contract/store.ts'
export type { TokenFacts, Transport } from './contract/transport.ts'
export type { Duration, LimitOptions, MigrateOptions, SessionsOptions } from './core/options.ts'
export type { IdOptions } from './core/token.ts'
export { SessionError, type SessionErrorCode } from './errors.ts'
export type { CookieOptions } from './transports/cookie-options.ts'

/**
 * Makes the session system of an application. Without options: sessions in memory, the cookie `__Host-sid`.
 *
 * With `NODE_ENV=production` and no `store` it warns on the console: pass `memoryStore()` if memory is what you want.
 *
 * Throws `CONFIG_INVALID` or `ID_INVALID`, with a sentence that says what to change.
 *
 * ```ts
 * import { createSessions } from 'coatcheck'
 * import { fileStore } from 'coatcheck/stores/file'
 *
 * type Data = { cart?: string[]; theme?: 'dark' | 'light' }
 *
 * export const sessions = createSessions<Data>({
 *   store: fileStore({ directory: './sessions' }),
 *   idleTimeout: '30m',
 *   absoluteTimeout: '12h',
 * })
 * ```
 */
export function createSessions<Data extends object = AnyData, Flash extends object = AnyData>(
  options: SessionsOptions<Data> = {},
): Sessions<Data, Flash> {
  return buildSessions<Data, Flash>({
    ...options,
    store: options.store === undefined ? defaultStore(options) : options.store,
  })
}

function defaultStore({ clock }: Pick<SessionsOptions, 'clock'>): Store {
  const host = globalThis as { process?: { env?: Record<string, string | undefined> } }
  if (host.process?.env?.['NODE_ENV'] === 'production') {
    console.warn('coatcheck: no store is set, so sessions end with this process')
  }
  return memoryStore(clock === undefined ? {} : { clock })
}
