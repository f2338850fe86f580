import type { Eventually } from '../contract/store.ts'
import { SessionError } from '../errors.ts'
import { sha256 } from './hash.ts'

const leastBytes = 32
const leastDistinct = 8
const placeholder = /change.?me|replace.?(me|this|with)|keyboard cat|your.?secret|example|placeholder|password/i

/**
 * The secrets of an option, newest first; none if it is absent.
 *
 * Throws `CONFIG_INVALID` for one that is shorter than 32 bytes, has fewer than 8 different characters or reads like a
 * placeholder (OWASP ASVS 5.0, 11.2.3). The message never repeats it.
 */
export function parseSecrets(secret: string | readonly string[] | undefined): readonly string[] {
  if (secret === undefined) return []
  const secrets = typeof secret === 'string' ? [secret] : secret
  if (!Array.isArray(secrets) || secrets.length === 0) {
    throw new SessionError('CONFIG_INVALID', 'secret must be a string or a list of strings, the newest first.')
  }
  secrets.forEach((each, index) => {
    const fault = faultOf(each)
    if (fault !== null) {
      const which = typeof secret === 'string' ? 'secret' : `secret[${index}]`
      throw new SessionError(
        'CONFIG_INVALID',
        `${which} ${fault}: use 32 random bytes, such as the output of "openssl rand -base64 32".`,
      )
    }
  })
  if (new Set(secrets).size !== secrets.length)
    throw new SessionError('CONFIG_INVALID', 'secret lists the same secret twice: list each once, the newest first.')
  return [...secrets]
}

function faultOf(secret: unknown): string | null {
  if (typeof secret !== 'string') return 'is not a string'
  if (new TextEncoder().encode(secret).length < leastBytes) return `has fewer than ${leastBytes} bytes`
  if (new Set(secret).size < leastDistinct) return `has fewer than ${leastDistinct} different characters`
  if (placeholder.test(secret)) return 'reads like a placeholder'
  return null
}

/**
 * Makes the function that turns a token into the store's key: SHA-256 over the key material, the cookie's name and the
 * token, as 43 characters of base64url.
 *
 * The material fills exactly one block of SHA-256 and the token is preceded by its length, so no message is a prefix of
 * another: such a keyed cascade is a pseudo-random function (Bellare, Canetti, Krawczyk, FOCS 1996), at a quarter of
 * HMAC's cost. Without a secret the hash is plain, which is sound for a 256-bit random token.
 */
export function keyHash(name: string, secret: string | null): (token: string) => Eventually<string> {
  if (secret === null) return (token) => sha256(`${name}\0${token.length}:${token}`)
  const purpose = 'coatcheck id-hash 1\0'
  const halves = [sha256(`${purpose}a${secret}`), sha256(`${purpose}b${secret}`)] as const
  const [first, second] = halves
  if (typeof first === 'string' && typeof second === 'string') {
    const block = oneBlock(first, second)
    return (token) => sha256(`${block}${name}\0${token.length}:${token}`)
  }
  const pending = Promise.all(halves).then(([a, b]) => oneBlock(a, b))
  return async (token) => sha256(`${await pending}${name}\0${token.length}:${token}`)
}

function oneBlock(first: string, second: string): string {
  return (first + second).slice(0, 64)
}
