import { SessionError } from '../errors.ts'
import { parseDuration } from '../values/duration.ts'
import { attributesText, type CookieAttributes, cookiePair } from './cookie-syntax.ts'

/**
 * The session cookie. Each option has its own default, which setting another one never changes: HttpOnly, Secure,
 * SameSite=Lax, Path=/, no Domain, gone when the browser closes (OWASP Session Management Cheat Sheet; ASVS 5.0, 3.3).
 */
export interface CookieOptions {
  /**
   * Default `__Host-sid`; `__Secure-sid` with a `domain` or another `path`; `sid` with `secure: false` or `'auto'`.
   *
   * A name that begins with `__Secure-`, `__Host-`, `__Http-` or `__Host-Http-`, in any case, is refused when the other
   * options contradict it, for browsers would drop the cookie. The name is part of the store's key: changing it ends
   * all sessions.
   */
  readonly name?: string | undefined
  /** A host name whose subdomains get the cookie too. Default: none, which keeps the cookie to the host that set it. */
  readonly domain?: string | undefined
  /** Default `/`. No security boundary: pages of one host can reach each other whatever the path. */
  readonly path?: string | undefined
  /** In any case. Default `lax`. `none` lets other sites send the cookie and needs `secure: true`. */
  readonly sameSite?: 'strict' | 'lax' | 'none' | 'Strict' | 'Lax' | 'None' | undefined
  /**
   * Default true. Browsers take a Secure cookie from `http://localhost` too. `'auto'` emits `Secure` on TLS requests
   * only, for development over plain http elsewhere; behind a proxy that ends TLS it needs `trustProxy`.
   */
  readonly secure?: boolean | 'auto' | undefined
  /** Default true: scripts of the page cannot read the cookie. */
  readonly httpOnly?: boolean | undefined
  /**
   * How long the browser keeps the cookie, in ms or as text (`'7d'`); sent in whole seconds. Default: until the browser
   * closes. At most 400 days and at most `absoluteTimeout`. The server never relies on it.
   */
  readonly maxAge?: number | string | undefined
  /** Default false. Keeps a cookie apart per top-level site when embedded (CHIPS); needs `secure: true`. */
  readonly partitioned?: boolean | undefined
  /** In any case. Which cookies a browser that has too many evicts first. Default: none, which means `medium`. */
  readonly priority?: 'low' | 'medium' | 'high' | 'Low' | 'Medium' | 'High' | undefined
}

/** What the cookie may not exceed. */
export interface CookieLimits {
  /** The server's absolute timeout in ms, which bounds `maxAge`. */
  readonly absoluteTimeout?: number | undefined
}

/** Options with every default applied and every contradiction refused. */
export interface ResolvedCookie {
  readonly name: string
  readonly secure: boolean | 'auto'
  /** Whole seconds; absent for a cookie of the browser session. */
  readonly maxAge: number | undefined
  /** Everything but `Secure`, which depends on the request when `secure` is `'auto'`. */
  readonly attributes: Omit<CookieAttributes, 'secure' | 'expiry'>
}

/** RFC 6265bis section 5.5: user agents cut longer lifetimes down. */
const longestMaxAge = 400 * 86_400_000

/**
 * Applies the defaults and checks the options against the cookie grammar and against each other.
 *
 * Throws `CONFIG_INVALID` with what to change.
 */
export function resolveCookie(options: CookieOptions = {}, limits: CookieLimits = {}): ResolvedCookie {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    refuse("The cookie's options are an object, like { sameSite: 'strict' }.")
  }
  // Own properties only: what somebody put on Object.prototype must not weaken the cookie.
  const own: CookieOptions = Object.assign(Object.create(null), options)
  const { name, domain, path = '/', sameSite, secure = true, httpOnly, maxAge, partitioned, priority, ...unknown } = own
  for (const key of Object.keys(unknown)) {
    refuse(
      `There is no cookie option ${JSON.stringify(key)}. There are: name, domain, path, sameSite, secure, httpOnly, ` +
        'maxAge, partitioned, priority.',
    )
  }
  if (secure !== 'auto' && typeof secure !== 'boolean') refuse("cookie.secure is true, false or 'auto'.")
  const resolved: ResolvedCookie = {
    name: name === undefined ? defaultName(secure, path, domain) : name,
    secure,
    maxAge: maxAge === undefined ? undefined : resolveMaxAge(maxAge, limits.absoluteTimeout),
    attributes: {
      domain,
      path,
      httpOnly: flag(httpOnly, true, 'httpOnly'),
      sameSite: choice(sameSite, ['Strict', 'Lax', 'None'], 'sameSite') ?? 'Lax',
      partitioned: flag(partitioned, false, 'partitioned'),
      priority: choice(priority, ['Low', 'Medium', 'High'], 'priority'),
    },
  }
  cookiePair(resolved.name, '')
  attributesText(resolved.attributes)
  refuseContradictions(resolved)
  return resolved
}

function defaultName(secure: boolean | 'auto', path: string, domain: string | undefined): string {
  if (secure !== true) return 'sid'
  return path === '/' && domain === undefined ? '__Host-sid' : '__Secure-sid'
}

function resolveMaxAge(value: number | string, absoluteTimeout: number | undefined): number {
  const ms = parseDuration(value, 'cookie.maxAge')
  if (ms > longestMaxAge) {
    refuse('cookie.maxAge is longer than 400 days, the longest that browsers keep a cookie.')
  }
  if (absoluteTimeout !== undefined && ms > absoluteTimeout) {
    refuse(
      `cookie.maxAge is ${ms} ms, longer than ${absoluteTimeout} ms. Lower cookie.maxAge or raise absoluteTimeout.`,
    )
  }
  return Math.max(1, Math.floor(ms / 1000))
}

function flag(value: boolean | undefined, fallback: boolean, option: string): boolean {
  if (value !== undefined && typeof value !== 'boolean') refuse(`cookie.${option} is true or false.`)
  return value ?? fallback
}

function choice<Word extends string>(
  value: string | undefined,
  words: readonly Word[],
  option: string,
): Word | undefined {
  if (value === undefined) return undefined
  const lower = typeof value === 'string' ? value.toLowerCase() : undefined
  const word = words.find((one) => one.toLowerCase() === lower)
  if (word === undefined)
    refuse(`cookie.${option} is one of ${words.map((one) => `'${one.toLowerCase()}'`).join(', ')}.`)
  return word
}

function refuseContradictions({ name, secure, attributes }: ResolvedCookie): void {
  const { domain, path, httpOnly, sameSite, partitioned } = attributes
  if (secure !== true && sameSite === 'None') {
    refuse("cookie.sameSite 'none' needs cookie.secure true: browsers refuse it otherwise.")
  }
  if (secure !== true && partitioned) {
    refuse('cookie.partitioned needs cookie.secure true: browsers refuse it otherwise.')
  }
  // Browsers compare the prefixes case-insensitively (RFC 6265bis section 5.4); the last two come from the IETF draft
  // "Cookies: HTTP State Management Mechanism" (layered cookies).
  const prefix = /^__(?:host-http-|host-|http-|secure-)/i.exec(name)?.[0].toLowerCase()
  if (prefix === undefined) return
  if (secure !== true) refuse(`A cookie named ${name} needs secure: true, or a name without the prefix.`)
  if (prefix.startsWith('__host-') && (path !== '/' || domain !== undefined)) {
    refuse(`A cookie named ${name} has the path '/' and no domain: begin the name with __Secure-.`)
  }
  if (prefix.endsWith('http-') && !httpOnly) {
    refuse(`A cookie named ${name} needs httpOnly: true, or the prefix __Host- or __Secure-.`)
  }
}

function refuse(message: string): never {
  throw new SessionError('CONFIG_INVALID', message)
}
