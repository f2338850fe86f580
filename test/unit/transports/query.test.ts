import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { queryTransport } from '../../../src/transports/query.ts'
import { exchangeWith } from '../../fixtures/exchange.ts'

/** UTF-16 code units of all kinds, lone surrogates included, most of them such as a header has. */
const anyText = fc
  .array(fc.oneof({ weight: 3, arbitrary: fc.nat(0xff) }, { weight: 1, arbitrary: fc.nat(0xffff) }), { maxLength: 40 })
  .map((codes) => String.fromCharCode(...codes))

const facts = { created: true, now: 0, expiresAt: 1, secure: true }
const configInvalid = expect.objectContaining({ name: 'SessionError', code: 'CONFIG_INVALID' })
const accepted = { tokenLeaksIntoLogsAndReferrers: true } as const

const exchangeOf = (url: string) =>
  exchangeWith({ url, cookie: 'sid=from-header', headers: { 'x-session-token': 'from-header', sid: 'from-header' } })

describe('queryTransport', () => {
  it('B8 cannot be built without saying that the token leaks', () => {
    for (const options of [
      undefined,
      {},
      { name: 'sid' },
      { tokenLeaksIntoLogsAndReferrers: false },
      { tokenLeaksIntoLogsAndReferrers: 'true' },
      { tokenLeaksIntoLogsAndReferrers: 1 },
    ]) {
      expect(() => queryTransport(options as never)).toThrow(configInvalid)
      expect(() => queryTransport(options as never)).toThrow(
        /leaks into .*logs.*Referer.*tokenLeaksIntoLogsAndReferrers: true/,
      )
    }
  })

  it.each([
    { ...accepted, name: '' },
    { ...accepted, name: 'a=b' },
    { ...accepted, name: 'a&b' },
    { ...accepted, name: 5 },
    { ...accepted, param: 'x' },
  ])('refuses %j', (options) => {
    expect(() => queryTransport(options as never)).toThrow(configInvalid)
  })

  it('is read-only: it writes and clears nothing, and no response varies with it', () => {
    const transport = queryTransport(accepted)
    const exchange = exchangeOf('/?sid=abc')
    transport.write(exchange, 'def', facts)
    transport.clear(exchange, facts)
    expect(exchange.calls).toEqual([])
    expect([transport.name, transport.readOnly, transport.vary]).toEqual(['sid', true, null])
  })

  it.each([
    ['/page?sid=abc', ['abc']],
    ['/?a=1&sid=abc&b=2', ['abc']],
    ['?sid=abc', ['abc']],
    ['https://user@example.com:8443/page?sid=abc#part', ['abc']],
    ['/?sid=a&sid=b', ['a', 'b']],
    ['/?sid=', ['']],
    ['/?sid', ['']],
    ['/?SID=abc&xsid=abc&sidx=abc', []],
    ['/page', []],
    ['', []],
    ['/sid=abc', []],
    ['/#?sid=abc', []],
    ['/?a=b#&sid=abc', []],
    ['/?a=1;sid=abc', []],
    ['/?sid=%61%62c', ['abc']],
    ['/?sid=%zz%', ['%zz%']],
    ['/?sid=%ff', ['\ufffd']],
    ['/?%=1&%zz=%&sid=abc', ['abc']],
    ['/a?b?sid=no&sid=abc?', ['abc?']],
    ['/?__proto__=x&sid=abc', ['abc']],
  ])('B8 %j has the candidates %j', (url, candidates) => {
    expect(queryTransport(accepted).read(exchangeOf(url))).toEqual(candidates)
  })

  it('takes another name', () => {
    expect(queryTransport({ ...accepted, name: 'session_token' }).read(exchangeOf('/?sid=a&session_token=b'))).toEqual([
      'b',
    ])
  })

  it('SEC-30 has at most 64 candidates', () => {
    expect(queryTransport(accepted).read(exchangeOf(`/?${'sid=a&'.repeat(1000)}`))).toHaveLength(64)
  })

  it('B10 reading never throws, whatever the URL', () => {
    const transport = queryTransport(accepted)
    const noisy = fc.string({
      unit: fc.constantFrom('?', '&', '=', '%', '%e', '%zz', 'sid', '#', ';', '+', '\ud800', '/', '\0'),
      maxLength: 60,
    })
    fc.assert(
      fc.property(fc.oneof(noisy, anyText), (url) => {
        expect(transport.read(exchangeOf(url)).every((candidate) => typeof candidate === 'string')).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})
