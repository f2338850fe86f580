import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyRing } from '../../../../src/crypto/key-ring.ts'
import { secureRandom } from '../../../../src/crypto/random.ts'
import { openToken, sealToken, type TokenContent } from '../../../../src/stores/sealed-cookie/token-text.ts'

const [newer, older] = ['the newer secret of 32 random bytes at least', 'the older secret of 32 random bytes at least']
const ring = (...secrets: string[]) => keyRing(secrets, 'sealed-session', 'sid', secureRandom)
const sealer = ring(newer)

const key = 'k'.repeat(43)
const content = (more: Partial<TokenContent['record']> = {}, epoch = ''): TokenContent => ({
  key,
  epoch,
  record: { payload: '{"v":1}\n{}', version: 1, expiresAt: 1_900_000_000_000, ...more },
})

describe('a sealed token', () => {
  it('brings back what it was made of', async () => {
    // The seal is made of UTF-8, in which half of a character is another sign; the codecs write JSON, which escapes it.
    const payload = fc.string({ unit: 'binary', maxLength: 300 }).filter((text) => !/\p{Cs}/u.test(text))
    await fc.assert(
      fc.asyncProperty(
        fc.stringMatching(/^[\w-]{16,128}$/),
        fc.stringMatching(/^[\w-]{0,20}$/),
        payload,
        fc.integer({ min: 1, max: 1e9 }),
        fc.integer({ min: 1, max: 8.64e15 }),
        async (...[name, epoch, text, version, expiresAt]) => {
          const given = { key: name, epoch, record: { payload: text, version, expiresAt } }
          const token = await sealToken(sealer, given)
          expect(token).toMatch(/^[\w-]+$/)
          expect(await openToken(sealer, token)).toEqual({ ...given, aged: false })
        },
      ),
      { numRuns: 50 },
    )
  })

  it('hides what is in it, and is another one each time', async () => {
    const token = await sealToken(sealer, content({ payload: 'hunter2' }))
    expect(token).not.toContain('hunter2')
    expect(Buffer.from(token, 'base64url').toString('latin1')).not.toContain('hunter2')
    expect(await sealToken(sealer, content({ payload: 'hunter2' }))).not.toBe(token)
  })

  it('tells of its length only in steps', async () => {
    const lengths = new Set<number>()
    for (let length = 0; length < 256; length++) {
      lengths.add((await sealToken(sealer, content({ payload: 'x'.repeat(length) }))).length)
    }
    expect(lengths.size).toBeLessThanOrEqual(5)
  })

  it('a payload that ends with blanks keeps them', async () => {
    const opened = await openToken(sealer, await sealToken(sealer, content({ payload: 'x   ' })))
    expect(opened?.record.payload).toBe('x   ')
  })

  it('a deadline with a fraction is one of whole milliseconds', async () => {
    const opened = await openToken(sealer, await sealToken(sealer, content({ expiresAt: 1_900_000_000_000.9 })))
    expect(opened?.record.expiresAt).toBe(1_900_000_000_000)
  })

  it('of an older secret is opened and said to be aged; of none of them, of another cookie or changed it is nothing', async () => {
    const token = await sealToken(ring(older), content())
    expect((await openToken(ring(newer, older), token))?.aged).toBe(true)
    expect(await openToken(ring(newer), token)).toBeNull()
    const other = keyRing([older], 'sealed-session', 'other', secureRandom)
    expect(await openToken(other, token)).toBeNull()
    for (const at of [0, 1, 10, token.length - 1]) {
      const flipped = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
      expect(await openToken(ring(older), flipped)).toBeNull()
    }
  })

  it.each(['', 'x', '-'.repeat(200), '=', ' ', '\n', '{}'])('%j is none', async (text) => {
    expect(await openToken(sealer, text)).toBeNull()
  })

  it.each([
    ['no head', 'x'],
    ['no line break', `${key}  1 2 3`],
    ['a short key', `${'k'.repeat(15)}  1 2 0\n`],
    ['a version that is no number', `${key}  x 2 0\n`],
    ['a negative deadline', `${key}  1 -2 0\n`],
    ['an epoch of other signs', `${key} \0 1 2 0\n`],
    ['a length that is no number', `${key}  1 2 x\n`],
    ['something before it', `\n${key}  1 2 0\n`],
  ])('a text of the same secret with %s is none either', async (_, text) => {
    expect(await openToken(sealer, await sealer.seal(text))).toBeNull()
  })

  it('another text of the same secrets is none: the purpose is part of the seal', async () => {
    const other = keyRing([newer], 'sealed-successor', 'sid', secureRandom)
    expect(await openToken(sealer, await sealToken(other, content()))).toBeNull()
  })
})
