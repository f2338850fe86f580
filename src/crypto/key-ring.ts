import type { Eventually } from '../contract/store.ts'
import { andThen } from '../values/eventually.ts'
import { fromBase64Url, toBase64Url } from './base64url.ts'
import { builtin } from './builtin.ts'
import type { RandomSource } from './random.ts'
import { nonceBytes, tagBytes, type XaesKey, xaesKey } from './xaes.ts'

/** Encrypts and authenticates texts for one purpose and one name. */
export interface Sealer {
  /** The sealed text, in base64url. */
  seal(text: string): Eventually<string>
  /** The text, or null if none of the keys has sealed it so. `aged`: an older key than the newest has sealed it. */
  open(sealed: string): Eventually<{ readonly text: string; readonly aged: boolean } | null>
}

/** One secret, ready for use. */
interface RingKey {
  /** Names the key in what it has sealed. */
  readonly id: Uint8Array
  readonly xaes: XaesKey
  /** What is authenticated beside the text: version, id, purpose and name. */
  readonly aad: Uint8Array
}

/** The format: one byte of version, four of the key's id, the nonce, the ciphertext, the tag. */
const version = 1
const idBytes = 4
const headBytes = 1 + idBytes
const leastBytes = headBytes + nonceBytes + tagBytes

const utf8 = new TextEncoder()
const fromUtf8 = new TextDecoder()
const native = builtin('crypto')

/**
 * Seals under the newest of several secrets and opens what any of them has sealed.
 *
 * What is sealed is bound to the format's version, the key, the purpose and the name (a cookie's): it opens for no
 * other. Another version, an unknown key and any change are the same to the caller: null, and nothing else is tried.
 *
 * @param secrets - Newest first, at least one, each of 32 bytes or more.
 */
export function keyRing(secrets: readonly string[], purpose: string, name: string, random: RandomSource): Sealer {
  const ring = allOf(secrets.map((secret) => ringKey(secret, purpose, name)))
  return {
    seal: (text) => andThen(ring, (keys) => seal(keys, random(nonceBytes), text)),
    open(sealed) {
      const bytes = fromBase64Url(sealed)
      if (bytes === null || bytes.length < leastBytes || bytes[0] !== version) return null
      return andThen(ring, (keys) => open(keys, bytes))
    },
  }
}

function seal([newest]: readonly RingKey[], nonce: Uint8Array, text: string): Eventually<string> {
  if (newest === undefined) throw new Error('a key ring needs a key')
  const head = new Uint8Array(headBytes + nonceBytes)
  head[0] = version
  head.set(newest.id, 1)
  head.set(nonce, headBytes)
  return andThen(newest.xaes.seal(head, utf8.encode(text), newest.aad), toBase64Url)
}

function open(keys: readonly RingKey[], bytes: Uint8Array): ReturnType<Sealer['open']> {
  const key = keys.find(({ id }) => id.every((byte, at) => byte === bytes[at + 1]))
  if (key === undefined) return null
  const nonce = bytes.subarray(headBytes, headBytes + nonceBytes)
  const opening = key.xaes.open(nonce, bytes.subarray(headBytes + nonceBytes), key.aad)
  return andThen(opening, (text) => (text === null ? null : { text: fromUtf8.decode(text), aged: key !== keys[0] }))
}

function ringKey(secret: string, purpose: string, name: string): Eventually<RingKey> {
  const info = `coatcheck ${purpose} ${version} XAES-256-GCM`
  return andThen(derived(secret, info, 32), (bytes) =>
    andThen(derived(secret, `${info} id`, idBytes), (id) =>
      andThen(xaesKey(bytes), (xaes) => {
        const bound = utf8.encode(`${purpose}\0${name}`)
        const aad = new Uint8Array([version, ...id, ...bound])
        return { id, xaes, aad }
      }),
    ),
  )
}

/** HKDF-SHA-256 (RFC 5869) without a salt: the secret is long and random. */
function derived(secret: string, info: string, length: number): Eventually<Uint8Array<ArrayBuffer>> {
  const [key, salt, about] = [utf8.encode(secret), new Uint8Array(), utf8.encode(info)]
  if (native !== undefined) return new Uint8Array(native.hkdfSync('sha256', key, salt, about, length))
  return crypto.subtle
    .importKey('raw', key, 'HKDF', false, ['deriveBits'])
    .then((material) =>
      crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info: about }, material, length * 8),
    )
    .then((bits) => new Uint8Array(bits))
}

function allOf<Value>(values: readonly Eventually<Value>[]): Eventually<readonly Value[]> {
  const pending = values.some((value) => value instanceof Promise)
  return pending ? Promise.all(values) : (values as readonly Value[])
}
