/** A one-time message on its way to a later request. */
export interface FlashMessage {
  readonly value: unknown
  /** Tells this message from a later one under the same key. */
  readonly stamp: string
}

/** What is left under a retired key: where the session went, never a usable token. */
export interface Retired {
  /** Epoch ms of the retirement. */
  readonly at: number
  /** The successor's key; absent when the session ended. */
  readonly next?: string
  /** The successor's token, sealed under a key derived from the retired token. Only after an automatic rotation. */
  readonly sealedNext?: string
}

/**
 * Everything of a session that is written as one text.
 *
 * `data` and `flash` are plain objects whose keys may be anything, `__proto__` included: read them with
 * `Object.hasOwn`, write that one key with `Object.defineProperty`.
 */
export interface Envelope {
  /** Epoch ms. */
  createdAt: number
  /** Epoch ms at which the present token was issued, if it is not the first. */
  rotatedAt?: number
  /** Epoch ms of the last sign-in. */
  authenticatedAt?: number
  userId?: string
  /** The client that signed in, from its User-Agent. */
  device?: string
  /** The application's version of the shape of `data` (`migrate.version`). */
  dataVersion?: number
  data: Record<string, unknown>
  flash?: Record<string, FlashMessage>
  retired?: Retired
}

/** Envelope to text and back. */
export interface Codec {
  /** Throws a `SessionError` with the code `VALUE_INVALID`, naming the path, for a value it cannot write. */
  encode(envelope: Envelope): string
  /** Null for a text that is corrupt, foreign or of an unknown format version. Never throws for any text. */
  decode(text: string): Envelope | null
}
