import type { SessionValues } from '../../contract/codec.ts'
import type { InvalidReason } from '../../contract/events.ts'
import type { Eventually, StoredRecord } from '../../contract/store.ts'
import { SessionError } from '../../errors.ts'
import { isObject, setOwn } from '../../values/safe-object.ts'
import type { EngineParts } from '../parts.ts'
import { idOf } from '../token.ts'
import { type Contents, type FlashMessage, identityOf, noMessages } from './contents.ts'
import { absoluteDeadline } from './expiry.ts'
import { fitsSchema } from './schema.ts'
import { type Facts, parsePayload, type Tombstone } from './wire.ts'

/** What a record turned out to be. */
export type Reading =
  /** A session that may go on. Its contents belong to the caller. */
  | { readonly kind: 'live'; readonly contents: Contents; readonly writeId: string }
  /** It went elsewhere, or ended. */
  | { readonly kind: 'tombstone'; readonly tombstone: Tombstone }
  /** Nothing that is live: missing or expired, or the engine's own note. */
  | { readonly kind: 'missing' }
  /** A record that no request may go on with. `contents` is what could be read of it. */
  | { readonly kind: 'refused'; readonly reason: RefusedReason; readonly contents: Contents | null }

export type RefusedReason = Extract<InvalidReason, 'corrupt' | 'newer-version' | 'schema'> | 'expired'

const missing: Reading = { kind: 'missing' }

/**
 * The one way from a record to a session: takes it apart, checks its deadlines, carries the data over to the present
 * shape and checks it against the schema. Every part that finds a record uses it, whatever for.
 *
 * Throws what `migrate.up` throws, and `DATA_INVALID` if it does not return an object.
 */
export function readRecord(
  { settings, ended }: EngineParts,
  key: string,
  record: StoredRecord | null,
): Eventually<Reading> {
  const now = settings.clock()
  // Written so that a deadline that is no number has passed.
  if (record === null || !(now < record.expiresAt) || ended.has(key)) return missing
  const parsed = parsePayload(record.payload)
  if (parsed === null) return refused('corrupt', null)
  if (parsed.kind === 'note') return missing
  if (parsed.kind === 'tombstone') return parsed
  const values = decoded(settings.codec, parsed.values)
  if (values === null) return refused('corrupt', null)
  const flash = messagesOf(values.flash, parsed.stamps)
  const contents: Contents = { facts: parsed.facts, data: values.data, flash }
  if (now >= absoluteDeadline(parsed.facts, settings.timeouts)) return refused('expired', contents)
  const { schema, migrate } = settings
  const present = migrate?.version ?? 0
  const from = parsed.facts.dataVersion ?? 0
  if (from > present) return refused('newer-version', contents)
  if (from < present && migrate !== null) {
    contents.data = migrated(migrate.up(values.data, from))
    contents.facts = { ...parsed.facts, dataVersion: present }
  }
  const live: Reading = { kind: 'live', contents, writeId: parsed.writeId }
  if (schema === null) return live
  return fitsSchema(schema, contents.data).then((fault) => (fault === null ? live : refused('schema', contents)))
}

/** What a record says of itself without its values: for those who end sessions, and must be able to end any. */
export function factsIn(record: StoredRecord): Facts | null {
  const parsed = parsePayload(record.payload)
  return parsed?.kind === 'session' ? parsed.facts : null
}

/** Whether nothing at all can be read of a record. */
export function isCorrupt(record: StoredRecord): boolean {
  return parsePayload(record.payload) === null
}

/** The tombstone that a record is; null if it is none. */
export function tombstoneIn(record: StoredRecord | null): Tombstone | null {
  const parsed = record === null ? null : parsePayload(record.payload)
  return parsed?.kind === 'tombstone' ? parsed.tombstone : null
}

/** Tells the listeners why a request does not get the session that it came for. */
export function reportRefused(
  { listeners, settings }: EngineParts,
  reason: InvalidReason | 'expired',
  key?: string,
  contents?: Contents | null,
): void {
  const at = settings.clock()
  const id = key === undefined ? {} : { id: idOf(key) }
  const who = contents ? identityOf(contents.facts) : {}
  if (reason === 'expired') listeners.emit('expired', { at, ...id, ...who })
  else listeners.emit('invalid', { at, reason, ...id, ...who })
}

function refused(reason: RefusedReason, contents: Contents | null): Reading {
  return { kind: 'refused', reason, contents }
}

function decoded(codec: EngineParts['settings']['codec'], text: string): SessionValues | null {
  let values: unknown
  try {
    values = codec.decode(text)
  } catch {
    // A codec of the application may throw for a text that it did not write: a corrupt record, which is reported.
    return null
  }
  if (!isObject(values) || !isObject(values['data'])) return null
  const flash = values['flash']
  return flash === undefined || isObject(flash) ? (values as unknown as SessionValues) : null
}

/** A message without a stamp is none: the two are written together. */
function messagesOf(
  values: Record<string, unknown> | undefined,
  stamps: Readonly<Record<string, string>>,
): Readonly<Record<string, FlashMessage>> {
  if (values === undefined) return noMessages
  const messages: Record<string, FlashMessage> = {}
  for (const [key, value] of Object.entries(values)) {
    const stamp = Object.hasOwn(stamps, key) ? stamps[key] : undefined
    if (stamp !== undefined) setOwn(messages, key, { value, stamp })
  }
  return messages
}

function migrated(data: unknown): Record<string, unknown> {
  if (isObject(data) && typeof data['then'] !== 'function') return data
  const what = isObject(data) ? 'a promise' : typeof data
  throw new SessionError('DATA_INVALID', `migrate.up returned ${what}: it must return the data as an object, at once.`)
}
