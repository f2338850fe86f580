import type { StoredRecord } from '../../contract/store.ts'
import { SessionError } from '../../errors.ts'
import type { EngineParts } from '../parts.ts'
import type { Base, Draft } from '../persistence.ts'
import type { Facts } from '../record/wire.ts'
import { abandon, createKnown } from './known.ts'

const mostTokens = 3

/**
 * Writes a record under the key of a new token, which no client had before.
 *
 * `draft` is a token that was drawn for it already. Throws `ID_COLLISION` when three tokens were taken.
 */
export async function placeRecord(
  engine: EngineParts,
  { record, facts }: { readonly record: StoredRecord; readonly facts: Facts },
  draft: Draft | null,
): Promise<Base> {
  for (let tries = 0; tries < mostTokens; tries++) {
    const token = tries === 0 && draft !== null ? draft.token : engine.tokens.draw()
    const key = await engine.tokens.keyOf(token, 0)
    try {
      if (await createKnown(engine, key, record)) return { token, key, record, facts }
    } catch (error) {
      // It may have been stored, or still be: no client will have its token.
      abandon(engine, key)
      throw error
    }
  }
  throw new SessionError(
    'ID_COLLISION',
    `${mostTokens} new tokens were all taken: check the random or id.generate option.`,
  )
}
