import type { Eventually } from '../../contract/store.ts'
import { andThen } from '../../values/eventually.ts'
import { barredMs, type EngineParts, graceMs } from '../parts.ts'
import type { Lookup } from '../persistence.ts'
import { readRecord, reportRefused } from '../record/read.ts'
import type { Tombstone } from '../record/wire.ts'
import { idOf } from '../token.ts'
import { follow } from './current.ts'

export const retired: Lookup = { kind: 'retired' }
export const nothing: Lookup = { kind: 'nothing' }

/** Finds out what one well-formed token stands for: under the newest secret's key, then under the older ones'. */
export function loadKeyed(engine: EngineParts, token: string, secretIndex = 0): Eventually<Lookup> {
  if (secretIndex === engine.tokens.secrets) return refuse(engine, 'unknown')
  return andThen(engine.tokens.keyOf(token, secretIndex), (key) =>
    andThen(engine.store.read(key), (record) =>
      andThen(readRecord(engine, key, record), (reading) => {
        switch (reading.kind) {
          case 'live': {
            const { contents, writeId } = reading
            // `live` comes of a record.
            const base = { token, key, record: record as NonNullable<typeof record>, facts: contents.facts }
            return { kind: 'live', base, contents, writeId }
          }
          case 'tombstone':
            return onTombstone(engine, token, reading.tombstone)
          case 'refused':
            reportRefused(engine, reading.reason, key, reading.contents)
            return nothing
          default:
            return loadKeyed(engine, token, secretIndex + 1)
        }
      }),
    ),
  )
}

function onTombstone(engine: EngineParts, token: string, tombstone: Tombstone): Eventually<Lookup> {
  const { at, root, next, sealedNext } = tombstone
  const now = engine.settings.clock()
  if (next === undefined) return refuse(engine, 'unknown')
  if (sealedNext === undefined) {
    // Only the answer to a parallel request can still be on its way; later the token is simply unknown.
    if (now - at >= barredMs) return refuse(engine, 'unknown')
    reportRefused(engine, 'retired')
    return retired
  }
  if (now - at >= graceMs) {
    engine.listeners.emit('token-reuse', { at: now, id: idOf(next), root })
    return refuse(engine, 'retired')
  }
  return follow(engine, token, tombstone).then((live) => live ?? refuse(engine, 'unknown'))
}

function refuse(engine: EngineParts, reason: 'unknown' | 'retired'): Lookup {
  reportRefused(engine, reason)
  return nothing
}
