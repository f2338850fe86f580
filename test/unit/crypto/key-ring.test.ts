import { afterEach, describe, expect, it, vi } from 'vitest'
import { fromBase64Url, toBase64Url } from '../../../src/crypto/base64url.ts'
import { keyRing } from '../../../src/crypto/key-ring.ts'
import { secureRandom } from '../../../src/crypto/random.ts'

const [oldest, older, newest] = ['a', 'b', 'c'].map((letter) => `${letter}4Uv0-kTz9_Qm2xWc7Lr5Hy8Jn3Bd6Fs1PgE`)
const secrets = (...list: (string | undefined)[]) => list.map((secret) => secret ?? '')
const ring = (list: string[], purpose = 'session', name = 'sid') => keyRing(list, purpose, name, secureRandom)

afterEach(() => {
  vi.restoreAllMocks()
  vi.resetModules()
})

/** All that a change of one bit could hit. */
function* flipped(sealed: string): Generator<string> {
  const bytes = fromBase64Url(sealed) ?? new Uint8Array()
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = bytes.slice()
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    yield toBase64Url(changed)
  }
}

describe('a key ring', () => {
  it('opens what it has sealed, empty and long, in any script', async () => {
    const { seal, open } = ring(secrets(newest))
    for (const text of ['', 'x', 'žluťoučký 漢字 😀 \u0000', 'long '.repeat(10_000)]) {
      expect(await open(await seal(text))).toEqual({ text, aged: false })
    }
  })

  it('SEC-64 no bit of what is sealed can be changed', async () => {
    const { seal, open } = ring(secrets(newest))
    const sealed = await seal('{"user":"ada"}')
    let tried = 0
    for (const changed of flipped(sealed)) {
      expect(await open(changed)).toBeNull()
      tried++
    }
    expect(tried).toBe((1 + 4 + 24 + 14 + 16) * 8)
    for (let length = 0; length < sealed.length; length++) expect(await open(sealed.slice(0, length))).toBeNull()
    expect(await open(`${sealed}AAAA`)).toBeNull()
  })

  it('SEC-65 seals the same text differently each time, with 24 random bytes', async () => {
    const { seal } = ring(secrets(newest))
    const nonces = new Set<string>()
    for (let i = 0; i < 10_000; i++) nonces.add((await seal('x')).slice(0, 38))
    expect(nonces.size).toBe(10_000)
    // Against a broken source: what is drawn is what is used.
    const fixed = keyRing(secrets(newest), 'session', 'sid', (length) => new Uint8Array(length).fill(7))
    expect(await fixed.seal('x')).toBe(await fixed.seal('x'))
    expect(fromBase64Url(await fixed.seal('x'))?.subarray(5, 29)).toEqual(new Uint8Array(24).fill(7))
  })

  it('SEC-66 what is sealed for one purpose and name opens for no other', async () => {
    const places = ['session', 'remember'].flatMap((purpose) => ['sid', 'sid2', 'SID'].map((name) => [purpose, name]))
    for (const [purpose, name] of places) {
      const sealed = await ring(secrets(newest), purpose, name).seal('x')
      for (const [otherPurpose, otherName] of places) {
        const same = purpose === otherPurpose && name === otherName
        const opened = await ring(secrets(newest), otherPurpose, otherName).open(sealed)
        expect(opened, `${purpose} ${name} as ${otherPurpose} ${otherName}`).toEqual(
          same ? { text: 'x', aged: false } : null,
        )
      }
    }
  })

  it('SEC-69 the newest secret seals, all that are listed open, one that is removed does not', async () => {
    const sealed = await ring(secrets(older)).seal('x')
    expect(await ring(secrets(newest, older)).open(sealed)).toEqual({ text: 'x', aged: true })
    expect(await ring(secrets(newest, oldest, older)).open(sealed)).toEqual({ text: 'x', aged: true })
    expect(await ring(secrets(newest)).open(sealed)).toBeNull()
    const again = await ring(secrets(newest, older)).seal('x')
    expect(await ring(secrets(newest)).open(again)).toEqual({ text: 'x', aged: false })
  })

  it('SEC-69 a key id that no key has, whatever it spells, is null without a throw', async () => {
    const { seal, open } = ring(secrets(newest))
    const bytes = fromBase64Url(await seal('x')) ?? new Uint8Array()
    for (const id of ['\0\0\0\0', '__pr', 'cons', '\xff\xff\xff\xff']) {
      const changed = bytes.slice()
      changed.set(Buffer.from(id, 'latin1'), 1)
      expect(await open(toBase64Url(changed))).toBeNull()
    }
    for (const text of ['__proto__', 'constructor', 'toString', '', '.', 'a'.repeat(100_000)]) {
      expect(await open(text)).toBeNull()
    }
  })

  it('SEC-70 another version is refused, even with the right key', async () => {
    const { seal, open } = ring(secrets(newest))
    const bytes = fromBase64Url(await seal('x')) ?? new Uint8Array()
    for (const version of [0, 2, 255]) {
      const changed = bytes.slice()
      changed[0] = version
      expect(await open(toBase64Url(changed))).toBeNull()
    }
  })

  it('is the same on a runtime that has WebCrypto only', async () => {
    const sealed = await ring(secrets(newest)).seal('from here')
    vi.spyOn(process, 'getBuiltinModule').mockImplementation((() => undefined) as never)
    vi.resetModules()
    const portable = await import('../../../src/crypto/key-ring.ts')
    const there = portable.keyRing(secrets(newest, older), 'session', 'sid', secureRandom)
    expect(await there.open(sealed)).toEqual({ text: 'from here', aged: false })
    expect(await ring(secrets(newest)).open(await there.seal('from there'))).toEqual({
      text: 'from there',
      aged: false,
    })
    expect(await there.open(await ring(secrets(older)).seal('x'))).toEqual({ text: 'x', aged: true })
  })
})
