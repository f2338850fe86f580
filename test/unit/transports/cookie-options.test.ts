import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CookieOptions, resolveCookie } from '../../../src/transports/cookie-options.ts'

const configInvalid = expect.objectContaining({ name: 'SessionError', code: 'CONFIG_INVALID' })
const day = 86_400_000

describe('resolveCookie', () => {
  it('SEC-11 without options: __Host-sid, HttpOnly, Secure, Lax, Path=/, no Domain, for the browser session', () => {
    expect(resolveCookie()).toEqual({
      name: '__Host-sid',
      secure: true,
      maxAge: undefined,
      attributes: {
        domain: undefined,
        path: '/',
        httpOnly: true,
        sameSite: 'Lax',
        partitioned: false,
        priority: undefined,
      },
    })
  })

  it('SEC-12 L4 D6 setting some options leaves the safe defaults of all others', () => {
    const given: fc.Arbitrary<CookieOptions> = fc.record(
      {
        name: fc.constantFrom('app', 'id'),
        domain: fc.constant('example.com'),
        path: fc.constant('/app'),
        sameSite: fc.constantFrom('strict', 'LAX' as 'lax'),
        secure: fc.constantFrom<boolean | 'auto'>(true, false, 'auto'),
        httpOnly: fc.boolean(),
        maxAge: fc.constantFrom('7d', 5000),
        priority: fc.constantFrom('low', 'HIGH' as 'high'),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(given, (options) => {
        const { name, secure, maxAge, attributes } = resolveCookie(options)
        const host = (options.path ?? '/') === '/' && options.domain === undefined
        expect(name).toBe(
          options.name ?? ((options.secure ?? true) !== true ? 'sid' : host ? '__Host-sid' : '__Secure-sid'),
        )
        expect(secure).toBe(options.secure ?? true)
        expect(maxAge).toBe(options.maxAge === undefined ? undefined : options.maxAge === 5000 ? 5 : 604_800)
        expect(attributes.httpOnly).toBe(options.httpOnly ?? true)
        expect(attributes.path).toBe(options.path ?? '/')
        expect(attributes.domain).toBe(options.domain)
        expect(attributes.sameSite?.toLowerCase()).toBe((options.sameSite ?? 'lax').toLowerCase())
        expect(attributes.priority?.toLowerCase()).toBe(options.priority?.toLowerCase())
        expect(attributes.partitioned).toBe(false)
      }),
      { numRuns: 500 },
    )
  })

  it('SEC-12 an option that is undefined has its default', () => {
    const empty = Object.fromEntries(
      ['name', 'domain', 'path', 'sameSite', 'secure', 'httpOnly', 'maxAge', 'partitioned', 'priority'].map((key) => [
        key,
        undefined,
      ]),
    )
    expect(resolveCookie(empty)).toEqual(resolveCookie())
  })

  it('SEC-12 what was put on Object.prototype weakens nothing', () => {
    const planted = { secure: false, httpOnly: false, domain: 'evil.com', sameSite: 'none' }
    try {
      for (const [key, value] of Object.entries(planted)) {
        Object.defineProperty(Object.prototype, key, { value, configurable: true })
      }
      const { name, secure, attributes } = resolveCookie({ path: '/' })
      expect([name, secure, attributes.httpOnly, attributes.domain, attributes.sameSite]).toEqual([
        '__Host-sid',
        true,
        true,
        undefined,
        'Lax',
      ])
    } finally {
      for (const key of Object.keys(planted)) Reflect.deleteProperty(Object.prototype, key)
    }
  })

  it.each([
    [{}, '__Host-sid'],
    [{ httpOnly: false, sameSite: 'none' }, '__Host-sid'],
    [{ domain: 'example.com' }, '__Secure-sid'],
    [{ path: '/app' }, '__Secure-sid'],
    [{ secure: false }, 'sid'],
    [{ secure: 'auto' }, 'sid'],
    [{ secure: false, domain: 'example.com' }, 'sid'],
  ] satisfies [CookieOptions, string][])('SEC-13 %j is named %s by default', (options, name) => {
    expect(resolveCookie(options).name).toBe(name)
  })

  describe('SEC-13 prefixes', () => {
    const needs = {
      '__Secure-': [{ secure: false }, { secure: 'auto' }],
      '__Host-': [{ secure: false }, { secure: 'auto' }, { domain: 'example.com' }, { path: '/app' }],
      '__Http-': [{ secure: false }, { secure: 'auto' }, { httpOnly: false }],
      '__Host-Http-': [
        { secure: false },
        { secure: 'auto' },
        { domain: 'example.com' },
        { path: '/app' },
        { httpOnly: false },
      ],
    } satisfies Record<string, CookieOptions[]>
    const allowed = {
      '__Secure-': [{}, { domain: 'example.com' }, { path: '/app' }, { httpOnly: false }],
      '__Host-': [{}, { httpOnly: false }],
      '__Http-': [{}, { domain: 'example.com' }, { path: '/app' }],
      '__Host-Http-': [{}],
    } satisfies Record<string, CookieOptions[]>
    const cases = [(text: string) => text, (text: string) => text.toLowerCase(), (text: string) => text.toUpperCase()]
    const rows = (table: Record<string, CookieOptions[]>) =>
      Object.entries(table).flatMap(([prefix, list]) =>
        cases.flatMap((spell) => list.map((options) => [`${spell(prefix)}x`, options] as const)),
      )

    it.each(rows(needs))('SEC-13 SEC-14 %s with %j is refused', (name, options) => {
      expect(() => resolveCookie({ ...options, name })).toThrow(configInvalid)
      expect(() => resolveCookie({ ...options, name })).toThrow(name)
    })
    it.each(rows(allowed))('SEC-13 %s with %j is fine', (name, options) => {
      expect(resolveCookie({ ...options, name }).name).toBe(name)
    })
    it('SEC-13 a name that only resembles a prefix is free', () => {
      for (const name of ['__Host', '__Hostx', 'x__Host-', '_Host-x', '__HostHttp-x']) {
        expect(resolveCookie({ name, secure: false, path: '/app' }).name).toBe(name)
      }
    })
  })

  it.each([
    { sameSite: 'none', secure: false },
    { sameSite: 'NONE' as 'none', secure: 'auto' },
    { partitioned: true, secure: false },
    { partitioned: true, secure: 'auto' },
  ] satisfies CookieOptions[])('SEC-14 F4 refuses %j', (options) => {
    expect(() => resolveCookie(options)).toThrow(configInvalid)
    expect(resolveCookie({ ...options, secure: true }).secure).toBe(true)
  })

  it('F4 sameSite and priority are case-insensitive', () => {
    for (const word of ['none', 'None', 'NONE', 'nOnE']) {
      expect(resolveCookie({ sameSite: word as 'none' }).attributes.sameSite).toBe('None')
    }
    expect(resolveCookie({ priority: 'MEDIUM' as 'medium' }).attributes.priority).toBe('Medium')
  })

  it('SEC-25 maxAge is at most 400 days', () => {
    expect(resolveCookie({ maxAge: 400 * day }).maxAge).toBe(34_560_000)
    expect(() => resolveCookie({ maxAge: 400 * day + 1 })).toThrow(configInvalid)
    expect(() => resolveCookie({ maxAge: '401d' })).toThrow(/400 days/)
  })

  it('SEC-25 maxAge is at most the absolute timeout, and the error says what to do', () => {
    const limits = { absoluteTimeout: 12 * 3_600_000 }
    expect(resolveCookie({ maxAge: '12h' }, limits).maxAge).toBe(43_200)
    expect(() => resolveCookie({ maxAge: 12 * 3_600_000 + 1 }, limits)).toThrow(configInvalid)
    expect(() => resolveCookie({ maxAge: '7d' }, limits)).toThrow(/Lower cookie\.maxAge or raise absoluteTimeout/)
  })

  it('maxAge is sent in whole seconds, rounded down, but never as 0', () => {
    expect(resolveCookie({ maxAge: 1999 }).maxAge).toBe(1)
    expect(resolveCookie({ maxAge: 1 }).maxAge).toBe(1)
    expect(resolveCookie({ maxAge: '1h30m' }).maxAge).toBe(5400)
    expect(() => resolveCookie({ maxAge: 'soon' })).toThrow(/^cookie\.maxAge is "soon"/)
    expect(() => resolveCookie({ maxAge: 0 })).toThrow(configInvalid)
  })

  it('refuses an unknown option by name and says which there are', () => {
    expect(() => resolveCookie({ samesite: 'none' } as CookieOptions)).toThrow(/"samesite".*sameSite/)
    expect(() => resolveCookie({ expires: undefined } as CookieOptions)).toThrow(configInvalid)
    expect(() => resolveCookie(JSON.parse('{"__proto__": {"secure": false}}'))).toThrow(configInvalid)
  })

  it.each([
    ['name', ['', 'a b', 'a;b', 'a=b', 'é', null, 5]],
    ['domain', ['', '.a.com', 'a.com;', 'a b', null, 5, {}]],
    ['path', ['', 'app', '/a;b', '/a b', null, 5]],
    ['sameSite', ['', 'laxx', ' lax', 'lax;', null, true, 5]],
    ['secure', ['true', 'Auto', 1, null, {}]],
    ['httpOnly', ['true', 1, null]],
    ['maxAge', ['', '5', -1, Number.NaN, null, true]],
    ['partitioned', ['true', 1, null]],
    ['priority', ['', 'urgent', 'low;', null, 5]],
  ])('SEC-16 refuses a malformed %s', (option, values) => {
    for (const value of values) {
      expect(() => resolveCookie({ [option]: value } as CookieOptions), String(value)).toThrow(configInvalid)
    }
  })

  it.each([null, 'lax', 5, true, [], ['lax']])('SEC-16 refuses %j as options', (options) => {
    expect(() => resolveCookie(options as never)).toThrow(configInvalid)
  })

  it('SEC-16 whatever the options, it resolves or throws CONFIG_INVALID', () => {
    const anything = fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true })
    const keys = fc.constantFrom(
      'name',
      'domain',
      'path',
      'sameSite',
      'secure',
      'httpOnly',
      'maxAge',
      'partitioned',
      'priority',
      'x',
    )
    fc.assert(
      fc.property(fc.oneof(fc.dictionary(keys, anything), anything), (options) => {
        try {
          resolveCookie(options as CookieOptions)
        } catch (error) {
          expect(error).toEqual(configInvalid)
        }
      }),
      { numRuns: 500 },
    )
  })
})
