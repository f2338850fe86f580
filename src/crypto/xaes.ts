import type { Eventually } from '../contract/store.ts'
import { builtin } from './builtin.ts'

/** A 256-bit key for XAES-256-GCM. */
export interface XaesKey {
  /** `head`, which ends with a nonce of 24 random bytes, then the ciphertext and the tag. */
  seal(head: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Eventually<Uint8Array>
  /** The plaintext, or null if anything was changed. */
  open(nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Eventually<Uint8Array | null>
}

/** Bytes of a nonce and of a tag. */
export const nonceBytes = 24
export const tagBytes = 16

const native = builtin('crypto')
const block = 16

/**
 * XAES-256-GCM (C2SP): AES-256-GCM with a nonce of 192 bits, under a key derived from the first half of it.
 *
 * Random nonces of plain AES-GCM end after 2^32 messages of a key (NIST SP 800-38D, 8.3), weeks on a busy site; these
 * are safe for 2^80. Deriving the key costs one AES block more than GCM alone.
 */
export function xaesKey(key: Uint8Array<ArrayBuffer>): Eventually<XaesKey> {
  return native === undefined ? webKey(key) : nativeKey(key, native)
}

function nativeKey(key: Uint8Array, node: NonNullable<typeof native>): XaesKey {
  const encrypt = (blocks: Uint8Array) => node.createCipheriv('aes-256-ecb', key, null).update(blocks)
  const subkey = doubled(encrypt(new Uint8Array(block)))
  return {
    seal(head, plaintext, aad) {
      const nonce = nonceOf(head)
      const cipher = node.createCipheriv('aes-256-gcm', encrypt(derivation(nonce, subkey)), nonce.subarray(12))
      cipher.setAAD(aad)
      const text = cipher.update(plaintext)
      cipher.final()
      return joined(head, text, cipher.getAuthTag())
    },
    open(nonce, sealed, aad) {
      const decipher = node.createDecipheriv('aes-256-gcm', encrypt(derivation(nonce, subkey)), nonce.subarray(12))
      decipher.setAAD(aad)
      decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes))
      const text = decipher.update(sealed.subarray(0, sealed.length - tagBytes))
      try {
        decipher.final()
      } catch {
        return null
      }
      return text
    },
  }
}

async function webKey(key: Uint8Array<ArrayBuffer>): Promise<XaesKey> {
  // WebCrypto has no bare block cipher: the first block of CBC without an IV is one.
  const master = await crypto.subtle.importKey('raw', key, 'AES-CBC', false, ['encrypt'])
  const encrypt = async (one: Uint8Array<ArrayBuffer>): Promise<Uint8Array> => {
    const encrypted = await crypto.subtle.encrypt({ name: 'AES-CBC', iv: new Uint8Array(block) }, master, one)
    return new Uint8Array(encrypted, 0, block)
  }
  const subkey = doubled(await encrypt(new Uint8Array(block)))
  const derive = async (nonce: Uint8Array): Promise<CryptoKey> => {
    const blocks = derivation(nonce, subkey)
    const halves = await Promise.all([encrypt(blocks.slice(0, block)), encrypt(blocks.slice(block))])
    return crypto.subtle.importKey('raw', joined(...halves), 'AES-GCM', false, ['encrypt', 'decrypt'])
  }
  const gcm = (nonce: Uint8Array, aad: Uint8Array) => ({
    name: 'AES-GCM',
    iv: nonce.slice(12),
    additionalData: new Uint8Array(aad),
  })
  return {
    async seal(head, plaintext, aad) {
      const nonce = nonceOf(head)
      const sealed = await crypto.subtle.encrypt(gcm(nonce, aad), await derive(nonce), new Uint8Array(plaintext))
      return joined(head, new Uint8Array(sealed))
    },
    async open(nonce, sealed, aad) {
      const opening = crypto.subtle.decrypt(gcm(nonce, aad), await derive(nonce), new Uint8Array(sealed))
      return opening.then(
        (text) => new Uint8Array(text),
        () => null,
      )
    },
  }
}

/** The two blocks whose encryption is the message's key: CMAC as the KDF of NIST SP 800-108. */
function derivation(nonce: Uint8Array, subkey: Uint8Array): Uint8Array<ArrayBuffer> {
  const blocks = new Uint8Array(2 * block)
  for (let counter = 1; counter <= 2; counter++) {
    const at = (counter - 1) * block
    blocks[at + 1] = counter
    blocks[at + 2] = 0x58
    blocks.set(nonce.subarray(0, 12), at + 4)
    for (let i = 0; i < block; i++) blocks[at + i] = (blocks[at + i] ?? 0) ^ (subkey[i] ?? 0)
  }
  return blocks
}

/** Multiplication by x in GF(2^128), as CMAC makes its subkey (NIST SP 800-38B, 6.1). */
function doubled(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(block)
  for (let i = 0; i < block; i++) result[i] = ((bytes[i] ?? 0) << 1) | ((bytes[i + 1] ?? 0) >> 7)
  if ((bytes[0] ?? 0) & 0x80) result[block - 1] = (result[block - 1] ?? 0) ^ 0x87
  return result
}

function nonceOf(head: Uint8Array): Uint8Array {
  return head.subarray(head.length - nonceBytes)
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
