import type { Eventually, StoredRecord } from '../../contract/store.ts'
import { isOutage } from '../../errors.ts'
import { attempt } from '../../values/eventually.ts'
import type { EngineParts } from '../parts.ts'
import { timeLeft } from '../store/deadline.ts'

/**
 * Replaces a record; when the store fails, looks whether it did so all the same.
 *
 * A connection that breaks after the server has applied a write is the most common fault there is. The payload of a session
 * is unique, so finding it means that it was stored; a tombstone that says the same is as good.
 */
export function replaceKnown(
  engine: EngineParts,
  key: string,
  record: StoredRecord,
  version: number,
): Eventually<boolean> {
  const replacing = engine.store.replace(key, record, version)
  return replacing instanceof Promise ? replacing.catch((error) => orStored(engine, key, record, error)) : replacing
}

/** Inserts a record, likewise. */
export function createKnown(engine: EngineParts, key: string, record: StoredRecord): Eventually<boolean> {
  const creating = engine.store.create(key, record)
  return creating instanceof Promise ? creating.catch((error) => orStored(engine, key, record, error)) : creating
}

/** Whether a write that failed so may have been stored, or be on its way still. */
export function mayBeStored(error: unknown): boolean {
  return typeof error === 'object' && error !== null && doubtful.has(error)
}

const doubtful = new WeakSet<object>()

/** Removes a record to which no client has the token, without waiting: if that fails as well, it expires. */
export function abandon({ store, queue }: EngineParts, key: string): void {
  // The failure was reported as an event.
  void queue.watch(
    Promise.resolve(
      attempt(
        () => store.delete(key),
        () => undefined,
      ),
    ),
  )
}

async function orStored({ store }: EngineParts, key: string, record: StoredRecord, error: unknown): Promise<true> {
  if (!isOutage(error)) throw error
  const present = await within(timeLeft(error), () => store.read(key))
  if (present?.payload === record.payload) return true
  if (present === undefined) doubtful.add(error)
  throw error
}

/** What the work results in, undefined if it fails or takes longer. */
async function within<Result>(ms: number, work: () => Eventually<Result>): Promise<Result | undefined> {
  if (ms <= 0) return undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  // A failure counts as nothing known; the guard has reported it.
  const done = Promise.resolve(attempt(work, () => undefined))
  const result = await Promise.race([done, late])
  clearTimeout(timer)
  return result
}
