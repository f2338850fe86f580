import type { StoredRecord } from '../../contract/store.ts'
import { parsePayload } from '../../core/record/wire.ts'
import { isObject } from '../../values/safe-object.ts'

/** The revocation epoch of a user: tokens of another one are dead, but those of one session. */
export interface Epoch {
  readonly epoch: string
  /** The session that may go on, by its id or root. */
  readonly except: string | undefined
  /** Of which epochs its tokens may be; undefined for any. */
  readonly since: readonly unknown[] | undefined
}

/** An epoch that no token is of: what cannot be read must not let anybody in. */
export const unreadable = '\0'

/** The epoch that a record says; null if there is none. */
export function epochIn(record: StoredRecord | null): Epoch | null {
  if (record === null) return null
  const parsed = parsePayload(record.payload)
  const note = parsed?.kind === 'note' && isObject(parsed.note) ? parsed.note : {}
  const { epoch, except, since } = note
  return {
    epoch: typeof epoch === 'string' ? epoch : unreadable,
    except: typeof except === 'string' ? except : undefined,
    since: Array.isArray(since) ? since : undefined,
  }
}

/**
 * What the next epoch's record says.
 *
 * The excepted session goes on with tokens of the epoch before, and of those before that if it was excepted there too.
 */
export function epochNote(epoch: string, except: string | undefined, before: Epoch | null): object {
  if (except === undefined) return { epoch }
  if (before === null) return { epoch, except }
  const earlier = before.except === except ? before.since : []
  return earlier === undefined ? { epoch, except } : { epoch, except, since: [before.epoch, ...earlier] }
}
