import { fromBase64Url, toBase64Url } from './base64url.ts'

const nonceBytes = 12

/**
 * Encrypts and authenticates a text under a high-entropy secret: AES-256-GCM with a random 96-bit nonce.
 *
 * The key is derived with HKDF-SHA-256, `purpose` being its info: a text sealed for one purpose opens for no other.
 */
export async function sealText(secret: string, purpose: string, text: string): Promise<string> {
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes))
  const key = await sealingKey(secret, purpose)
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce }, key, new TextEncoder().encode(text))
  const bytes = new Uint8Array(nonceBytes + sealed.byteLength)
  bytes.set(nonce)
  bytes.set(new Uint8Array(sealed), nonceBytes)
  return toBase64Url(bytes)
}

/** The text that was sealed, or null if it was sealed under another secret or purpose, or changed since. */
export async function openText(secret: string, purpose: string, sealed: string): Promise<string | null> {
  const bytes = fromBase64Url(sealed)
  if (bytes === null || bytes.length < nonceBytes) return null
  const key = await sealingKey(secret, purpose)
  const nonce = bytes.subarray(0, nonceBytes)
  return crypto.subtle.decrypt({ name: 'AES-GCM', iv: nonce }, key, bytes.subarray(nonceBytes)).then(
    (text) => new TextDecoder().decode(text),
    () => null,
  )
}

async function sealingKey(secret: string, purpose: string): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey('raw', new TextEncoder().encode(secret), 'HKDF', false, ['deriveKey'])
  const derivation = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: new TextEncoder().encode(purpose) }
  return crypto.subtle.deriveKey(derivation, material, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
}
