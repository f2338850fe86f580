import type { StoredRecord } from '../../contract/store.ts'
import { getOwn } from '../../values/safe-object.ts'
import type { EngineParts } from '../parts.ts'
import type { Base, Written } from '../persistence.ts'
import { freeze, pack } from '../record/write.ts'
import type { Slot } from '../store/commit-queue.ts'
import { conflictError, mostAttempts, onConflict } from './conflict.ts'
import { currentOf } from './current.ts'
import { replaceKnown } from './known.ts'
import type { Elsewhere } from './write.ts'

interface Taken {
  readonly value: unknown
  readonly written: Written
}

const nothing: Taken = { value: undefined, written: { kind: 'nothing' } }

/**
 * Removes a flash message from the store at once and returns it: of several requests exactly one gets it.
 *
 * Only the message is removed; the other changes of the request keep waiting for its commit.
 */
export async function takeFlashKeyed(engine: EngineParts, base: Base, name: string, followed = false): Promise<Taken> {
  const taken = await engine.queue.run(base.key, (slot) => take(engine, slot, base, name, followed))
  return 'kind' in taken ? takeFlashKeyed(engine, taken.live.base, name, true) : taken
}

async function take(
  engine: EngineParts,
  slot: Slot,
  base: Base,
  name: string,
  followed: boolean,
): Promise<Taken | Elsewhere> {
  let latest: StoredRecord | null = slot.latest === undefined ? base.record : slot.latest
  for (let attempt = 1; attempt <= mostAttempts; attempt++) {
    const current = await currentOf(engine, base, latest)
    if (current.kind === 'elsewhere') return current
    if (current.kind === 'gone') return nothing
    const { contents, writeId } = current.live
    const message = getOwn(contents.flash, name)
    if (message === undefined) return nothing
    const { [name]: _, ...others } = contents.flash
    contents.flash = others
    const frozen = await freeze(engine, contents)
    const { record } = current.live.base
    const now = engine.settings.clock()
    const next = pack(engine, frozen, record.version + 1, now)
    if (next.expiresAt <= now) return nothing
    if (await replaceKnown(engine, base.key, next, record.version)) {
      slot.latest = next
      const saved = { ...base, record: next, facts: frozen.facts }
      return { value: message.value, written: { kind: 'saved', base: saved, contents, writeId, shared: followed } }
    }
    await onConflict(engine, base.key, attempt)
    latest = await engine.store.read(base.key)
  }
  throw conflictError()
}
