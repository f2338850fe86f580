import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTokens, drawDraft, drawRoot, idLength, idOf, rootLength } from '../../../src/core/token.ts'
import { type RandomSource, secureRandom } from '../../../src/crypto/random.ts'

describe('tokens', () => {
  it.each([
    [16, 22],
    [17, 23],
    [18, 24],
    [31, 42],
    [32, 43],
    [33, 44],
    [128, 171],
  ])('B7 D8 of %i bytes have %i characters, and only such are well-formed', (bytes, length) => {
    for (const prefix of ['', 'v1_', 'p'.repeat(32)]) {
      const { draw, wellFormed } = createTokens({ bytes, prefix }, 'sid', [], secureRandom)
      const token = draw()
      expect(token).toHaveLength(prefix.length + length)
      expect(token.startsWith(prefix)).toBe(true)
      expect(wellFormed(token)).toBe(true)
      expect([wellFormed(token.slice(1)), wellFormed(`${token}A`), wellFormed(`A${token.slice(1)}`)]).toEqual([
        false,
        false,
        prefix === '' || prefix.startsWith('A'),
      ])
    }
  })

  it('SEC-06 well-formed is what could have been issued: no other text of any length', () => {
    const { wellFormed } = createTokens({}, 'sid', [], secureRandom)
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ minLength: 43, maxLength: 43 })), (text) => {
        expect(wellFormed(text)).toBe(/^[A-Za-z0-9_-]{43}$/.test(text) && !text.includes('\n'))
      }),
    )
    expect(wellFormed(`${'A'.repeat(42)}\n`)).toBe(false)
    expect(wellFormed(`${'A'.repeat(43)}\n`)).toBe(false)
  })

  it('of a generator have 22 to 256 characters', () => {
    let token = ''
    const generate = () => token || crypto.randomUUID()
    const { draw, wellFormed } = createTokens({ generate }, 'sid', [], secureRandom)
    for (const [length, fine] of [
      [21, false],
      [22, true],
      [256, true],
      [257, false],
    ] as const) {
      token = 'A'.repeat(length)
      expect(wellFormed(token)).toBe(fine)
      if (fine) expect(draw()).toBe(token)
      else expect(draw).toThrow(expect.objectContaining({ code: 'ID_INVALID' }))
    }
  })

  it('X3 the key is a hash by the newest secret, and by each older one for what was stored before', async () => {
    const secrets = ['the newest secret of 32 random bytes', 'an older secret of 32 random bytes..']
    const both = createTokens({}, 'sid', secrets, secureRandom)
    const old = createTokens({}, 'sid', secrets.slice(1), secureRandom)
    const none = createTokens({}, 'sid', [], secureRandom)
    const other = createTokens({}, 'other', secrets, secureRandom)
    const token = both.draw()
    expect([both.secrets, old.secrets, none.secrets]).toEqual([2, 1, 1])
    expect(await both.keyOf(token, 1)).toBe(await old.keyOf(token, 0))
    const keys = [both.keyOf(token, 0), both.keyOf(token, 1), none.keyOf(token, 0), other.keyOf(token, 0)]
    expect(new Set(await Promise.all(keys)).size).toBe(4)
    expect(() => both.keyOf(token, 2)).toThrow(RangeError)
  })

  it('the public handle is 96 bits of the key', () => {
    const key = 'abcdefghijklmnopqrstuvwxyz'
    expect([idOf(key), idLength]).toEqual(['abcdefghijklmnop', 16])
  })

  it('a draft is a token and the key that the newest secret makes of it', async () => {
    const tokens = createTokens({}, 'sid', ['the newest secret of 32 random bytes'], secureRandom)
    const { token, key } = await drawDraft(tokens)
    expect(tokens.wellFormed(token)).toBe(true)
    expect(key).toBe(await tokens.keyOf(token, 0))
    expect((await drawDraft(tokens)).token).not.toBe(token)
  })

  it('a root is 128 bits of its own, which no id and no token is', () => {
    const drawn = Array.from({ length: 100 }, () => drawRoot(secureRandom))
    expect(new Set(drawn).size).toBe(100)
    for (const root of drawn) expect(root).toMatch(/^[\w-]{22}$/)
    // A handle's length tells what it is.
    expect([rootLength, idLength]).toEqual([22, 16])
    expect(createTokens({}, 'sid', [], secureRandom).wellFormed(drawn[0] ?? '')).toBe(false)
  })

  it.each([
    ['an array', () => [1, 2, 3]],
    ['fewer bytes', (length: number) => new Uint8Array(length - 1)],
    ['more bytes', (length: number) => new Uint8Array(length + 1)],
    ['nothing', () => undefined],
  ])('SEC-08 a source of randomness that returns %s is refused', (_, random) => {
    const invalid = expect.objectContaining({ code: 'ID_INVALID' })
    expect(() => createTokens({}, 'sid', [], random as RandomSource).draw()).toThrow(invalid)
    expect(() => drawRoot(random as RandomSource)).toThrow(invalid)
  })
})
