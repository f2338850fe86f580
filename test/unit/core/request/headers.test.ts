import { describe, expect, it } from 'vitest'
import { isSecure } from '../../../../src/core/request/headers.ts'
import { createSessions, type Session, type Transport } from '../../../../src/index.ts'
import { exchangeWith } from '../../../fixtures/exchange.ts'

/** The headers of a response on which the application had set some. */
async function headersAfter(
  work: (session: Session) => unknown,
  response: ReadonlyArray<[string, string]>,
  transport?: Transport,
): Promise<Record<string, string>> {
  const sessions = createSessions(transport === undefined ? {} : { transport })
  const exchange = exchangeWith({ response })
  const session = await sessions.open(exchange)
  await work(session)
  await sessions.commit(session)
  return Object.fromEntries(exchange.sent.filter(([name]) => name !== 'set-cookie'))
}

const read = (session: Session) => session.get('name')
const write = (session: Session) => session.set('name', 'Ada')

describe('Vary', () => {
  it.each([
    [null, 'Cookie'],
    ['', 'Cookie'],
    ['Accept', 'Accept, Cookie'],
    ['Accept, Origin', 'Accept, Origin, Cookie'],
    ['cookie', 'cookie'],
    ['COOKIE , Accept', 'COOKIE , Accept'],
    ['Accept,Cookie', 'Accept,Cookie'],
    ['X-Cookie', 'X-Cookie, Cookie'],
    ['*', '*'],
    ['Accept, *', 'Accept, *'],
  ])('SEC-23 of %j becomes %j', async (before, after) => {
    const response: [string, string][] = before === null ? [] : [['vary', before]]
    expect((await headersAfter(read, response))['vary']).toBe(after)
    expect(await headersAfter(() => undefined, response)).toEqual(Object.fromEntries(response))
  })

  it.each([
    [null, 'A, B'],
    ['b', 'b, A'],
    ['a, b', 'a, b'],
    ['Accept', 'Accept, A, B'],
  ])('SEC-23 of %j becomes %j with a transport that goes by two headers', async (before, after) => {
    const transport: Transport = {
      name: 't',
      vary: 'A, B',
      read: () => [],
      write: () => undefined,
      clear: () => undefined,
    }
    const response: [string, string][] = before === null ? [] : [['vary', before]]
    expect((await headersAfter(read, response, transport))['vary']).toBe(after)
    expect(await headersAfter(read, response, { ...transport, vary: null })).toEqual(Object.fromEntries(response))
  })
})

describe('Cache-Control', () => {
  it.each([
    [null, 'no-store'],
    ['', 'no-store'],
    ['public, max-age=60', 'no-store'],
    ['no-cache', 'no-store'],
    ['no-cache="set-cookie"', 'no-store'],
    ['max-age=0, must-revalidate', 'no-store'],
    ['no-store', 'no-store'],
    ['No-Store, max-age=0', 'No-Store, max-age=0'],
    ['private', 'private'],
    ['private, max-age=60', 'private, max-age=60'],
    ['max-age=60 , PRIVATE', 'max-age=60 , PRIVATE'],
    // RFC 9111 section 5.2.2.7: with field names only those are private, and the rest may be stored by anybody.
    ['private="x-name"', 'no-store'],
    ['public, private="set-cookie"', 'no-store'],
    ['public, x-private', 'no-store'],
    ['public, community="private"', 'no-store'],
    ['max-age=60, no-store-please', 'no-store'],
  ])('SEC-23 of %j becomes %j on a response that carries a token', async (before, after) => {
    const response: [string, string][] = before === null ? [] : [['cache-control', before]]
    expect((await headersAfter(write, response))['cache-control']).toBe(after)
    expect((await headersAfter(read, response))['cache-control']).toBe(before ?? undefined)
  })
})

describe('isSecure', () => {
  const over = (secure: boolean, forwarded?: string) =>
    exchangeWith({ secure, ...(forwarded !== undefined && { headers: { 'x-forwarded-proto': forwarded } }) })

  it('SEC-20 a TLS connection is secure whatever is forwarded', () => {
    for (const trust of [0, 1, 2]) expect(isSecure(over(true, 'http'), trust)).toBe(true)
  })

  it.each([
    [0, 'https', false],
    [1, undefined, false],
    [1, '', false],
    [1, 'https', true],
    [1, ' HTTPS ', true],
    [1, 'https,http', false],
    [1, 'http,https', true],
    [2, 'https', false],
    [2, 'https,http', true],
    [2, 'https,http,http', false],
    [3, 'https,http,http', true],
    [3, 'https,https', false],
    [1, 'wss', false],
    [1, 'https ,', false],
  ])('SEC-20 with %i trusted proxies and %j: %s', (trust, forwarded, expected) => {
    expect(isSecure(over(false, forwarded), trust)).toBe(expected)
  })
})
