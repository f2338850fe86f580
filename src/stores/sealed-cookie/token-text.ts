import type { Eventually, StoredRecord } from '../../contract/store.ts'
import type { Sealer } from '../../crypto/key-ring.ts'
import { andThen } from '../../values/eventually.ts'

/** What a sealed token holds. */
export interface TokenContent {
  /** Stands for the session as the hash of a token does in a store. */
  readonly key: string
  /** The owner's revocation epoch when the token was issued; `''` for none. */
  readonly epoch: string
  readonly record: StoredRecord
}

/** Texts are padded to a multiple of so many characters, so that the cookie's length tells little. */
const paddingStep = 64
// The head ends at the first line break: key, epoch, version, deadline and the payload's length.
const head = /^([\w-]{16,128}) ([\w-]*) (\d{1,15}) (\d{1,16}) (\d{1,7})\n/

/** The token: key, epoch and record, encrypted and authenticated. */
export function sealToken(sealer: Sealer, { key, epoch, record }: TokenContent): Eventually<string> {
  const { payload, version, expiresAt } = record
  const text = `${key} ${epoch} ${version} ${Math.floor(expiresAt)} ${payload.length}\n${payload}`
  return sealer.seal(text.padEnd(Math.ceil(text.length / paddingStep) * paddingStep))
}

/** Null for whatever is no token of these secrets. `aged`: it was sealed with an older secret than the newest. */
export function openToken(
  sealer: Sealer,
  token: string,
): Eventually<(TokenContent & { readonly aged: boolean }) | null> {
  return andThen(sealer.open(token), (opened) => {
    if (opened === null) return null
    const { text, aged } = opened
    const [all, key, epoch, version, expiresAt, length] = head.exec(text) ?? []
    if (all === undefined || key === undefined || epoch === undefined) return null
    const payload = text.slice(all.length, all.length + Number(length))
    return { key, epoch, aged, record: { payload, version: Number(version), expiresAt: Number(expiresAt) } }
  })
}
