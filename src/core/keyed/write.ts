import type { Eventually, StoredRecord } from '../../contract/store.ts'
import { andThen } from '../../values/eventually.ts'
import type { EngineParts } from '../parts.ts'
import { type ChangeSet, isEmpty, type Live, type Written } from '../persistence.ts'
import { pack } from '../record/write.ts'
import { nextWriteId } from '../record/write-id.ts'
import type { Slot } from '../store/commit-queue.ts'
import { conflictError, mostAttempts, onConflict } from './conflict.ts'
import { currentOf } from './current.ts'
import { replaceKnown } from './known.ts'
import { type Made, remake } from './remake.ts'

/** The session was moved away from the key whose queue was waited for: the new key has a queue of its own. */
export interface Elsewhere {
  readonly kind: 'elsewhere'
  readonly live: Live
}

/** Writes changes over the version they were made on, or makes them again on what came in between. */
export function writeKeyed(engine: EngineParts, made: Made, set: ChangeSet): Eventually<Written> {
  const writing = engine.queue.run(made.base.key, (slot) => {
    const job = { engine, set, slot }
    return isNewest(made, slot) ? write(job, made, 1) : rewrite(job, made, slot.latest ?? null, 1)
  })
  return andThen(writing, (written) =>
    written.kind === 'elsewhere' ? writeElsewhere(engine, written.live, set) : written,
  )
}

/** Goes on under the token that an automatic rotation has moved the session to. */
export async function writeElsewhere(engine: EngineParts, live: Live, set: ChangeSet): Promise<Written> {
  if (isEmpty(set)) return followed(live)
  const written = await writeKeyed(engine, await remake(engine, set, live), set)
  return written.kind === 'saved' ? { ...written, shared: true } : written
}

/** The session is where an automatic rotation has moved it, and nothing was stored. */
export function followed({ base, contents, writeId }: Live): Written {
  return { kind: 'moved', base, contents, writeId, shared: true }
}

/** Whether no other commit of this process has stored anything since the changes were made. */
export function isNewest({ base }: Made, { latest }: Slot): boolean {
  return latest === undefined || latest?.version === base.record.version
}

interface Job {
  readonly engine: EngineParts
  readonly set: ChangeSet
  readonly slot: Slot
}

function write(job: Job, made: Made, attempts: number): Eventually<Written | Elsewhere> {
  const { engine, set, slot } = job
  const { base, frozen, contents } = made
  const now = engine.settings.clock()
  const writeId = nextWriteId()
  const record = pack(engine, frozen, base.record.version + 1, now, writeId)
  if (record.expiresAt <= now) return { kind: 'gone' }
  set.writeIds.push(writeId)
  return andThen(replaceKnown(engine, base.key, record, base.record.version), (stored) => {
    if (!stored) return retry(job, made, attempts)
    slot.latest = record
    const saved = { token: base.token, key: base.key, record, facts: frozen.facts }
    return { kind: 'saved', base: saved, contents, shared: false }
  })
}

async function retry(job: Job, made: Made, attempts: number): Promise<Written | Elsewhere> {
  const { engine, slot } = job
  const { key } = made.base
  await onConflict(engine, key, attempts)
  if (attempts === mostAttempts) throw conflictError()
  slot.latest = await engine.store.read(key)
  return rewrite(job, made, slot.latest, attempts + 1)
}

async function rewrite(
  job: Job,
  made: Made,
  latest: StoredRecord | null,
  attempts: number,
): Promise<Written | Elsewhere> {
  const { engine, set } = job
  const current = await currentOf(engine, made.base, latest)
  if (current.kind !== 'live') return current
  return write(job, await remake(engine, set, current.live), attempts)
}
