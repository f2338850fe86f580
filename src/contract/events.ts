/** What every event has. None ever carries a token, a key or session data. */
export interface EventFacts {
  /** Epoch ms. */
  readonly at: number
  /** The session's id, where one is known. It changes with the token. */
  readonly id?: string
  /** The session's root, where it is known: the same for as long as the session lives. */
  readonly root?: string
  readonly userId?: string
}

/** How a session came to its end. */
export interface DestroyedFacts extends EventFacts {
  /** `destroy` and `logout` are the session's own verbs, `revoke` and `revoke-all` those of `sessions` and `sessions.users`. */
  readonly reason: 'destroy' | 'logout' | 'revoke' | 'revoke-all'
  /** Who ended it: the owner of a session that ended itself, or what `revoke` was given as `by`. */
  readonly by?: string
}

/** Why a presented token, or the record behind it, was not accepted. */
export type InvalidReason =
  /** Not the alphabet or length that is issued. No store call was made. */
  | 'malformed'
  /** Well-formed, but the store has nothing live under it: never issued, expired or ended. */
  | 'unknown'
  /** Its session has moved to a new token. */
  | 'retired'
  /** The record cannot be decoded. */
  | 'corrupt'
  /** The record was written by a newer version of the application. */
  | 'newer-version'
  /** The data does not fit the schema. */
  | 'schema'

/** The events and what their listeners get. */
export interface SessionEvents {
  /** A first record was written. */
  created: EventFacts
  /** The session moved to a new token (`regenerate`, `login`, `rotateEvery`); `previousId` is the id it had. */
  rotated: EventFacts & { readonly previousId: string; readonly automatic: boolean }
  /** The session was ended for good. */
  destroyed: DestroyedFacts
  /**
   * The record was still there, but its absolute deadline had passed: `absoluteTimeout` was shortened. Of a sealed cookie: any
   * deadline.
   */
  expired: EventFacts
  /** A token was presented and not accepted; the visitor is anonymous. */
  invalid: EventFacts & { readonly reason: InvalidReason }
  /** Two different live sessions were presented at once; the visitor is anonymous. */
  'token-conflict': EventFacts & { readonly candidates: number }
  /** A retired token came back after its grace; `id` and `root` are of the session that it once belonged to. */
  'token-reuse': EventFacts
  /** Changes were dropped because another request had ended or moved the session. */
  gone: EventFacts
  /** A commit met a concurrent write and replayed its changes; `attempts` counts the tries so far. */
  conflict: EventFacts & { readonly attempts: number }
  /** A limit refused something. */
  limit: EventFacts & { readonly limit: 'recordBytes' | 'keys' | 'create' | 'cookie' }
  /** A store call failed or ran out of time. */
  'store-error': EventFacts & { readonly operation: string; readonly error: unknown }
  /** A `Secure` cookie was set on a connection that is not TLS, where browsers drop it. */
  'insecure-transport': EventFacts
  /** A sweep ended; `removed` counts the records. */
  swept: EventFacts & { readonly removed: number; readonly durationMs: number }
}

export type SessionEventName = keyof SessionEvents

/** Called synchronously; what it throws is reported on the console and breaks nothing. */
export type SessionListener<Name extends SessionEventName> = (
  event: SessionEvents[Name] & { readonly type: Name },
) => void
