import { builtin } from './builtin.ts'

// Native conversion takes a tenth of the time for a kilobyte, which a sealed cookie easily has.
const native = builtin('buffer')?.Buffer

/** Bytes as base64url without padding (RFC 4648 section 5). */
export const toBase64Url: (bytes: Uint8Array) => string = native
  ? (bytes) => native.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
  : (bytes) => {
      let binary = ''
      for (const byte of bytes) binary += String.fromCharCode(byte)
      return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
    }

/** The bytes of a base64url text, or null if it is not one in canonical form. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return null
  const bytes = native ? new Uint8Array(native.from(text, 'base64url')) : decoded(text)
  return toBase64Url(bytes) === text ? bytes : null
}

function decoded(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}
