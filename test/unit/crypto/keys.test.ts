import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyHash, parseSecrets } from '../../../src/crypto/keys.ts'

const good = 'Zm9yIHRlc3RzIG9ubHk6IDMyIHJhbmRvbSBieXRlcw'
const other = 'b3RoZXIgdGV4dCBmb3IgdGVzdHMgb25seSwgMzIgYnl0ZXM'

describe('parseSecrets', () => {
  it('makes a list, newest first, of one secret, several, or none', () => {
    expect(parseSecrets(undefined)).toEqual([])
    expect(parseSecrets(good)).toEqual([good])
    const given = [good, other]
    const parsed = parseSecrets(given)
    expect(parsed).toEqual([good, other])
    given.push('changed afterwards')
    expect(parsed).toHaveLength(2)
  })

  it.each<[string, unknown]>([
    ['nothing', ''],
    ['one character', 'a'],
    ['31 bytes', good.slice(0, 31)],
    ['32 spaces', ' '.repeat(32)],
    ['32 equal letters', 'a'.repeat(64)],
    ['seven different letters', 'abcdefg'.repeat(10)],
    ['keyboard cat', 'keyboard cat keyboard cat keyboard cat'],
    ['change me', 'please-change-me-0123456789-abcdefghij'],
    ['changeme', 'changeme0123456789abcdefghijklmnopqr'],
    ['replace this', 'replace this with something random, 32'],
    ['your secret', 'YOUR-SECRET-0123456789-abcdefghijklmno'],
    ['a password', 'my password is very long and has 32 letters'],
    ['an example', 'example-0123456789-abcdefghijklmnopqrs'],
    ['null', null],
    ['a number', 42],
    ['true', true],
    ['an object', { secret: good }],
    ['bytes', new Uint8Array(32)],
    ['an empty list', []],
    ['a list with a short one', [good, 'short']],
    ['a list with a hole', [good, undefined]],
    ['a list with a list', [[good]]],
    ['a list with the same twice', [good, good]],
  ])('SEC-68 refuses %s with what to do, and never repeats it', (_, secret) => {
    let error: unknown
    try {
      parseSecrets(secret as string)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(/^secret/) })
    const { message } = error as Error
    for (const each of [secret].flat()) {
      if (typeof each === 'string' && each.trim().length > 1) expect(message).not.toContain(each)
    }
  })

  it('SEC-68 says which one of a list it is', () => {
    expect(() => parseSecrets([good, other, 'short'])).toThrow(/^secret\[2\] has fewer than 32 bytes/)
    expect(() => parseSecrets('short')).toThrow(/^secret has fewer than 32 bytes.*openssl rand -base64 32/)
  })

  it('SEC-68 counts bytes, not characters', () => {
    expect(parseSecrets('€äöüß@ł§ħŧ→↓🔑🔒')).toHaveLength(1)
    expect(() => parseSecrets('€äöüß@ł§ħŧ→↓🔑')).toThrow('fewer than 32 bytes')
  })
})

describe('keyHash', () => {
  const sha = (text: string) => createHash('sha256').update(text).digest('base64url')

  it('is a plain hash of name and token without a secret, and a keyed one with it (decisions/001)', async () => {
    expect(await keyHash('sid', null)('token')).toBe(sha('sid\x005:token'))
    const block = (sha(`coatcheck id-hash 1\0a${good}`) + sha(`coatcheck id-hash 1\0b${good}`)).slice(0, 64)
    expect(await keyHash('sid', good)('token')).toBe(sha(`${block}sid\x005:token`))
    // It fills one block of SHA-256, which makes it a secret initial state.
    expect(Buffer.byteLength(block)).toBe(64)
  })

  it('SEC-08 SEC-63 differs with the secret, the name and the token; no parts run into each other', async () => {
    const part = fc.stringMatching(/^[\w-]{1,6}$/)
    await fc.assert(
      fc.asyncProperty(part, part, part, part, async (name, token, otherName, otherToken) => {
        const same = name === otherName && token === otherToken
        for (const secret of [null, good]) {
          const [a, b] = [await keyHash(name, secret)(token), await keyHash(otherName, secret)(otherToken)]
          expect(a === b).toBe(same)
          expect(a).toMatch(/^[\w-]{43}$/)
        }
        const keys = [null, good, other].map((secret) => keyHash(name, secret)(token))
        expect(new Set(await Promise.all(keys)).size).toBe(3)
      }),
    )
  })

  it('SEC-08 a token that continues another has nothing to do with it', async () => {
    const hash = keyHash('sid', good)
    const keys = await Promise.all(['a', 'aa', '1:a', '1:aa', 'sid\x001:a'].map((token) => hash(token)))
    expect(new Set(keys).size).toBe(5)
  })
})
