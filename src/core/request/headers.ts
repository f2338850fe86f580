import type { Exchange } from '../../contract/exchange.ts'
import type { EngineParts } from '../parts.ts'
import type { SessionState } from './state.ts'

/**
 * Puts on the response what the session asks for: the token or its removal, and what caches must know.
 *
 * A response that carries a token must not be stored by any cache (OWASP Session Management Cheat Sheet, "Web Content
 * Caching"); one that depends on the session must be stored per cookie.
 */
export function writeHeaders(engine: EngineParts, state: SessionState, exchange: Exchange): void {
  const { transport, clock } = engine.settings
  const { outgoing } = state
  if (outgoing !== null) {
    const secure = isSecure(exchange, engine.settings.trustProxy)
    const facts = {
      created: outgoing.created,
      now: clock(),
      expiresAt: state.base?.record.expiresAt ?? clock(),
      secure,
    }
    transport.write(exchange, outgoing.token, facts)
    forbidStorage(exchange)
    if (engine.settings.secureCookie && !secure && !isLocal(exchange))
      engine.listeners.emit('insecure-transport', { at: clock() })
  } else if (state.cleared && state.origin.presented && !state.origin.barred) {
    transport.clear(exchange, { now: clock(), secure: isSecure(exchange, engine.settings.trustProxy) })
    forbidStorage(exchange)
  }
  if (state.clearSiteData) exchange.setHeader('clear-site-data', '"cache", "cookies", "storage"')
  if ((state.accessed || outgoing !== null) && transport.vary !== null) vary(exchange, transport.vary)
}

/** Whether the request was TLS where the client sent it, as far as the proxies in front can be believed. */
export function isSecure(exchange: Exchange, trustProxy: number): boolean {
  if (exchange.secure || trustProxy === 0) return exchange.secure
  const protocols = exchange.header('x-forwarded-proto')?.split(',') ?? []
  return protocols.at(-trustProxy)?.trim().toLowerCase() === 'https'
}

/** Browsers accept Secure cookies from the machine itself over plain http. */
function isLocal(exchange: Exchange): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i.test(exchange.header('host') ?? '')
}

function forbidStorage(exchange: Exchange): void {
  // RFC 9111 section 5.2.2.7: `private` with field names keeps only those fields private.
  if (!/(^|,)\s*(no-store|private)\s*(,|$)/i.test(exchange.responseHeader('cache-control') ?? '')) {
    exchange.setHeader('cache-control', 'no-store')
  }
}

function vary(exchange: Exchange, names: string): void {
  const present = exchange.responseHeader('vary')
  if (present === null || present === '') return exchange.setHeader('vary', names)
  const listed = present.split(',').map((name) => name.trim().toLowerCase())
  if (listed.includes('*')) return
  const missing = names.split(/, */).filter((name) => !listed.includes(name.toLowerCase()))
  if (missing.length > 0) exchange.setHeader('vary', [present, ...missing].join(', '))
}
