import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type XaesKey, xaesKey } from '../../../src/crypto/xaes.ts'

afterEach(() => {
  vi.restoreAllMocks()
  vi.resetModules()
})

const bytes = (text: string) => new TextEncoder().encode(text)
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex')
const nonce = bytes('ABCDEFGHIJKLMNOPQRSTUVWX')

/** A key as it is on a runtime that has WebCrypto only. */
async function webKey(key: Uint8Array<ArrayBuffer>): Promise<XaesKey> {
  vi.spyOn(process, 'getBuiltinModule').mockImplementation((() => undefined) as never)
  vi.resetModules()
  const made = (await import('../../../src/crypto/xaes.ts')).xaesKey(key)
  expect(made).toBeInstanceOf(Promise)
  return made
}

describe('XAES-256-GCM', () => {
  // The test vectors of its specification (C2SP).
  it.each([
    [1, '', 'ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271'],
    [3, 'c2sp.org/XAES-256-GCM', '986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d'],
  ])('agrees with the specification, key of %i', async (fill, aad, expected) => {
    const key = new Uint8Array(32).fill(fill)
    for (const made of [await xaesKey(key), await webKey(key)]) {
      const sealed = (await made.seal(nonce, bytes('XAES-256-GCM'), bytes(aad))).subarray(24)
      expect(hex(sealed)).toBe(expected)
      expect(hex((await made.open(nonce, sealed, bytes(aad))) ?? bytes('null'))).toBe(hex(bytes('XAES-256-GCM')))
    }
  })

  it('is the same with and without node:crypto, for any text', async () => {
    const key = new Uint8Array(32).map((_, i) => i * 7)
    const [native, web] = [await xaesKey(key), await webKey(key)]
    const arrays = fc.uint8Array({ maxLength: 200 }).map((array) => new Uint8Array(array))
    const nonces = fc.uint8Array({ minLength: 24, maxLength: 24 }).map((array) => new Uint8Array(array))
    await fc.assert(
      fc.asyncProperty(nonces, arrays, arrays, async (n, text, aad) => {
        const head = new Uint8Array([1, 2, ...n])
        const whole = await native.seal(head, text, aad)
        expect(hex(await web.seal(head, text, aad))).toBe(hex(whole))
        expect(hex(whole.subarray(0, 26))).toBe(hex(head))
        const sealed = whole.subarray(26)
        expect(hex((await web.open(n, sealed, aad)) ?? bytes('null'))).toBe(hex(text))
        expect(hex((await native.open(n, sealed, aad)) ?? bytes('null'))).toBe(hex(text))
      }),
    )
  })

  it('both halves of the nonce count', async () => {
    const key = await xaesKey(new Uint8Array(32).fill(1))
    const sealed = (await key.seal(nonce, bytes('text'), bytes(''))).subarray(24)
    for (const at of [0, 11, 12, 23]) {
      const other = nonce.slice()
      other[at] = (other[at] ?? 0) ^ 1
      expect(await key.open(other, sealed, bytes(''))).toBeNull()
    }
  })
})
