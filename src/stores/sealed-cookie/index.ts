import type { SealedStore, Store } from '../../contract/store.ts'
import type { SelfPersisting } from '../../core/self-persisting.ts'
import { SessionError } from '../../errors.ts'
import { sealedPersistence } from './persistence.ts'

export interface SealedCookieOptions {
  /**
   * A store on the server in which ended sessions are remembered, so that a copied cookie is dead after `logout`,
   * `regenerate` and `revokeAll`. Costs one read per request, two when signed in, one more while the cookie is older than
   * `renewAfter`. Default: none.
   */
  readonly revocation?: Store
}

/**
 * Sessions in the cookie itself, encrypted and authenticated: no server, no store.
 *
 * `createSessions` then needs a `secret`, which seals the cookie (XAES-256-GCM), bound to its name. What the cookie
 * cannot hold throws `COOKIE_TOO_LARGE` at the commit; nothing is compressed, for the length would tell what is inside.
 *
 * Of overlapping requests that change the session the last answer wins. Without `revocation` a copied cookie lives until
 * its deadlines, also after `logout`. `list`, `count`, `find`, `revoke`, `users.list`,
 * `users.revoke` and `flash.take` throw `UNSUPPORTED`.
 */
export function sealedCookie({ revocation }: SealedCookieOptions = {}): SealedStore {
  const store: SelfPersisting = {
    name: 'sealed-cookie',
    sealed: true,
    revocation: revocation ?? nowhere,
    persistence: (engine) => sealedPersistence(engine, { name: 'sealed-cookie', revocable: revocation !== undefined }),
  }
  return store
}

function refuse(): never {
  throw new SessionError('UNSUPPORTED', 'sealedCookie keeps nothing on the server: give it a "revocation" store.')
}

const nowhere: Store = {
  name: 'sealed-cookie',
  read: () => null,
  create: refuse,
  replace: refuse,
  touch: refuse,
  delete: refuse,
}
