import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Exchange } from '../../../src/contract/exchange.ts'
import { chunkedCookie } from '../../../src/transports/chunked-cookie.ts'

const now = Date.UTC(2030, 0, 2)
const facts = { created: true, now, expiresAt: now + 1_800_000, secure: true }

/** An exchange over a jar: what is set is there for the next one. */
function exchangeWith(jar: Map<string, string>): Exchange {
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  return {
    secure: true,
    method: 'GET',
    headersSent: false,
    header: (name) => (name === 'cookie' && cookie !== '' ? cookie : null),
    url: () => '/',
    responseHeader: () => null,
    setHeader: () => undefined,
    append(_, line) {
      const [pair = ''] = line.split('; ')
      const equals = pair.indexOf('=')
      expect(pair.length).toBeLessThanOrEqual(4097)
      if (line.includes('Max-Age=0')) jar.delete(pair.slice(0, equals))
      else jar.set(pair.slice(0, equals), pair.slice(equals + 1))
    },
  }
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
        const jar = new Map<string, string>()
        for (const length of [...lengths, capacity, 1]) {
          transport.write(exchangeWith(jar), tokenOf(length), facts)
          expect(jar.size).toBe(Math.ceil(length / (capacity / 3)))
          expect(transport.read(exchangeWith(jar))).toEqual([tokenOf(length)])
        }
      }),
    )
  })

  it('a token that fits into one cookie is written as cookieTransport would', () => {
    const jar = new Map<string, string>()
    chunkedCookie().write(exchangeWith(jar), tokenOf(300), facts)
    expect([...jar]).toEqual([['__Host-sid', tokenOf(300)]])
  })

  it('a longer token is COOKIE_TOO_LARGE, and nothing is set', () => {
    const transport = chunkedCookie({ chunks: 2 })
    const jar = new Map<string, string>()
    const { capacity = 0 } = transport
    expect(() => transport.write(exchangeWith(jar), tokenOf(capacity + 1), facts)).toThrow(
      expect.objectContaining({ code: 'COOKIE_TOO_LARGE' }),
    )
    expect(jar.size).toBe(0)
  })

  it('clear removes all that are there', () => {
    const transport = chunkedCookie()
    const jar = new Map<string, string>()
    transport.write(exchangeWith(jar), tokenOf(9000), facts)
    expect(jar.size).toBe(3)
    transport.clear(exchangeWith(jar), facts)
    expect(jar.size).toBe(0)
  })

  it('never throws for a header, and a part that is missing makes another token', () => {
    const transport = chunkedCookie()
    const jar = new Map<string, string>()
    transport.write(exchangeWith(jar), tokenOf(9000), facts)
    jar.delete('__Host-sid.1')
    expect(transport.read(exchangeWith(jar))).not.toContain(tokenOf(9000))
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (first, other) => {
        const jar = new Map([
          ['__Host-sid', `3.${first}`],
          ['__Host-sid.2', other],
        ])
        expect(Array.isArray(transport.read(exchangeWith(jar)))).toBe(true)
      }),
    )
  })

  it.each([1, 4, 0, '3'])('refuses %j chunks', (chunks) => {
    expect(() => chunkedCookie({ chunks: chunks as 2 })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})
