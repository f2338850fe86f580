import type { Eventually } from '../contract/store.ts'
import { toBase64Url } from '../crypto/base64url.ts'
import { sha256 } from '../crypto/hash.ts'
import { keyHash } from '../crypto/keys.ts'
import type { RandomSource } from '../crypto/random.ts'
import { SessionError } from '../errors.ts'
import { andThen } from '../values/eventually.ts'

/** How tokens are made. */
export interface IdOptions {
  /** Random bytes per token, 16 to 128. Default 32. OWASP ASVS 5.0, 7.2.3 asks for 16 at least. */
  readonly bytes?: number
  /** Text before the random part, at most 32 characters of `A-Z a-z 0-9 - _`. Default none. */
  readonly prefix?: string
  /**
   * Makes the whole token: 22 to 256 characters of `A-Z a-z 0-9 - _`, at least 128 bits of them unpredictable. It is
   * tried twice at construction. `bytes` and `prefix` do not apply to it.
   */
  readonly generate?: () => string
}

export interface Tokens {
  /** A new token. Throws `ID_INVALID` if the generator returned something that cannot be one. */
  draw(): string
  /** Whether a text could have been issued: alphabet, exact length, prefix. No store call is made for others. */
  wellFormed(text: string): boolean
  /** How many secrets are listed, one at least: a token may be stored under the hash of each. */
  readonly secrets: number
  /** Whether `keyOf` answers without a promise here. */
  readonly immediate: boolean
  /** The store's key for a token, by the newest secret (0) or an older one. */
  keyOf(token: string, secretIndex: number): Eventually<string>
}

const alphabet = /^[\w-]+$/
const leastCustom = 22
const mostCustom = 256

/** Throws `CONFIG_INVALID` or `ID_INVALID` for options that could not make sound tokens. */
export function createTokens(
  options: IdOptions,
  name: string,
  secrets: readonly string[],
  random: RandomSource,
): Tokens {
  const { bytes = 32, prefix = '', generate } = options
  if (!Number.isInteger(bytes) || bytes < 16 || bytes > 128) {
    throw new SessionError('CONFIG_INVALID', 'id.bytes must be a whole number from 16 (128 bits) to 128.')
  }
  if (typeof prefix !== 'string' || (prefix !== '' && !(alphabet.test(prefix) && prefix.length <= 32))) {
    throw new SessionError('CONFIG_INVALID', 'id.prefix must be at most 32 characters of A-Z a-z 0-9 - _.')
  }
  const length = prefix.length + Math.ceil((bytes * 4) / 3)
  const wellFormed = generate
    ? (text: string) => text.length >= leastCustom && text.length <= mostCustom && alphabet.test(text)
    : (text: string) => text.length === length && text.startsWith(prefix) && alphabet.test(text)

  const draw = () => {
    const token: unknown = generate ? generate() : prefix + toBase64Url(randomBytes(random, bytes))
    if (typeof token === 'string' && wellFormed(token)) return token
    throw new SessionError(
      'ID_INVALID',
      `id.generate must return ${leastCustom} to ${mostCustom} characters of A-Z a-z 0-9 - _ (it returned ${
        typeof token === 'string' ? `${token.length} characters` : typeof token
      }).`,
    )
  }
  if (generate && new Set([draw(), draw()]).size === 1) {
    throw new SessionError('ID_INVALID', 'id.generate returned the same token twice: it must be unpredictable.')
  }
  const hashes = secrets.length === 0 ? [keyHash(name, null)] : secrets.map((secret) => keyHash(name, secret))
  return {
    draw,
    wellFormed,
    secrets: hashes.length,
    immediate: typeof sha256('') === 'string',
    keyOf(token, secretIndex) {
      const hash = hashes[secretIndex]
      if (hash === undefined) throw new RangeError('no such secret')
      return hash(token)
    },
  }
}

export function randomBytes(random: RandomSource, length: number): Uint8Array {
  const bytes: unknown = random(length)
  if (bytes instanceof Uint8Array && bytes.length === length) return bytes
  throw new SessionError('ID_INVALID', `random must return a Uint8Array of the ${length} bytes asked for.`)
}

/** A token and the key that it will be stored under. */
export function drawDraft(tokens: Tokens): Eventually<{ readonly token: string; readonly key: string }> {
  const token = tokens.draw()
  return andThen(tokens.keyOf(token, 0), (key) => ({ token, key }))
}

const rootBytes = 16

/** Draws what names a session for as long as it lives. */
export function drawRoot(random: RandomSource): string {
  return toBase64Url(randomBytes(random, rootBytes))
}

/** The length of what `drawRoot` returns. */
export const rootLength = 22

/** How many characters of the key are the public handle: 96 bits, so no two sessions share one. */
export const idLength = 16

/** The public handle of a session: the beginning of its key. */
export function idOf(key: string): string {
  return key.slice(0, idLength)
}
