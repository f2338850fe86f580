import type { Eventually } from '../../contract/store.ts'
import { type Made, remake } from '../../core/keyed/remake.ts'
import { followed } from '../../core/keyed/write.ts'
import { type ChangeSet, isEmpty, type Live, type Written } from '../../core/persistence.ts'
import { identityOf, underNewKey } from '../../core/record/contents.ts'
import { fits, pack } from '../../core/record/write.ts'
import { idOf } from '../../core/token.ts'
import { SessionError } from '../../errors.ts'
import { andThen } from '../../values/eventually.ts'
import { currentOf } from './load.ts'
import { drawKey, epochOf, type Parts, seal } from './parts.ts'

/** Seals the session with its changes in a new token, unless it was ended or moved. */
export function write(parts: Parts, made: Made, set: ChangeSet): Eventually<Written> {
  const { engine } = parts
  return andThen(currentOf(parts, made.base), (current) => {
    if (current.kind === 'elsewhere') return writeElsewhere(parts, current.live, set)
    if (current.kind === 'gone') return current
    const { key, record, sealed } = current.base
    const now = engine.settings.clock()
    const next = pack(engine, made.frozen, record.version + 1, now)
    if (next.expiresAt <= now) return { kind: 'gone' }
    return andThen(
      seal(parts, key, next, made.frozen.facts, sealed?.epoch ?? ''),
      (base): Written => ({
        kind: 'saved',
        base,
        contents: made.contents,
        shared: false,
      }),
    )
  })
}

async function writeElsewhere(parts: Parts, live: Live, set: ChangeSet): Promise<Written> {
  if (isEmpty(set)) return followed(live)
  const written = await write(parts, await remake(parts.engine, set, live), set)
  return written.kind === 'saved' ? { ...written, shared: true } : written
}

/** Seals the session under a new key, and puts a tombstone under the old one where ends are remembered. */
export async function move(parts: Parts, made: Made, set: ChangeSet, automatic: boolean): Promise<Written> {
  const { engine, revocations } = parts
  const current = await currentOf(parts, made.base)
  if (current.kind === 'gone') return current
  if (current.kind === 'elsewhere') {
    if (automatic) return writeElsewhere(parts, current.live, set)
    return move(parts, await remake(engine, set, current.live), set, automatic)
  }
  const now = engine.settings.clock()
  const previous = made.base.key
  const frozen = { ...made.frozen, facts: underNewKey(made.frozen.facts, idOf(previous), now) }
  const unfit = () => (isEmpty(set) ? { kind: 'nothing' as const } : write(parts, made, set))
  // The application did not ask for this rotation: what fits without it is not refused.
  if (automatic && !fits(engine, frozen)) return unfit()
  const record = pack(engine, frozen, 1, now)
  const key = await drawKey(engine)
  // A session that goes on keeps the epoch that it was found live in: a newer one would pass over a revokeAll.
  const signsIn = set.changes.some(({ op }) => op === 'login')
  const epoch = signsIn ? await epochOf(parts, frozen.facts) : (current.base.sealed?.epoch ?? '')
  const sealing = async () => seal(parts, key, record, frozen.facts, epoch, !automatic)
  const base = await sealing().catch((error: unknown) => {
    if (automatic && error instanceof SessionError && error.code === 'COOKIE_TOO_LARGE') return null
    throw error
  })
  if (base === null) return unfit()
  const successor = { key, token: base.token, automatic }
  if (revocations !== null && !(await revocations.retire(made.base, frozen.facts, successor))) {
    const latest = await currentOf(parts, made.base)
    return latest.kind === 'elsewhere' ? writeElsewhere(parts, latest.live, set) : { kind: 'gone' }
  }
  // Requests that were opened on the old key must not answer with it any more.
  parts.issued.add(previous)
  const ids = { id: idOf(key), previousId: idOf(previous) }
  engine.listeners.emit('rotated', { at: now, ...ids, automatic, ...identityOf(frozen.facts) })
  return { kind: 'moved', base, contents: made.contents, shared: automatic }
}
