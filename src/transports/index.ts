/**
 * How the token travels: `cookieTransport` (the default), `chunkedCookie` for large sealed sessions, `headerTransport`, `queryTransport`, and `firstOf` to accept
 * several.
 *
 * @example
 * import { createSessions } from 'coatcheck'
 * import { cookieTransport, firstOf, headerTransport } from 'coatcheck/transports'
 *
 * export const sessions = createSessions({
 *   transport: firstOf(cookieTransport({ sameSite: 'strict' }), headerTransport()),
 * })
 *
 * @module
 */
export { type ChunkedCookieOptions, chunkedCookie } from './chunked-cookie.ts'
export { cookieTransport } from './cookie.ts'
export type { CookieLimits, CookieOptions } from './cookie-options.ts'
export { firstOf } from './first-of.ts'
export { type HeaderOptions, headerTransport } from './header.ts'
export { type QueryOptions, queryTransport } from './query.ts'
