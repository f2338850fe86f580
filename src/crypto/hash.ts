import type { Eventually } from '../contract/store.ts'
import { toBase64Url } from './base64url.ts'
import { builtin } from './builtin.ts'

// crypto.hash answers at once and costs a fortieth of WebCrypto's digest, which is the fallback everywhere else.
const native = builtin('crypto')?.hash

/** SHA-256 of a text's UTF-8 bytes, as 43 characters of base64url. */
export const sha256: (text: string) => Eventually<string> = native
  ? (text) => native('sha256', text, 'base64url')
  : async (text) => {
      const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
      return toBase64Url(new Uint8Array(digest))
    }
