import type { SealedStore, Store } from '../../contract/store.ts'
import { SessionError } from '../../errors.ts'

export interface SealedCookieOptions {
  /**
   * A store on the server in which ended sessions are remembered, so that a copied cookie is dead after `logout`,
   * `regenerate` and `revokeAll`. Costs one read per request, two when signed in. Default: none.
   */
  readonly revocation?: Store
}

/** Texts are padded to a multiple of so many characters, so that the cookie's length tells little. */
const paddingStep = 64
// The header ends at the first line break: key, generation, version, deadline and the payload's length.
const frame = /^([\w-]{16,128}) ([\w-]*) (\d{1,15}) (\d{1,16}) (\d{1,7})\n/

/**
 * Sessions in the cookie itself, encrypted and authenticated: no server, no store.
 *
 * `createSessions` then needs a `secret`, which seals the cookie (XAES-256-GCM), bound to its name. What the cookie
 * cannot hold throws `COOKIE_TOO_LARGE` at the commit; nothing is compressed, for the length would tell what is inside.
 *
 * Of overlapping requests that change the session the last answer wins. Without `revocation` a copied cookie lives until
 * its deadlines, also after `logout`. `list`, `count`, `find` and `flash.take` throw `UNSUPPORTED`.
 */
export function sealedCookie({ revocation }: SealedCookieOptions = {}): SealedStore {
  return {
    name: 'sealed-cookie',
    sealed: true,
    revocable: revocation !== undefined,
    revocation: revocation ?? nowhere,

    seal({ key, generation, record: { payload, version, expiresAt } }, sealer) {
      const text = `${key} ${generation} ${version} ${Math.floor(expiresAt)} ${payload.length}\n${payload}`
      return sealer.seal(text.padEnd(Math.ceil(text.length / paddingStep) * paddingStep))
    },

    unseal(token, sealer) {
      const opened = sealer.open(token)
      return opened instanceof Promise ? opened.then(parse) : parse(opened)
    },
  }
}

function refuse(): never {
  throw new SessionError('UNSUPPORTED', 'sealed-cookie keeps nothing on the server without a "revocation" store')
}

const nowhere: Store = {
  name: 'sealed-cookie',
  read: () => null,
  create: refuse,
  replace: refuse,
  touch: refuse,
  delete: refuse,
}

type Opened = Awaited<ReturnType<Parameters<SealedStore['unseal']>[1]['open']>>

function parse(opened: Opened): Awaited<ReturnType<SealedStore['unseal']>> {
  if (opened === null) return null
  const { text, aged } = opened
  const [head, key, generation, version, expiresAt, length] = frame.exec(text) ?? []
  if (head === undefined || key === undefined || generation === undefined) return null
  const payload = text.slice(head.length, head.length + Number(length))
  return { key, generation, aged, record: { payload, version: Number(version), expiresAt: Number(expiresAt) } }
}
