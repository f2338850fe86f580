import type { Store, StoredRecord } from '../../../src/index.ts'
import type { Planted } from '../job.ts'

const staleMs = 50

/** A store with a fault in it, to show that the check would find it. */
export function plantFault(store: Store, planted: Planted | undefined): Store {
  if (planted === undefined || planted === 'resending') return store
  return planted === 'stale-read' ? withStaleReads(store) : { ...store, replace: replacements[planted](store) }
}

const replacements: Record<Exclude<Planted, 'stale-read' | 'resending'>, (store: Store) => Store['replace']> = {
  /** Writes whatever is there, as a store without a version check does. */
  'blind-upsert': (store) => async (key, record) => {
    await store.delete(key)
    return store.create(key, record)
  },
  /** Writes a record that is gone. */
  revival: (store) => async (key, record, version) =>
    (await store.replace(key, record, version)) ||
    ((await store.read(key)) === null && (await store.create(key, record))),
}

/** Remembers what it read for a while, whatever others write. */
function withStaleReads(store: Store): Store {
  const cache = new Map<string, { readonly record: StoredRecord | null; readonly until: number }>()
  return {
    ...store,
    async read(key, options) {
      const cached = cache.get(key)
      if (cached !== undefined && performance.now() < cached.until) return cached.record
      const record = await store.read(key, options)
      cache.set(key, { record, until: performance.now() + staleMs })
      return record
    },
  }
}
