import { SessionError } from '../errors.ts'

const TAB = 0x09
const SPACE = 0x20
const SEMICOLON = 0x3b
const EQUALS = 0x3d

/** RFC 6265bis section 5.6: a user agent drops a cookie whose name and value together are longer than this. */
export const maxPairBytes = 4096
/** RFC 6265bis section 5.6: a user agent ignores an attribute whose value is longer than this. */
const maxAttributeBytes = 1024
/** Epoch ms of the end of the year 9999, the last that a cookie date can name. */
const lastCookieDate = 253_402_300_799_999

/** A token of RFC 9110 section 5.6.2: what names cookies, headers and schemes. */
export const httpToken: RegExp = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const cookieOctets = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/
const hostName = /^(?!.{254})(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.(?!$)|$))+$/i
// What a request path can contain (RFC 3986 section 3.3), without `;` and `,`, which end an attribute or a header.
const urlPath = /^\/[\x21\x22\x24-\x2b\x2d-\x3a\x3c-\x3e\x40-\x7e]*$/

const sameSites: ReadonlySet<unknown> = new Set(['Strict', 'Lax', 'None'])
const priorities: ReadonlySet<unknown> = new Set(['Low', 'Medium', 'High'])

/** What a `Set-Cookie` header says beside the name and the value. What is absent or false is not emitted. */
export interface CookieAttributes {
  /** Absent: a cookie of the browser session. */
  readonly expiry?: CookieExpiry | undefined
  /** A host name without a leading dot. */
  readonly domain?: string | undefined
  /** Begins with `/`. */
  readonly path?: string | undefined
  readonly secure?: boolean | undefined
  readonly httpOnly?: boolean | undefined
  readonly sameSite?: 'Strict' | 'Lax' | 'None' | undefined
  readonly partitioned?: boolean | undefined
  readonly priority?: 'Low' | 'Medium' | 'High' | undefined
}

/** The end of a cookie, said twice: browsers go by `Max-Age`, which a client that knows only `Expires` ignores. */
export interface CookieExpiry {
  /** Whole seconds, 0 or more. */
  readonly maxAge: number
  /** Epoch ms. */
  readonly expires: number
}

/**
 * All values that a `Cookie` header has under one name, in the order sent, at most `limit` (default 64).
 *
 * Follows RFC 6265bis to the letter: pairs end at `;` only, the first `=` of a pair splits it, SP and HTAB alone are
 * trimmed, names are case-sensitive, quotes are part of the value, and nothing is decoded. `$Version` is a name like
 * any other. Never throws; the time grows linearly with the header. `name` is a token (RFC 9110 section 5.6.2).
 */
export function cookieValues(header: string | null, name: string, limit = 64): string[] {
  const values: string[] = []
  if (header === null || name === '') return values
  // Every search begins where a pair begins, and the rest of a pair is skipped after one hit: no position is visited
  // more than a fixed number of times.
  let at = header.indexOf(name)
  while (at !== -1 && values.length < limit) {
    const semicolon = header.indexOf(';', at)
    const end = semicolon === -1 ? header.length : semicolon
    const equals = skipBlanks(header, at + name.length)
    if (header.charCodeAt(equals) === EQUALS && beginsPair(header, at)) values.push(trimBlanks(header, equals + 1, end))
    at = semicolon === -1 ? -1 : header.indexOf(name, semicolon + 1)
  }
  return values
}

/**
 * The value of a `Set-Cookie` header.
 *
 * Throws `CONFIG_INVALID` for a field outside of the grammar of RFC 6265bis section 4.1.1, and `COOKIE_TOO_LARGE` when
 * the name and the value together exceed 4096 bytes, for browsers drop such a cookie without a word.
 */
export function serializeCookie(name: string, value: string, attributes: CookieAttributes = {}): string {
  const { expiry } = attributes
  return cookiePair(name, value) + (expiry ? expiryText(expiry) : '') + attributesText(attributes)
}

/** The `name=value` that begins a `Set-Cookie` header. Throws as `serializeCookie` does. */
export function cookiePair(name: string, value: string): string {
  if (typeof name !== 'string' || !httpToken.test(name)) {
    refuse("A cookie's name is a token of RFC 9110: letters, digits, - and _.")
  }
  // The value is a secret: it is never shown.
  if (typeof value !== 'string' || !cookieOctets.test(value)) {
    refuse(
      `The value for the cookie ${name} has a character that cookies cannot carry: control characters, spaces and " , ; \\ are not allowed (RFC 6265).`,
    )
  }
  const bytes = name.length + value.length
  if (bytes > maxPairBytes) {
    throw new SessionError(
      'COOKIE_TOO_LARGE',
      `The cookie ${name} would take ${bytes} bytes, and browsers drop cookies above ${maxPairBytes}: keep less in it.`,
    )
  }
  return `${name}=${value}`
}

/** `Max-Age` and `Expires`, as they follow the pair. Throws `CONFIG_INVALID`. */
export function expiryText({ maxAge, expires }: CookieExpiry): string {
  if (!Number.isSafeInteger(maxAge) || maxAge < 0) refuse("A cookie's Max-Age is a whole number of seconds, 0 or more.")
  if (!(expires >= 0 && expires <= lastCookieDate)) {
    refuse("A cookie's Expires is in epoch milliseconds, from 1970 to 9999: check the `clock`.")
  }
  return `; Max-Age=${maxAge}; Expires=${new Date(expires).toUTCString()}`
}

/** All attributes but the expiry, as they follow it. Throws `CONFIG_INVALID`. */
export function attributesText(attributes: CookieAttributes): string {
  const { domain, path, secure, httpOnly, sameSite, partitioned, priority } = attributes
  if (domain !== undefined && (typeof domain !== 'string' || !hostName.test(domain))) {
    refuse("A cookie's domain is a plain ASCII host name like 'example.com' (international ones in their xn-- form).")
  }
  if (path !== undefined && (typeof path !== 'string' || path.length > maxAttributeBytes || !urlPath.test(path))) {
    refuse(
      `A cookie's path begins with '/' and has at most ${maxAttributeBytes} ASCII characters without spaces , ; ? #.`,
    )
  }
  if (sameSite !== undefined && !sameSites.has(sameSite)) refuse("A cookie's SameSite is Strict, Lax or None.")
  if (priority !== undefined && !priorities.has(priority)) refuse("A cookie's Priority is Low, Medium or High.")
  let text = ''
  if (domain !== undefined) text += `; Domain=${domain}`
  if (path !== undefined) text += `; Path=${path}`
  if (secure) text += '; Secure'
  if (httpOnly) text += '; HttpOnly'
  if (sameSite !== undefined) text += `; SameSite=${sameSite}`
  if (partitioned) text += '; Partitioned'
  if (priority !== undefined) text += `; Priority=${priority}`
  return text
}

/**
 * A part of a header without the blanks around it. Only SP and HTAB are blank in HTTP (RFC 9110 section 5.6.3);
 * `trim` would take U+00A0 and others too.
 */
export function trimBlanks(text: string, from = 0, to: number = text.length): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (isBlank(text.charCodeAt(at))) at++
  return at
}

function beginsPair(header: string, at: number): boolean {
  let before = at - 1
  while (before >= 0 && isBlank(header.charCodeAt(before))) before--
  return before < 0 || header.charCodeAt(before) === SEMICOLON
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}

function refuse(message: string): never {
  throw new SessionError('CONFIG_INVALID', message)
}
