import type { Eventually } from '../../contract/store.ts'
import { andThen } from '../../values/eventually.ts'
import { withChanges } from '../changes/flash.ts'
import { replay } from '../changes/replay.ts'
import type { EngineParts } from '../parts.ts'
import { type Base, type ChangeSet, type Live, storedBy } from '../persistence.ts'
import type { Contents, Frozen } from '../record/contents.ts'
import { freeze, thaw } from '../record/write.ts'

/** A change set on one version of its session, ready to be stored over it. */
export interface Made {
  readonly base: Base
  readonly frozen: Frozen
  /** With the changes made; null for what the request has already. */
  readonly contents: Contents | null
}

/** The changes as the request has made them. */
export function asMade(base: Base, { frozen }: ChangeSet): Made {
  return { base, frozen, contents: null }
}

/** Makes the changes on a session that another request has changed, which is given away with it. */
export function remake(engine: EngineParts, set: ChangeSet, { base, contents, writeId }: Live): Eventually<Made> {
  const values = thaw(engine, set.frozen)
  const stored = storedBy(set.tried, writeId)
  replay(set.changes.slice(stored?.changes.length ?? 0), values, contents)
  contents.flash = withChanges(contents.flash, unstored(set, stored), values.flash)
  return andThen(freeze(engine, contents), (frozen) => ({ base, frozen, contents }))
}

/** A message that was stored before may have been taken since. */
function unstored({ flash }: ChangeSet, stored: ChangeSet | undefined): ChangeSet['flash'] {
  if (flash === null || !stored?.flash) return flash
  const before = stored.flash.left
  const left = [...flash.left].filter(([key, { stamp }]) => before.get(key)?.stamp !== stamp)
  return { left: new Map(left), read: flash.read }
}
