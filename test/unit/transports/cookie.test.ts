import fc from 'fast-check'
import { Cookie, CookieJar } from 'tough-cookie'
import { describe, expect, it } from 'vitest'
import { cookieTransport } from '../../../src/transports/cookie.ts'
import type { CookieOptions } from '../../../src/transports/cookie-options.ts'
import { exchangeWith } from '../../fixtures/exchange.ts'

/** UTF-16 code units of all kinds, lone surrogates included, most of them such as a header has. */
const anyText = fc
  .array(fc.oneof({ weight: 3, arbitrary: fc.nat(0xff) }, { weight: 1, arbitrary: fc.nat(0xffff) }), { maxLength: 40 })
  .map((codes) => String.fromCharCode(...codes))

const now = Date.UTC(2030, 0, 2, 3, 4, 5)
const token = 'dG9rZW4tdG9rZW4tdG9rZW4tdG9rZW4tdG9rZW4tdG8'
const facts = { created: true, now, expiresAt: now + 1_800_000, secure: true }

const exchangeOf = (headers: Record<string, string> = {}) => exchangeWith({ headers, url: '/?sid=from-query' })

function written(options?: CookieOptions, given = facts): string {
  const exchange = exchangeOf()
  cookieTransport(options).write(exchange, token, given)
  expect(exchange.calls).toEqual([['append', 'set-cookie', expect.any(String)]])
  return exchange.sent[0]?.[1] ?? ''
}

function cleared(options?: CookieOptions, given = facts): string {
  const exchange = exchangeOf()
  cookieTransport(options).clear(exchange, given)
  expect(exchange.calls).toEqual([['append', 'set-cookie', expect.any(String)]])
  return exchange.sent[0]?.[1] ?? ''
}

const options: fc.Arbitrary<CookieOptions> = fc.record(
  {
    domain: fc.constantFrom('example.com', 'app.example.com'),
    path: fc.constantFrom('/', '/app', '/app/'),
    sameSite: fc.constantFrom('strict', 'lax', 'none'),
    httpOnly: fc.boolean(),
    maxAge: fc.constantFrom('7d', 1500),
    partitioned: fc.boolean(),
    priority: fc.constantFrom('low', 'high'),
  },
  { requiredKeys: [] },
)

describe('cookieTransport', () => {
  it('SEC-11 L7 D6 without options: __Host-, HttpOnly, Secure, Lax, Path=/, for the browser session', () => {
    expect(written()).toBe(`__Host-sid=${token}; Path=/; Secure; HttpOnly; SameSite=Lax`)
  })

  it('SEC-11 L4 HttpOnly and Secure go away only when switched off', () => {
    expect(written({ httpOnly: false })).toBe(`__Host-sid=${token}; Path=/; Secure; SameSite=Lax`)
    expect(written({ secure: false })).toBe(`sid=${token}; Path=/; HttpOnly; SameSite=Lax`)
  })

  it('L5 F11 B4 every attribute is emitted exactly as set', () => {
    const all: CookieOptions = {
      name: '__Secure-app',
      domain: 'example.com',
      path: '/app',
      sameSite: 'none',
      secure: true,
      httpOnly: true,
      maxAge: '2h',
      partitioned: true,
      priority: 'high',
    }
    const attributes = 'Domain=example.com; Path=/app; Secure; HttpOnly; SameSite=None; Partitioned; Priority=High'
    expect(written(all)).toBe(
      `__Secure-app=${token}; Max-Age=7200; Expires=Wed, 02 Jan 2030 05:04:05 GMT; ${attributes}`,
    )
    expect(cleared(all)).toBe(`__Secure-app=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; ${attributes}`)
  })

  it('B3 a maxAge emits Max-Age and Expires, the latter from the engine clock', () => {
    expect(written({ maxAge: 90_999 })).toContain('; Max-Age=90; Expires=Wed, 02 Jan 2030 03:05:35 GMT;')
    expect(written({ maxAge: 10 })).toContain('; Max-Age=1; Expires=Wed, 02 Jan 2030 03:04:06 GMT;')
  })

  it('SEC-25 refuses a maxAge beyond the absolute timeout that the engine hands in', () => {
    expect(() => cookieTransport({ maxAge: '13h' }, { absoluteTimeout: 43_200_000 })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
    expect(cookieTransport({ maxAge: '12h' }, { absoluteTimeout: 43_200_000 }).name).toBe('__Host-sid')
  })

  it('SEC-19 B5 Secure: true always, auto on TLS only, false never', () => {
    const plain = { ...facts, secure: false }
    for (const line of [written, cleared]) {
      expect(line({}, plain)).toContain('; Secure')
      expect(line({ secure: 'auto' }, facts)).toContain('; Secure')
      expect(line({ secure: 'auto' }, plain)).not.toContain('Secure')
      expect(line({ secure: false }, facts)).not.toContain('Secure')
    }
  })

  it('SEC-17 nothing of the request reaches the cookie', () => {
    const exchange = exchangeOf({ host: 'evil.com', 'x-forwarded-host': 'evil.com', origin: 'https://evil.com' })
    const transport = cookieTransport()
    transport.write(exchange, token, facts)
    transport.clear(exchange, facts)
    expect(JSON.stringify(exchange.sent)).not.toMatch(/evil|Domain/i)
  })

  it('SEC-18 a token that does not fit is COOKIE_TOO_LARGE, and no header is sent', () => {
    const exchange = exchangeOf()
    const large = 'x'.repeat(9000)
    expect(() => cookieTransport().write(exchange, large, facts)).toThrow(
      expect.objectContaining({ code: 'COOKIE_TOO_LARGE' }),
    )
    expect(exchange.sent).toEqual([])
  })

  it('SEC-16 a token that would break out of the header is refused, and no header is sent', () => {
    const exchange = exchangeOf()
    for (const bad of ['a; Domain=evil.com', 'a\r\nSet-Cookie: b=c', 'a,b', 'a b', 'a\0']) {
      expect(() => cookieTransport().write(exchange, bad, facts)).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      )
    }
    expect(exchange.sent).toEqual([])
  })

  it('SEC-15 SEC-49 B4 clearing names the same cookie as setting: same name, domain, path, partition and flags', () => {
    fc.assert(
      fc.property(options, fc.boolean(), (given, secure) => {
        const identity = (line: string) =>
          line
            .split('; ')
            .slice(1)
            .filter((part) => !/^(Max-Age|Expires)=/.test(part))
        const set = written(given, { ...facts, secure })
        const clear = cleared(given, { ...facts, secure })
        expect(identity(clear)).toEqual(identity(set))
        expect(clear.split('=')[0]).toBe(set.split('=')[0])
        expect(clear).toContain('=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT;')
        expect(clear.includes('; Partitioned')).toBe(given.partitioned ?? false)
      }),
    )
  })

  it('SEC-15 SEC-49 set and then cleared, a real jar is empty', async () => {
    await fc.assert(
      fc.asyncProperty(options, async (given) => {
        // The jar refuses expired cookies by its own clock, so the engine clock is the present here.
        const present = { ...facts, now: Date.now() }
        const jar = new CookieJar(undefined, { prefixSecurity: 'strict' })
        const url = 'https://app.example.com/app/page'
        await jar.setCookie('other=1; Path=/', url)
        await jar.setCookie(written(given, present), url)
        const request = exchangeOf({ cookie: await jar.getCookieString(url) })
        expect(cookieTransport(given).read(request)).toEqual([token])
        await jar.setCookie(cleared(given, present), url)
        // The jar forgets an expired cookie when it is asked next.
        expect((await jar.getCookies(url)).map((cookie) => cookie.key)).toEqual(['other'])
        expect((await jar.serialize()).cookies.map((cookie) => cookie.key)).toEqual(['other'])
      }),
    )
  })

  it('SEC-16 tough-cookie understands what is written', () => {
    fc.assert(
      fc.property(options, (given) => {
        const cookie = Cookie.parse(written(given))
        expect(cookie).toMatchObject({
          value: token,
          secure: true,
          httpOnly: given.httpOnly ?? true,
          sameSite: given.sameSite ?? 'lax',
          path: given.path ?? '/',
          domain: given.domain ?? null,
          maxAge: given.maxAge === undefined ? null : given.maxAge === '7d' ? 604_800 : 1,
        })
      }),
    )
  })

  it('SEC-22 adds to the headers of the application and never replaces one', () => {
    const exchange = exchangeOf()
    exchange.append('set-cookie', 'theirs=1')
    cookieTransport().write(exchange, token, facts)
    exchange.append('set-cookie', 'theirs=2')
    expect(exchange.calls.map(([how, name]) => [how, name])).toEqual(Array(3).fill(['append', 'set-cookie']))
  })

  it('D7 reads all candidates of its own name, in order', () => {
    const exchange = exchangeOf({ cookie: 'sid=no; __Host-sid=a; __host-sid=no; __Host-sid=b' })
    expect(cookieTransport().read(exchange)).toEqual(['a', 'b'])
    expect(cookieTransport().vary).toBe('Cookie')
  })

  it('SEC-24 reads the Cookie header only', () => {
    expect(
      cookieTransport().read(exchangeOf({ 'x-session-token': 'x', authorization: 'Bearer x', '__host-sid': 'x' })),
    ).toEqual([])
  })

  it('SEC-28 B10 reading never throws, whatever the header', () => {
    const transport = cookieTransport({ name: 'sid', secure: false })
    const noisy = fc.string({
      unit: fc.constantFrom('sid', '=', ';', '"', '%', '\\', '\r', '\n', '\0', '\ud800', ' ', 'j:{}'),
      maxLength: 60,
    })
    fc.assert(
      fc.property(fc.oneof(noisy, anyText), (header) => {
        expect(transport.read(exchangeOf({ cookie: header })).every((candidate) => typeof candidate === 'string')).toBe(
          true,
        )
      }),
      { numRuns: 500 },
    )
  })
})
