import type { Transport } from '../contract/transport.ts'
import { type CookieLimits, type CookieOptions, resolveCookie } from './cookie-options.ts'
import { attributesText, cookiePair, cookieValues, expiryText, maxPairBytes } from './cookie-syntax.ts'

/**
 * The token in a cookie: HttpOnly, Secure, SameSite=Lax, Path=/ and host-only unless an option says otherwise.
 *
 * Setting and clearing add one `Set-Cookie` header and leave those of the application alone; both carry the same
 * attributes, for a browser removes a cookie only under the domain, path and partition that it was set with. The
 * `Domain` never comes from the request. `limits` is given by the engine.
 *
 * Throws `CONFIG_INVALID` at construction; `write` throws `COOKIE_TOO_LARGE` above 4096 bytes of name and value.
 */
export function cookieTransport(options: CookieOptions = {}, limits: CookieLimits = {}): Transport {
  const { name, secure, maxAge, attributes } = resolveCookie(options, limits)
  const onTls = attributesText({ ...attributes, secure: secure !== false })
  const onPlain = attributesText({ ...attributes, secure: secure === true })
  const forget = `${cookiePair(name, '')}${expiryText({ maxAge: 0, expires: 0 })}`

  return {
    name,
    vary: 'Cookie',
    capacity: maxPairBytes - name.length,
    read: (exchange) => cookieValues(exchange.header('cookie'), name),
    write(exchange, token, facts) {
      const expiry = maxAge === undefined ? '' : expiryText({ maxAge, expires: facts.now + maxAge * 1000 })
      exchange.append('set-cookie', cookiePair(name, token) + expiry + (facts.secure ? onTls : onPlain))
    },
    clear(exchange, facts) {
      exchange.append('set-cookie', forget + (facts.secure ? onTls : onPlain))
    },
  }
}
