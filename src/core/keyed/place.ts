import type { StoredRecord } from '../../contract/store.ts'
import { SessionError } from '../../errors.ts'
import type { Engine } from '../engine.ts'
import type { Placed } from '../request/state.ts'

const mostTokens = 3

/**
 * Writes a record under the key of a new token, which nobody had before.
 *
 * `drawn` is a token that was minted for it already. Throws `ID_COLLISION` when three tokens were taken.
 */
export async function placeRecord(engine: Engine, record: StoredRecord, drawn: string | null = null): Promise<Placed> {
  for (let tries = 0; tries < mostTokens; tries++) {
    const token = tries === 0 && drawn !== null ? drawn : engine.tokens.mint()
    const key = await engine.tokens.keyOf(token, 0)
    if (await engine.store.create(key, record)) return { token, key, record }
  }
  throw new SessionError('ID_COLLISION', `${mostTokens} new tokens were all taken: randomness is broken`)
}
