import type { Envelope } from '../../contract/codec.ts'
import type { InvalidReason } from '../../contract/events.ts'
import type { Eventually } from '../../contract/store.ts'
import { checkData, type Engine, ownerOf } from '../engine.ts'
import { absoluteDeadline } from '../expiry.ts'
import type { Found, Live } from '../keeping.ts'
import { idOf } from '../token.ts'

export const retired: Found = { kind: 'retired' }
export const nothing: Found = { kind: 'nothing' }

/** Reports a token that is not accepted. */
export function invalid(engine: Engine, reason: InvalidReason, key?: string): Found {
  const at = engine.settings.clock()
  engine.listeners.emit('invalid', key === undefined ? { at, reason } : { at, reason, id: idOf(key) })
  return nothing
}

/** Whether a session that was found lives on, by its absolute deadline and the shape of its data. */
export function judge(engine: Engine, live: Live): Eventually<Found> {
  const { timeouts, schema } = engine.settings
  const { key, envelope, at } = live
  if (at >= absoluteDeadline(envelope, timeouts)) {
    engine.listeners.emit('expired', { at, id: idOf(key), ...ownerOf(envelope) })
    return nothing
  }
  if (!upToDate(engine, envelope)) return invalid(engine, 'newer-version', key)
  if (schema === null) return live
  return checkData(schema, envelope.data).then((fault) => (fault === null ? live : invalid(engine, 'schema', key)))
}

/** Carries the data over to the present shape; false if it is of a newer one. */
function upToDate({ settings: { migrate } }: Engine, envelope: Envelope): boolean {
  const version = envelope.dataVersion ?? 0
  const present = migrate?.version ?? 0
  if (version < present && migrate !== null) envelope.data = migrate.up(envelope.data, version)
  return version <= present
}
