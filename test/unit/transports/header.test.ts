import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { headerTransport } from '../../../src/transports/header.ts'
import { exchangeWith } from '../../fixtures/exchange.ts'

/** UTF-16 code units of all kinds, lone surrogates included, most of them such as a header has. */
const anyText = fc
  .array(fc.oneof({ weight: 3, arbitrary: fc.nat(0xff) }, { weight: 1, arbitrary: fc.nat(0xffff) }), { maxLength: 40 })
  .map((codes) => String.fromCharCode(...codes))

const facts = { created: true, now: 0, expiresAt: 1, secure: true }
const configInvalid = expect.objectContaining({ name: 'SessionError', code: 'CONFIG_INVALID' })

const exchangeOf = (headers: Record<string, string> = {}) => exchangeWith({ headers, url: '/?sid=from-query' })

describe('headerTransport', () => {
  it('L8 B9 reads the request header and answers in the response header of the same name', () => {
    const transport = headerTransport()
    const exchange = exchangeOf({ 'x-session-token': 'abc', cookie: 'sid=no' })
    expect([transport.name, transport.vary]).toEqual(['x-session-token', 'x-session-token'])
    expect(transport.read(exchange)).toEqual(['abc'])
    transport.write(exchange, 'def', facts)
    expect(exchange.calls).toEqual([['setHeader', 'x-session-token', 'def']])
  })

  it('L8 clearing answers with an empty header, which counts as no candidate when it comes back', () => {
    const exchange = exchangeOf({ 'x-session-token': '' })
    headerTransport().clear(exchange, facts)
    expect(exchange.calls).toEqual([['setHeader', 'x-session-token', '']])
    expect(headerTransport().read(exchange)).toEqual([])
  })

  it('B6 never sets a cookie', () => {
    const exchange = exchangeOf()
    const transport = headerTransport({ name: 'x-other' })
    transport.write(exchange, 'abc', facts)
    transport.clear(exchange, facts)
    expect(exchange.calls.map(([, name]) => name)).toEqual(['x-other', 'x-other'])
  })

  it('takes another name, in any case', () => {
    const transport = headerTransport({ name: 'X-My-Sid' })
    expect(transport.name).toBe('x-my-sid')
    expect(transport.read(exchangeOf({ 'x-my-sid': ' \tabc\t ' }))).toEqual(['abc'])
    expect(transport.read(exchangeOf({ 'x-session-token': 'abc' }))).toEqual([])
  })

  it.each([
    ['Bearer abc', ['abc']],
    ['bearer abc', ['abc']],
    ['BEARER   abc ', ['abc']],
    ['Basic abc', []],
    ['Bearer', []],
    ['Bearer ', []],
    ['Bearerabc', []],
    ['abc', []],
    ['Bearer a b', ['a b']],
    ['Bearer a, Bearer b', ['a, Bearer b']],
    ['', []],
  ])('with the scheme Bearer, %j has the candidates %j', (authorization, candidates) => {
    for (const transport of [
      headerTransport({ name: 'Authorization', scheme: 'Bearer' }),
      headerTransport({ name: 'authorization' }),
    ]) {
      expect(transport.read(exchangeOf({ authorization }))).toEqual(candidates)
    }
  })

  it('answers with the scheme, too', () => {
    const exchange = exchangeOf()
    headerTransport({ name: 'authorization' }).write(exchange, 'abc', facts)
    expect(exchange.calls).toEqual([['setHeader', 'authorization', 'Bearer abc']])
  })

  it('SEC-16 a token that would break out of the header is refused, and no header is sent', () => {
    const exchange = exchangeOf()
    for (const bad of ['', 'a b', 'a\r\nx: y', 'a\nb', 'a\0', 'é', '\u{1f600}']) {
      expect(() => headerTransport().write(exchange, bad, facts)).toThrow(configInvalid)
    }
    expect(exchange.sent).toEqual([])
  })

  it.each([
    { name: '' },
    { name: 'a b' },
    { name: 'a:b' },
    { name: 'x\r\ny' },
    { name: 'é' },
    { name: 5 },
    { name: null },
    { name: 'Cookie' },
    { name: 'set-cookie' },
    { name: 'Content-Length' },
    { name: 'Host' },
    { scheme: '' },
    { scheme: 'two words' },
    { scheme: 'a\n' },
    { scheme: 5 },
    { header: 'x-sid' },
  ])('refuses %j', (options) => {
    expect(() => headerTransport(options as never)).toThrow(configInvalid)
  })

  it('B10 reading never throws, whatever the header', () => {
    const transports = [headerTransport(), headerTransport({ name: 'authorization' })]
    fc.assert(
      fc.property(
        fc.oneof(anyText, fc.string({ unit: fc.constantFrom('Bearer', ' ', '\t', ',', '\u212a', 'x') })),
        (value) => {
          for (const transport of transports) {
            const found = transport.read(exchangeOf({ 'x-session-token': value, authorization: value }))
            expect(found.length).toBeLessThanOrEqual(1)
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})
