import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Exchange } from '../../../src/contract/exchange.ts'
import { chunkedCookie } from '../../../src/transports/chunked-cookie.ts'
import { CookieJar } from '../../fixtures/cookie-jar.ts'
import { cookiesOf, exchangeWith } from '../../fixtures/exchange.ts'

const now = Date.UTC(2030, 0, 2)
const facts = { created: true, now, expiresAt: now + 1_800_000, secure: true }

/** An exchange of a browser with these cookies. */
const exchangeOf = (jar: CookieJar) => {
  const cookie = jar.header()
  return exchangeWith(cookie === undefined ? {} : { cookie })
}

/** Writes or clears; the browser keeps what it is sent, none of which is longer than browsers take. */
function answer(jar: CookieJar, work: (exchange: Exchange) => void): void {
  const exchange = exchangeOf(jar)
  work(exchange)
  const lines = cookiesOf(exchange)
  for (const line of lines) expect(line.split('; ')[0]?.length).toBeLessThanOrEqual(4097)
  jar.keep(lines)
}

const tokenOf = (length: number) =>
  Array.from({ length }, (_, i) => 'abcdefghijklmnopqrstuvwxyz012345'[i % 32]).join('')

describe('chunkedCookie', () => {
  it('carries tokens of any length up to its capacity, and leaves nothing over from a longer one', () => {
    const transport = chunkedCookie()
    const { capacity = 0 } = transport
    expect(capacity).toBeGreaterThan(12_000)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: capacity }), { minLength: 1, maxLength: 5 }), (lengths) => {
        const jar = new CookieJar()
        for (const length of [...lengths, capacity, 1]) {
          answer(jar, (exchange) => transport.write(exchange, tokenOf(length), facts))
          expect(jar.size).toBe(Math.ceil(length / (capacity / 3)))
          expect(transport.read(exchangeOf(jar))).toEqual([tokenOf(length)])
        }
      }),
    )
  })

  it('a token that fits into one cookie is written as cookieTransport would', () => {
    const jar = new CookieJar()
    answer(jar, (exchange) => chunkedCookie().write(exchange, tokenOf(300), facts))
    expect([...jar]).toEqual([['__Host-sid', tokenOf(300)]])
  })

  it('a longer token is COOKIE_TOO_LARGE, and nothing is set', () => {
    const transport = chunkedCookie({ chunks: 2 })
    const exchange = exchangeWith()
    const { capacity = 0 } = transport
    expect(() => transport.write(exchange, tokenOf(capacity + 1), facts)).toThrow(
      expect.objectContaining({ code: 'COOKIE_TOO_LARGE' }),
    )
    expect(exchange.sent).toEqual([])
  })

  it('clear removes all that are there', () => {
    const transport = chunkedCookie()
    const jar = new CookieJar()
    answer(jar, (exchange) => transport.write(exchange, tokenOf(9000), facts))
    expect(jar.size).toBe(3)
    answer(jar, (exchange) => transport.clear(exchange, facts))
    expect(jar.size).toBe(0)
  })

  it('never throws for a header, and a part that is missing makes another token', () => {
    const transport = chunkedCookie()
    const jar = new CookieJar()
    answer(jar, (exchange) => transport.write(exchange, tokenOf(9000), facts))
    jar.delete('__Host-sid.1')
    expect(transport.read(exchangeOf(jar))).not.toContain(tokenOf(9000))
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (first, other) => {
        const jar = new CookieJar([
          ['__Host-sid', `3.${first}`],
          ['__Host-sid.2', other],
        ])
        expect(Array.isArray(transport.read(exchangeOf(jar)))).toBe(true)
      }),
    )
  })

  it.each([1, 4, 0, '3'])('refuses %j chunks', (chunks) => {
    expect(() => chunkedCookie({ chunks: chunks as 2 })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})
