import type { Eventually } from '../../contract/store.ts'
import { andThen } from '../../values/eventually.ts'
import type { EngineParts } from '../parts.ts'
import type { Base, Live, Written } from '../persistence.ts'
import { absoluteDeadline, deadline } from '../record/expiry.ts'
import { currentOf } from './current.ts'
import { followed } from './write.ts'

const mostLooks = 4

/**
 * Extends the idle deadline of the version that was seen. When that is no more, looks what is there now: a tombstone
 * must not be kept alive, and a session that was moved by an automatic rotation is followed.
 */
export function touchKeyed(
  engine: EngineParts,
  base: Base,
  asked: boolean,
  looks = 0,
  live: Live | null = null,
): Eventually<Written> {
  const { store, settings } = engine
  const { key, record, facts } = base
  const expiresAt = deadline(facts, settings.clock(), settings.timeouts)
  const seen = { contents: live?.contents ?? null, writeId: live?.writeId ?? '', shared: looks > 0 }
  // Near the absolute deadline there is nothing to extend; a caller that asked for it wants to know whether the session lives.
  if (asked && live === null && record.expiresAt >= absoluteDeadline(facts, settings.timeouts))
    return look(engine, base)
  // Another request has extended it in between.
  if (expiresAt <= record.expiresAt) return live === null ? { kind: 'nothing' } : { kind: 'touched', base, ...seen }
  return andThen(store.touch(key, expiresAt, record.version), (touched) => {
    if (touched) return { kind: 'touched', base: { ...base, record: { ...record, expiresAt } }, ...seen }
    return looks < mostLooks ? lookAgain(engine, base, asked, looks + 1) : { kind: 'nothing' }
  })
}

/** Whether the session lives, where its deadline cannot be moved. */
async function look(engine: EngineParts, base: Base): Promise<Written> {
  const current = await currentOf(engine, base, await engine.store.read(base.key))
  if (current.kind === 'elsewhere') return followed(current.live)
  return current.kind === 'gone' ? current : { kind: 'nothing' }
}

async function lookAgain(engine: EngineParts, base: Base, asked: boolean, looks: number): Promise<Written> {
  const current = await currentOf(engine, base, await engine.store.read(base.key))
  if (current.kind === 'gone') return current
  return touchKeyed(engine, current.live.base, asked, looks, current.live)
}
