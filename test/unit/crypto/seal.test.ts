import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromBase64Url, toBase64Url } from '../../../src/crypto/base64url.ts'
import { openText, sealText } from '../../../src/crypto/seal.ts'

const secret = 'a token of 256 bits, which is a secret'

describe('a sealed text', () => {
  it('opens to what was sealed, whatever it was', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', maxLength: 100 }),
        fc.string({ maxLength: 20 }),
        async (text, purpose) => {
          expect(await openText(secret, purpose, await sealText(secret, purpose, text))).toBe(text)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('SEC-64 does not open with any of its bits changed', async () => {
    const bytes = fromBase64Url(await sealText(secret, 'test', 'a token')) ?? new Uint8Array()
    expect(bytes).toHaveLength(12 + 7 + 16)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = bytes.slice()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(await openText(secret, 'test', toBase64Url(changed))).toBeNull()
    }
  })

  it('SEC-64 does not open cut, extended, or spliced with another', async () => {
    const [first, second] = [await sealText(secret, 'test', 'first'), await sealText(secret, 'test', 'other')]
    for (let length = 0; length < first.length; length++) {
      expect(await openText(secret, 'test', first.slice(0, length))).toBeNull()
      expect(await openText(secret, 'test', first.slice(0, length) + second.slice(length))).toBe(
        length === 0 ? 'other' : null,
      )
    }
    for (const more of ['A', 'AAAA', '=', '\n', ' ']) expect(await openText(secret, 'test', first + more)).toBeNull()
  })

  it('SEC-65 is never the same twice: each has a nonce of its own', async () => {
    const sealed = await Promise.all(Array.from({ length: 1000 }, () => sealText(secret, 'test', 'same')))
    expect(new Set(sealed.map((each) => each.slice(0, 16))).size).toBe(1000)
    expect(new Set(sealed.map((each) => each.slice(16))).size).toBe(1000)
  })

  it('SEC-66 opens for no other secret and no other purpose', async () => {
    const sealed = await sealText(secret, 'one purpose', 'a token')
    for (const [otherSecret, purpose] of [
      [`${secret} `, 'one purpose'],
      ['', 'one purpose'],
      [secret, 'another purpose'],
      [secret, 'one purpose '],
      [secret, ''],
      [`${secret}one `, 'purpose'],
    ] as const) {
      expect(await openText(otherSecret, purpose, sealed)).toBeNull()
    }
  })

  it('SEC-67 is the only form that opens: no plain text, no base64 of one, no other alphabet', async () => {
    const sealed = await sealText(secret, 'test', 'a token')
    for (const text of [
      '',
      'a token',
      toBase64Url(new TextEncoder().encode('a token')),
      Buffer.from(fromBase64Url(sealed) ?? []).toString('base64'),
      Buffer.from(fromBase64Url(sealed) ?? []).toString('hex'),
      `${sealed}==`,
      '__proto__',
      'A'.repeat(100_000),
      '\ud800',
    ]) {
      if (text === sealed) continue
      expect(await openText(secret, 'test', text)).toBeNull()
    }
  })

  it('SEC-67 whatever is given, it opens to nothing and throws nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[\w-]{16,80}$/)), async (text) => {
        expect(await openText(secret, 'test', text)).toBeNull()
      }),
      { numRuns: 200 },
    )
  })

  it('SEC-72 shows nothing of the text', async () => {
    const sealed = await sealText(secret, 'test', 'a very recognisable text')
    expect(Buffer.from(sealed, 'base64url').toString('latin1')).not.toMatch(/recog|very|text/)
  })
})
