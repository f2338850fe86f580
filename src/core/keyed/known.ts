import type { Eventually, StoredRecord } from '../../contract/store.ts'
import { SessionError } from '../../errors.ts'
import { attempt } from '../../values/eventually.ts'
import type { EngineParts } from '../engine.ts'

/**
 * Replaces a record; when the store fails, looks whether it did so all the same.
 *
 * A connection that breaks after the server has applied a write is the most common fault there is. Every payload is
 * unique, so finding it means that it was stored. A call that ran out of time is not looked after: the store would be
 * waited for twice.
 */
export function replaceKnown(
  { store }: EngineParts,
  key: string,
  record: StoredRecord,
  version: number,
): Eventually<boolean> {
  return attempt(
    () => store.replace(key, record, version),
    (error) => orStored(store, key, record, error),
  )
}

/** Inserts a record, likewise. */
export function createKnown({ store }: EngineParts, key: string, record: StoredRecord): Eventually<boolean> {
  return attempt(
    () => store.create(key, record),
    (error) => orStored(store, key, record, error),
  )
}

/** Removes what nobody has a token for, without waiting: if that fails as well, it expires. */
export function abandon({ store, queue }: EngineParts, key: string): void {
  // The failure was reported as an event.
  const removed = Promise.resolve(
    attempt(
      () => store.delete(key),
      () => undefined,
    ),
  )
  void queue.watch(removed.catch(() => undefined))
}

async function orStored(store: EngineParts['store'], key: string, record: StoredRecord, error: unknown): Promise<true> {
  if (!(error instanceof SessionError) || error.code !== 'STORE_FAILED') throw error
  const present = await Promise.resolve(store.read(key)).catch(() => null)
  if (present?.payload === record.payload) return true
  throw error
}
