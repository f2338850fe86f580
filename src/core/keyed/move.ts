import type { StoredRecord } from '../../contract/store.ts'
import { isOutage } from '../../errors.ts'
import type { EngineParts } from '../parts.ts'
import { type Base, type ChangeSet, isEmpty, type Written } from '../persistence.ts'
import type { Frozen } from '../record/contents.ts'
import { identityOf, underNewKey } from '../record/contents.ts'
import { tombstoneIn } from '../record/read.ts'
import type { Facts } from '../record/wire.ts'
import { fits, pack, packTombstone, rememberedUntil } from '../record/write.ts'
import { nextWriteId } from '../record/write-id.ts'
import type { Slot } from '../store/commit-queue.ts'
import { idOf } from '../token.ts'
import { conflictError, mostAttempts, onConflict } from './conflict.ts'
import { currentOf, sealSuccessor } from './current.ts'
import { abandon, mayBeStored, replaceKnown } from './known.ts'
import { placeRecord } from './place.ts'
import { type Made, remake } from './remake.ts'
import { type Doubtful, takeBack } from './take-back.ts'
import { type Elsewhere, isNewest, writeElsewhere, writeKeyed } from './write.ts'

/**
 * Moves a session to a new token: writes it under the new key, then puts a tombstone under the old one.
 *
 * What another request writes to the old key in between is carried over before the old key can be retired. A crash
 * between the two steps leaves a record to which no client has the token. When another request has retired the old key
 * first, the new record is removed again: one successor lives.
 */
export async function moveKeyed(engine: EngineParts, made: Made, set: ChangeSet, automatic: boolean): Promise<Written> {
  // The application did not ask for this rotation: what fits without it is not refused.
  if (automatic && !fits(engine, rotated(engine, made))) {
    return isEmpty(set) ? { kind: 'nothing' } : writeKeyed(engine, made, set)
  }
  let doubtful: Doubtful | null = null
  const onDoubt = (it: Doubtful) => {
    doubtful = it
  }
  const moving = engine.queue.run(made.base.key, (slot) => move({ engine, set, slot, automatic, onDoubt }, made))
  const moved = await Promise.resolve(moving).finally(() => {
    if (doubtful !== null) takeBack(engine, doubtful)
  })
  if (moved.kind !== 'elsewhere') return moved
  if (automatic) return writeElsewhere(engine, moved.live, set)
  return moveKeyed(engine, await remake(engine, set, moved.live), set, automatic)
}

interface Job {
  readonly engine: EngineParts
  readonly set: ChangeSet
  readonly slot: Slot
  readonly automatic: boolean
  /** Called for a move that failed, whose tombstone may be stored all the same. */
  onDoubt(doubtful: Doubtful): void
}

async function move(job: Job, asked: Made): Promise<Written | Elsewhere> {
  const { engine, slot } = job
  const { key, token } = asked.base
  const first = isNewest(asked, slot) ? asked : await bringUp(job, asked, slot.latest ?? null)
  if ('kind' in first) return first
  let made = first
  let successor = await placeRecord(engine, packRotated(job, made, 1), null)
  const sealedNext = job.automatic ? await sealSuccessor(token, successor.token) : undefined
  try {
    for (let attempt = 1; attempt <= mostAttempts; attempt++) {
      const latest = await retire(job, made, successor.key, sealedNext)
      slot.latest = latest
      if (tombstoneIn(latest)?.next === successor.key) return arrived(job, made, successor)
      await onConflict(engine, key, attempt)
      const next = await bringUp(job, made, latest)
      if ('kind' in next) {
        await engine.store.delete(successor.key)
        return next
      }
      made = next
      successor = await rewriteSuccessor(job, successor, made)
    }
    throw conflictError()
  } catch (error) {
    // As long as the tombstone may still be stored, what it leads to must stay.
    if (mayBeStored(error)) job.onDoubt({ base: made.base, successor: successor.key })
    else abandon(engine, successor.key)
    throw error
  }
}

/** What the old key holds after the attempt to put a tombstone there. */
async function retire(
  { engine, automatic }: Job,
  { base, frozen }: Made,
  next: string,
  sealedNext: string | undefined,
): Promise<StoredRecord | null> {
  const left = { root: frozen.facts.root, next, ...(sealedNext !== undefined && { sealedNext }) }
  const tombstone = packTombstone(engine, base.record, left, rememberedUntil(engine, frozen.facts, automatic))
  const replace = async () => replaceKnown(engine, base.key, tombstone, base.record.version)
  const replaced = await replace().catch((error: unknown) => {
    // The write may yet reach the store, after the look for it: then the second one finds the version changed.
    if (isOutage(error) && !mayBeStored(error)) return replace()
    throw error
  })
  return replaced ? tombstone : engine.store.read(base.key)
}

/** The changes on what the old key holds now, or what became of the session. */
async function bringUp(
  { engine, set }: Job,
  { base }: Made,
  latest: StoredRecord | null,
): Promise<Made | Elsewhere | { kind: 'gone' }> {
  const current = await currentOf(engine, base, latest)
  return current.kind === 'live' ? remake(engine, set, current.live) : current
}

function arrived({ engine, automatic }: Job, made: Made, successor: Base): Written {
  const { facts } = successor
  engine.listeners.emit('rotated', {
    at: engine.settings.clock(),
    id: idOf(successor.key),
    previousId: idOf(made.base.key),
    automatic,
    ...identityOf(facts),
  })
  return { kind: 'moved', base: successor, contents: made.contents, shared: automatic }
}

async function rewriteSuccessor(job: Job, { token, key, record }: Base, made: Made): Promise<Base> {
  const { engine } = job
  const next = packRotated(job, made, record.version + 1)
  try {
    if (await replaceKnown(engine, key, next.record, record.version)) return { token, key, ...next }
  } catch (error) {
    // Whether it was stored does not matter: no tombstone leads to it.
    abandon(engine, key)
    throw error
  }
  throw conflictError()
}

/** The successor's record. Its write is noted: a commit that follows a rotation must not make its changes again. */
function packRotated({ engine, set }: Job, made: Made, version: number): { record: StoredRecord; facts: Facts } {
  const frozen = rotated(engine, made)
  const writeId = nextWriteId()
  set.writeIds.push(writeId)
  return { record: pack(engine, frozen, version, engine.settings.clock(), writeId), facts: frozen.facts }
}

/** The session under its next token. */
function rotated({ settings }: EngineParts, { base, frozen }: Made): Frozen {
  return { ...frozen, facts: underNewKey(frozen.facts, idOf(base.key), settings.clock()) }
}
