import { describe, expect, it } from 'vitest'
import { cookieTransport, firstOf, headerTransport, queryTransport } from '../../../src/transports/index.ts'
import { exchangeWith } from '../../fixtures/exchange.ts'

const facts = { created: false, now: 0, expiresAt: 1, secure: true }
const configInvalid = expect.objectContaining({ name: 'SessionError', code: 'CONFIG_INVALID' })
const cookie = cookieTransport()
const header = headerTransport()
const query = queryTransport({ tokenLeaksIntoLogsAndReferrers: true })

describe('firstOf', () => {
  it('B8 looks in the order given and takes the candidates of the first that has any', () => {
    const transport = firstOf(cookie, query, header)
    const all = { cookie: '__Host-sid=c1; __Host-sid=c2', 'x-session-token': 'h' }
    expect(transport.read(exchangeWith({ headers: all, url: '/?sid=q' }))).toEqual(['c1', 'c2'])
    expect(transport.read(exchangeWith({ headers: { 'x-session-token': 'h' }, url: '/?sid=q' }))).toEqual(['q'])
    expect(transport.read(exchangeWith({ headers: { 'x-session-token': 'h' } }))).toEqual(['h'])
    expect(transport.read(exchangeWith())).toEqual([])
    expect(firstOf(header, cookie).read(exchangeWith({ headers: all }))).toEqual(['h'])
  })

  it.each([
    ['a client that sent the header gets the header', { 'x-session-token': 'h' }, '/', 'x-session-token'],
    ['a client that sent the cookie gets the cookie', { cookie: '__Host-sid=c' }, '/', 'set-cookie'],
    [
      'a client that sent both gets the one that counted',
      { cookie: '__Host-sid=c', 'x-session-token': 'h' },
      '/',
      'set-cookie',
    ],
    ['a new client gets the first that can write', {}, '/', 'set-cookie'],
    ['a client that came by the query gets the first that can write', {}, '/?sid=q', 'set-cookie'],
    [
      'a client that came by query and header gets the header',
      { 'x-session-token': 'h' },
      '/?sid=q',
      'x-session-token',
    ],
  ])('B9 %s, once', (_title, request, url, name) => {
    const transport = firstOf(query, cookie, header)
    const exchange = exchangeWith({ headers: request, url })
    transport.write(exchange, 'new', facts)
    transport.clear(exchange, facts)
    expect(exchange.calls.map(([, sentName]) => sentName)).toEqual([name, name])
    expect(exchange.calls[0]?.[2]).toContain('new')
    expect(exchange.calls[1]?.[2]).not.toContain('new')
  })

  it('B9 a client that came by the header of one and got its answer can go on with it', () => {
    const transport = firstOf(cookie, header)
    const exchange = exchangeWith({ headers: { 'x-session-token': 'old' } })
    transport.write(exchange, 'new', facts)
    expect(transport.read(exchangeWith({ headers: Object.fromEntries(exchange.sent) }))).toEqual(['new'])
  })

  it('has the name of the first and varies with all, each once', () => {
    expect(firstOf(cookie, query, header)).toMatchObject({ name: '__Host-sid', vary: 'Cookie, x-session-token' })
    expect(firstOf(cookie, { ...header, vary: 'COOKIE, X-Session-Token' }, header).vary).toBe('Cookie, X-Session-Token')
    expect(firstOf(header).vary).toBe('x-session-token')
    expect(firstOf({ ...header, vary: null }).vary).toBeNull()
    expect(firstOf(cookie).readOnly).toBeFalsy()
  })

  it('nests', () => {
    const transport = firstOf(query, firstOf(header, cookie))
    const exchange = exchangeWith({ cookie: '__Host-sid=c' })
    expect(transport.read(exchange)).toEqual(['c'])
    transport.clear(exchange, facts)
    expect(exchange.sent.map(([name]) => name)).toEqual(['set-cookie'])
  })

  it('refuses to be built without a transport that can write', () => {
    expect(() => firstOf()).toThrow(configInvalid)
    expect(() => firstOf(query)).toThrow(configInvalid)
    expect(() => firstOf(query, query)).toThrow(/add cookieTransport\(\) or headerTransport\(\)/)
    expect(() => firstOf(cookie, undefined as never)).toThrow(configInvalid)
    expect(() => firstOf('cookie' as never)).toThrow(configInvalid)
  })
})
