import type { Eventually, StoredRecord } from '../../contract/store.ts'
import type { EngineParts } from '../../core/parts.ts'
import type { Base } from '../../core/persistence.ts'
import { identityOf } from '../../core/record/contents.ts'
import type { Facts } from '../../core/record/wire.ts'
import type { Sealer } from '../../crypto/key-ring.ts'
import { SessionError } from '../../errors.ts'
import { andThen } from '../../values/eventually.ts'
import type { IssuedTokens } from './issued.ts'
import type { Revocations } from './revocations.ts'
import { sealToken } from './token-text.ts'

/** No token is longer: a request with so much in a header would not have arrived. */
export const longestToken = 65_536

/** What every part of the sealed persistence shares. */
export interface Parts {
  readonly engine: EngineParts
  readonly sealer: Sealer
  readonly revocations: Revocations | null
  readonly issued: IssuedTokens
}

/** Issues a token. Throws `COOKIE_TOO_LARGE`. */
export function seal(
  { engine, sealer, issued }: Parts,
  key: string,
  record: StoredRecord,
  facts: Facts,
  epoch: string,
  report = true,
): Eventually<Base> {
  const { settings, listeners } = engine
  return andThen(sealToken(sealer, { key, epoch, record }), (token) => {
    const { capacity = longestToken } = settings.transport
    if (token.length <= capacity) {
      return { token, key, record, facts, sealed: { epoch, issued: issued.add(key) } }
    }
    if (report) listeners.emit('limit', { at: settings.clock(), limit: 'cookie', ...identityOf(facts) })
    throw new SessionError(
      'COOKIE_TOO_LARGE',
      `The sealed session takes ${token.length} characters, and its cookie holds ${capacity}: keep less in it, use ` +
        'chunkedCookie() or a store on the server.',
    )
  })
}

/** What new tokens of a session's owner are sealed with. */
export async function epochOf({ revocations }: Parts, { userId }: Facts): Promise<string> {
  return revocations === null ? '' : revocations.epochOf(userId)
}

/** A key of a session that is new, or moves. */
export async function drawKey({ tokens }: EngineParts): Promise<string> {
  return tokens.keyOf(tokens.draw(), 0)
}
