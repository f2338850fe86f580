import type { Retired } from '../../contract/codec.ts'
import type { Eventually, StoredRecord } from '../../contract/store.ts'
import { andThen } from '../../values/eventually.ts'
import { barredMs, type Engine, graceMs, sealPurpose } from '../engine.ts'
import type { Found } from '../keeping.ts'
import { invalid, judge, retired } from '../record/found.ts'
import { idOf } from '../token.ts'

const longestChain = 4

/** Finds out what one well-formed token stands for: under the newest secret's key, then under the older ones'. */
export function loadKeyed(engine: Engine, token: string, followed: number, generation = 0): Eventually<Found> {
  if (generation === engine.tokens.generations) return invalid(engine, 'unknown')
  return andThen(engine.tokens.keyOf(token, generation), (key) =>
    andThen(engine.store.read(key), (record) => {
      const now = engine.settings.clock()
      if (record !== null && now < record.expiresAt && !engine.ended.has(key))
        return decode(engine, token, key, record, now, followed)
      return loadKeyed(engine, token, followed, generation + 1)
    }),
  )
}

function decode(
  engine: Engine,
  token: string,
  key: string,
  record: StoredRecord,
  at: number,
  followed: number,
): Eventually<Found> {
  const envelope = engine.settings.codec.decode(record.payload)
  if (envelope === null) return invalid(engine, 'corrupt', key)
  if (envelope.retired !== undefined) return follow(engine, token, envelope.retired, followed)
  return judge(engine, { kind: 'live', token, key, record, envelope, at })
}

async function follow(
  engine: Engine,
  token: string,
  { at, next, sealedNext }: Retired,
  followed: number,
): Promise<Found> {
  if (next === undefined) return invalid(engine, 'unknown')
  const age = engine.settings.clock() - at
  if (sealedNext === undefined) {
    // Only the answer to a parallel request can still be on its way; later the token is simply unknown.
    if (age >= barredMs) return invalid(engine, 'unknown')
    invalid(engine, 'retired')
    return retired
  }
  if (age >= graceMs) {
    engine.listeners.emit('token-reuse', { at: engine.settings.clock(), id: idOf(next) })
    return invalid(engine, 'retired')
  }
  const successor = await (await import('../on-demand.ts')).openText(token, sealPurpose, sealedNext)
  if (successor === null || followed >= longestChain) return invalid(engine, 'corrupt')
  return loadKeyed(engine, successor, followed + 1)
}
