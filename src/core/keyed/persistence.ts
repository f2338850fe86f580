import { andThen } from '../../values/eventually.ts'
import type { EngineParts } from '../parts.ts'
import type { Persistence } from '../persistence.ts'
import { pack } from '../record/write.ts'
import { currentOf } from './current.ts'
import { endKeyed } from './end.ts'
import { loadKeyed } from './load.ts'
import { moveKeyed } from './move.ts'
import { placeRecord } from './place.ts'
import { asMade } from './remake.ts'
import { takeFlashKeyed } from './take-flash.ts'
import { touchKeyed } from './touch.ts'
import { writeKeyed } from './write.ts'

/** Sessions under keys in a store, guarded by the version of each record. */
export function keyedPersistence(engine: EngineParts): Persistence {
  const { store, queue, tokens, settings } = engine
  return {
    inToken: false,
    wellFormed: (text) => tokens.wellFormed(text),
    load: (token) => loadKeyed(engine, token),
    async reload(base) {
      const current = await currentOf(engine, base, await store.read(base.key))
      return current.kind === 'gone' ? null : current.live
    },
    isCurrent: ({ key, ...base }) =>
      andThen(store.read(key), (record) =>
        andThen(currentOf(engine, { key, ...base }, record), ({ kind }) => kind === 'live'),
      ),
    create(set, draft) {
      const record = pack(engine, set.frozen, 1, settings.clock())
      return queue.watch(placeRecord(engine, { record, facts: set.frozen.facts }, draft))
    },
    write: (base, set) => writeKeyed(engine, asMade(base, set), set),
    move: (base, set, automatic) => moveKeyed(engine, asMade(base, set), set, automatic),
    touch: (base, { asked }) => touchKeyed(engine, base, asked),
    end: (place, ending) => endKeyed(engine, place, ending),
    takeFlash: (base, name) => takeFlashKeyed(engine, base, name),
  }
}
