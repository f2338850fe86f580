import type { SessionValues } from '../../contract/codec.ts'
import type { Eventually, StoredRecord } from '../../contract/store.ts'
import { SessionError } from '../../errors.ts'
import { setOwn } from '../../values/safe-object.ts'
import type { EngineParts } from '../parts.ts'
import { type Contents, type FlashMessage, type Frozen, identityOf, noMessages } from './contents.ts'
import { absoluteDeadline, deadline } from './expiry.ts'
import { fitsSchema } from './schema.ts'
import { type Facts, parsePayload, type Tombstone, writePayload, writeTombstone } from './wire.ts'
import { nextWriteId } from './write-id.ts'

/**
 * Makes the text of what a session holds now. It is made before this returns; only the check against a schema, which
 * looks at a copy, takes time.
 *
 * Throws `VALUE_INVALID`, `DATA_INVALID` or `RECORD_TOO_LARGE` (too many keys).
 */
export function freeze(engine: EngineParts, { facts, data, flash }: Contents): Eventually<Frozen> {
  const { codec, schema, migrate } = engine.settings
  checkKeys(engine, facts, data)
  const version = migrate?.version
  const frozen: Frozen = {
    facts: facts.dataVersion === version || version === undefined ? facts : { ...facts, dataVersion: version },
    stamps: flash === noMessages ? '' : stampsText(flash),
    values: codec.encode(flash === noMessages ? { data } : valuesIn(data, flash)),
  }
  if (typeof frozen.values !== 'string') {
    throw new SessionError('VALUE_INVALID', `codec.encode returned ${typeof frozen.values}: it must return a string.`)
  }
  if (schema === null) return frozen
  return fitsSchema(schema, thaw(engine, frozen).data).then((fault) => {
    if (fault === null) return frozen
    throw new SessionError('DATA_INVALID', `The session's data does not fit the schema: ${fault}.`)
  })
}

/** The values that were frozen, as new objects. */
export function thaw({ settings }: EngineParts, { values }: Frozen): SessionValues {
  const thawed = settings.codec.decode(values)
  if (thawed !== null) return thawed
  throw new SessionError('VALUE_INVALID', 'The codec cannot read what it has written: its decode returned null.')
}

/**
 * The record to store for a session that is used at `now`.
 *
 * Throws `RECORD_TOO_LARGE`, before any store call.
 */
export function pack(
  engine: EngineParts,
  frozen: Frozen,
  version: number,
  now: number,
  writeId: string = nextWriteId(),
): StoredRecord {
  const { settings } = engine
  const { facts } = frozen
  const payload = writePayload(facts, frozen.stamps, writeId, frozen.values)
  const bytes = excess(engine, payload)
  if (bytes !== null) {
    tooLarge(engine, facts, 'recordBytes', `${bytes} bytes, and limits.recordBytes allows ${settings.recordBytes}`)
  }
  const expiresAt = deadline(facts, now, settings.timeouts)
  return facts.userId === undefined
    ? { payload, version, expiresAt }
    : { payload, version, expiresAt, userId: facts.userId }
}

/** A record that says the same, by another write. */
export function renamed(record: StoredRecord): StoredRecord {
  const parsed = parsePayload(record.payload)
  if (parsed?.kind !== 'session') return record
  const stamps = Object.keys(parsed.stamps).length === 0 ? '' : JSON.stringify(parsed.stamps)
  return { ...record, payload: writePayload(parsed.facts, stamps, nextWriteId(), parsed.values) }
}

/** Whether a record could hold this. */
export function fits(engine: EngineParts, { facts, stamps, values }: Frozen): boolean {
  return excess(engine, writePayload(facts, stamps, nextWriteId(), values)) === null
}

/** The bytes of a payload that is too large, else null. */
function excess({ settings }: EngineParts, payload: string): number | null {
  // No text has more bytes in UTF-8 than three a character: most payloads need no count.
  if (payload.length * 3 <= settings.recordBytes) return null
  const bytes = new TextEncoder().encode(payload).length
  return bytes > settings.recordBytes ? bytes : null
}

/** How long a retired key is remembered after a move or an end, for requests that are still under way. */
export const retiredMs = 60_000

/** The one place that writes tombstones: the record that takes the place of `replaced`. */
export function packTombstone(
  { settings }: EngineParts,
  replaced: Pick<StoredRecord, 'version'>,
  left: Omit<Tombstone, 'at'>,
  expiresAt: number,
): StoredRecord {
  const payload = writeTombstone({ at: settings.clock(), ...left })
  return { payload, version: replaced.version + 1, expiresAt }
}

/** How long a retired key must be known: while requests that carry it run, or, after a rotation, to notice a thief. */
export function rememberedUntil({ settings }: EngineParts, facts: Facts, automatic: boolean): number {
  const now = settings.clock()
  const until = now + (automatic ? Math.max(settings.rotateEvery, retiredMs) : retiredMs)
  return Math.min(until, Math.max(absoluteDeadline(facts, settings.timeouts), now + 1))
}

function valuesIn(data: Record<string, unknown>, flash: Readonly<Record<string, FlashMessage>>): SessionValues {
  let messages: Record<string, unknown> | undefined
  for (const key in flash) {
    if (!Object.hasOwn(flash, key)) continue
    messages ??= {}
    setOwn(messages, key, flash[key]?.value)
  }
  return messages === undefined ? { data } : { data, flash: messages }
}

function stampsText(flash: Readonly<Record<string, FlashMessage>>): string {
  let stamps: Record<string, string> | undefined
  for (const key in flash) {
    if (!Object.hasOwn(flash, key)) continue
    stamps ??= {}
    setOwn(stamps, key, flash[key]?.stamp)
  }
  return stamps === undefined ? '' : JSON.stringify(stamps)
}

function checkKeys(engine: EngineParts, facts: Facts, data: Record<string, unknown>): void {
  let keys = 0
  for (const _ in data) {
    if (++keys > engine.settings.keys) tooLarge(engine, facts, 'keys', 'more keys than limits.keys allows')
  }
}

function tooLarge(
  { listeners, settings }: EngineParts,
  facts: Facts,
  limit: 'recordBytes' | 'keys',
  fact: string,
): never {
  listeners.emit('limit', { at: settings.clock(), limit, ...(facts.root !== '' && identityOf(facts)) })
  throw new SessionError('RECORD_TOO_LARGE', `The session has ${fact}: keep less in it, or raise the limit.`)
}
