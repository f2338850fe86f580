import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromBase64Url, toBase64Url } from '../../../src/crypto/base64url.ts'

describe('base64url', () => {
  // RFC 4648 section 10, without padding.
  it.each([
    ['', ''],
    ['f', 'Zg'],
    ['fo', 'Zm8'],
    ['foo', 'Zm9v'],
    ['foob', 'Zm9vYg'],
    ['fooba', 'Zm9vYmE'],
    ['foobar', 'Zm9vYmFy'],
  ])('of %j is %j', (text, encoded) => {
    expect(toBase64Url(Buffer.from(text))).toBe(encoded)
    expect(Buffer.from(fromBase64Url(encoded) ?? []).toString()).toBe(text)
  })

  it('agrees with Node for any bytes, and comes back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = toBase64Url(bytes)
        expect(text).toBe(Buffer.from(bytes).toString('base64url'))
        expect(fromBase64Url(text)).toEqual(bytes)
      }),
    )
  })

  it.each([
    'A',
    'AAAAA',
    'AB',
    'AAB',
    'Zm8=',
    'Zg==',
    'Zm9+',
    'Zm9/',
    'Zm 9',
    ' Zg',
    'Zg\n',
    'Zg\u0000',
    'Zgé',
    'Z\ud800',
  ])('%j is none, so that one value has one text', (text) => {
    expect(fromBase64Url(text)).toBeNull()
  })

  it('any text is bytes that are written so, or nothing; never an error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.base64String(), fc.stringMatching(/^[\w-]*$/)), (text) => {
        const bytes = fromBase64Url(text)
        expect(bytes === null || toBase64Url(bytes) === text).toBe(true)
      }),
    )
  })

  it('SEC-67 no two texts give the same bytes', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const texts = [...alphabet].flatMap((first) => [...alphabet].map((second) => first + second))
    const decoded = texts.flatMap((text) => fromBase64Url(text)?.join() ?? [])
    expect([decoded.length, new Set(decoded).size]).toEqual([256, 256])
  })
})
