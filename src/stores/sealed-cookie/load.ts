import type { Eventually, StoredRecord } from '../../contract/store.ts'
import type { EngineParts } from '../../core/parts.ts'
import type { Base, Live, Lookup } from '../../core/persistence.ts'
import { identityOf } from '../../core/record/contents.ts'
import { isStale } from '../../core/record/expiry.ts'
import { factsIn, readRecord, reportRefused } from '../../core/record/read.ts'
import { idOf } from '../../core/token.ts'
import { andThen } from '../../values/eventually.ts'
import type { Parts } from './parts.ts'
import type { Revocations } from './revocations.ts'
import { openToken } from './token-text.ts'

const nothing: Lookup = { kind: 'nothing' }

/** What a well-formed token stands for. */
export function load(parts: Parts, token: string, mayFollow: boolean): Eventually<Lookup> {
  const { engine, issued, revocations } = parts
  return andThen(openToken(parts.sealer, token), (content) => {
    if (content === null) return refuse(engine, 'unknown')
    const { key, epoch, aged } = content
    return andThen(withDeadline(parts, key, content.record), (record) =>
      andThen(readRecord(engine, key, record), (reading) => {
        if (reading.kind === 'refused') {
          reportRefused(engine, reading.reason, key, reading.contents)
          return nothing
        }
        if (reading.kind !== 'live') {
          const facts = factsIn(record)
          if (facts === null || engine.ended.has(key)) return refuse(engine, 'unknown', key)
          engine.listeners.emit('expired', { at: engine.settings.clock(), id: idOf(key), ...identityOf(facts) })
          return nothing
        }
        const { contents, writeId } = reading
        const base = { token, key, record, facts: contents.facts, sealed: { epoch, issued: issued.count } }
        const live: Live = { kind: 'live', base, contents, writeId, aged }
        if (revocations === null) return live
        return revocations.check({ key, epoch, facts: contents.facts }).then((status): Eventually<Lookup> => {
          if (status.kind === 'live') return inEpoch(live, status.epoch)
          if (status.kind === 'moved' && mayFollow) return load(parts, status.token, false)
          if (status.kind !== 'retired') return refuse(engine, 'unknown', key)
          reportRefused(engine, 'retired', key)
          return status
        })
      }),
    )
  })
}

/** The record with the idle deadline that was extended on the server since the token was issued. */
function withDeadline({ engine, revocations }: Parts, key: string, record: StoredRecord): Eventually<StoredRecord> {
  if (revocations === null) return record
  const { clock, timeouts } = engine.settings
  const facts = factsIn(record)
  if (facts === null || !isStale(facts, record, clock(), timeouts)) return record
  return revocations
    .aliveUntil(key)
    .then((until) => (until > record.expiresAt ? { ...record, expiresAt: until } : record))
}

function inEpoch(live: Live, epoch: string): Live {
  const { base } = live
  return { ...live, base: { ...base, sealed: { epoch, issued: base.sealed?.issued ?? 0 } } }
}

function refuse(engine: EngineParts, reason: 'unknown', key?: string): Lookup {
  reportRefused(engine, reason, key)
  return nothing
}

/** What a session holds now, wherever an automatic rotation has moved it; null if it is gone. */
export async function reload(parts: Parts, base: Base): Promise<Live | null> {
  const current = await currentOf(parts, base)
  if (current.kind === 'elsewhere') return current.live
  if (current.kind === 'gone') return null
  const reading = await readRecord(parts.engine, base.key, current.base.record)
  if (reading.kind !== 'live') return null
  return { kind: 'live', base: current.base, contents: reading.contents, writeId: reading.writeId }
}

/** Whether the token is the newest one of a live session, as far as the server knows. */
export function isCurrent(parts: Parts, base: Base): Eventually<boolean> {
  return andThen(currentOf(parts, base), ({ kind }) => kind === 'live')
}

/** What became of a session since it was opened. */
export type Current =
  | { readonly kind: 'live'; readonly base: Base }
  | { readonly kind: 'elsewhere'; readonly live: Live }
  | { readonly kind: 'gone' }

/**
 * Whether no other request has ended or moved the session since it was opened: a response must not bring it back. Known at once
 * where nothing is remembered on the server.
 */
export function currentOf(parts: Parts, opened: Base): Eventually<Current> {
  if (parts.engine.ended.has(opened.key)) return { kind: 'gone' }
  return andThen(withDeadline(parts, opened.key, opened.record), (record) => {
    if (parts.engine.settings.clock() >= record.expiresAt) return { kind: 'gone' }
    const base = record === opened.record ? opened : { ...opened, record }
    return parts.revocations === null ? { kind: 'live', base } : statusOf(parts, parts.revocations, base)
  })
}

async function statusOf(parts: Parts, revocations: Revocations, base: Base): Promise<Current> {
  const { key, facts, sealed: { epoch, issued } = { epoch: '', issued: 0 } } = base
  const status = await revocations.check({ key, epoch, facts }, false)
  if (status.kind === 'live') return { kind: 'live', base: { ...base, sealed: { epoch: status.epoch, issued } } }
  if (status.kind !== 'moved') return { kind: 'gone' }
  const found = await load(parts, status.token, false)
  return found.kind === 'live' ? { kind: 'elsewhere', live: found } : { kind: 'gone' }
}
