import { SessionError } from '../../errors.ts'
import { isObject, setOwn } from '../../values/safe-object.ts'

/** What the engine knows of a session beside its values. Never changed: a change makes another object. */
export interface Facts {
  /** Epoch ms. */
  readonly createdAt: number
  /** Names the session for as long as it lives, whatever token it has: 16 random bytes, base64url. `''` until it has one. */
  readonly root: string
  /** Epoch ms at which the present token was issued, if it is not the first. */
  readonly rotatedAt?: number
  /** Ids that the session had until a moment ago, the last one first. */
  readonly formerIds?: readonly string[]
  /** Epoch ms of the last sign-in. */
  readonly authenticatedAt?: number
  readonly userId?: string
  /** The client that signed in, from its User-Agent. */
  readonly device?: string
  /** The application's version of the shape of the data (`migrate.version`). */
  readonly dataVersion?: number
}

/** What is left under a key that leads to no session any more: where the session went, never a usable token. */
export interface Tombstone {
  /** Epoch ms of the move or the end. */
  readonly at: number
  /** The session that it stood for, see `Facts`. */
  readonly root: string
  /** The successor's key; absent when the session ended. */
  readonly next?: string
  /** The successor's token, sealed under a key derived from the retired token. Only after an automatic rotation. */
  readonly sealedNext?: string
}

/** A payload taken apart. */
export type Parsed =
  | {
      readonly kind: 'session'
      readonly facts: Facts
      /** Tells each flash message from a later one under the same key. */
      readonly stamps: Readonly<Record<string, string>>
      /** Names the write that stored it. */
      readonly writeId: string
      /** What the codec wrote. */
      readonly values: string
    }
  | { readonly kind: 'tombstone'; readonly tombstone: Tombstone }
  /** Something of the engine's own that stands under no session's key. */
  | { readonly kind: 'note'; readonly note: unknown }

/**
 * The payload of a record: one line that is the engine's, and below it the text of the codec.
 *
 *     1 1767225600000 kJ2uZ0r1Qm7cWf4xTy9bNg x3fR9aQ2000007 {"u":"u1","a":1767225600000}
 *     {"d":{"cart":["a"]}}
 *
 * The line has the format version, `createdAt`, `root` and the id of the write, and where there are others, the facts as
 * JSON. What every session has stands alone, because parsing JSON costs more than all the rest of reading it.
 *
 * | field | holds                                    |
 * | ----- | ---------------------------------------- |
 * | `r`   | `rotatedAt`, epoch ms                    |
 * | `i`   | `formerIds`                              |
 * | `a`   | `authenticatedAt`, epoch ms              |
 * | `u`   | `userId`                                 |
 * | `b`   | `device`                                 |
 * | `n`   | `dataVersion`                            |
 * | `f`   | the stamps of the flash messages, by key |
 *
 * A tombstone is the line `1 x {"a":at,"o":root,"n":next,"s":sealedNext}` alone, a note `1 m` and any JSON. A reader ignores
 * fields that it does not know; a change that an older reader would get wrong takes a new version, which is null to it.
 */
interface FactFields {
  r?: unknown
  i?: unknown
  a?: unknown
  u?: unknown
  b?: unknown
  n?: unknown
  f?: unknown
}

/**
 * The payload of a live session. `stamps` is JSON, or `''` for none.
 *
 * Throws `VALUE_INVALID` for a time that is not a finite number: such a record could never be read again.
 */
export function writePayload(facts: Facts, stamps: string, writeId: string, values: string): string {
  return `1 ${number(facts.createdAt, 'createdAt')} ${facts.root} ${writeId}${otherFacts(facts, stamps)}\n${values}`
}

function otherFacts(facts: Facts, stamps: string): string {
  const { rotatedAt, formerIds, authenticatedAt, userId, device, dataVersion } = facts
  let text = ''
  if (rotatedAt !== undefined) text += `,"r":${number(rotatedAt, 'rotatedAt')}`
  if (formerIds !== undefined) text += `,"i":${JSON.stringify(formerIds)}`
  if (authenticatedAt !== undefined) text += `,"a":${number(authenticatedAt, 'authenticatedAt')}`
  if (userId !== undefined) text += `,"u":${JSON.stringify(userId)}`
  if (device !== undefined) text += `,"b":${JSON.stringify(device)}`
  if (dataVersion !== undefined) text += `,"n":${number(dataVersion, 'dataVersion')}`
  if (stamps !== '') text += `,"f":${stamps}`
  return text === '' ? '' : ` {${text.slice(1)}}`
}

/** The payload of a tombstone. */
export function writeTombstone({ at, root, next, sealedNext }: Tombstone): string {
  return `1 x ${JSON.stringify({ a: Number(number(at, 'the time')), o: root, n: next, s: sealedNext })}`
}

/** The payload of something that is no session, should the store be listed. */
export function writeNote(note: unknown): string {
  return `1 m ${JSON.stringify(note)}`
}

/** Null for a text that is corrupt, foreign or of an unknown format version. */
export function parsePayload(payload: string): Parsed | null {
  if (!payload.startsWith('1 ')) return null
  const end = payload.indexOf('\n')
  return end < 0 ? parseBare(payload) : parseSession(payload, end)
}

/** Root and write id: they stand in logs. */
const ids = /^[\w-]+ [\w.-]+$/

const noStamps: Readonly<Record<string, string>> = Object.freeze({})

function parseSession(payload: string, end: number): Parsed | null {
  const afterTime = payload.indexOf(' ', 2)
  const afterRoot = payload.indexOf(' ', afterTime + 1)
  if (afterTime < 0 || afterRoot < 0 || afterRoot > end) return null
  const space = payload.indexOf(' ', afterRoot + 1)
  const afterWriteId = space < 0 || space > end ? end : space
  const createdAt = Number(payload.slice(2, afterTime))
  if (afterTime === 2 || !Number.isFinite(createdAt)) return null
  if (!ids.test(payload.slice(afterTime + 1, afterWriteId))) return null
  const root = payload.slice(afterTime + 1, afterRoot)
  const writeId = payload.slice(afterRoot + 1, afterWriteId)
  const values = payload.slice(end + 1)
  if (afterWriteId === end) {
    return { kind: 'session', facts: { createdAt, root }, stamps: noStamps, writeId, values }
  }
  const fields = parseObject(payload.slice(afterWriteId + 1, end)) as FactFields | null
  if (fields === null) return null
  const facts = factsOf(createdAt, root, fields)
  const stamps = fields.f === undefined || !Object.hasOwn(fields, 'f') ? noStamps : stampsOf(fields.f)
  return facts === null || stamps === null ? null : { kind: 'session', facts, stamps, writeId, values }
}

function parseBare(payload: string): Parsed | null {
  const text = payload.slice(4)
  if (payload.startsWith('m ', 2)) {
    const note = parseJson(text)
    return note === undefined ? null : { kind: 'note', note }
  }
  const fields = payload.startsWith('x ', 2) ? parseObject(text) : null
  if (fields === null) return null
  const { a: at, o: root, n: next, s: sealedNext }: Record<string, unknown> = { __proto__: null, ...fields }
  if (!isNumber(at) || typeof root !== 'string') return null
  if (next !== undefined && typeof next !== 'string') return null
  if (sealedNext !== undefined && typeof sealedNext !== 'string') return null
  const tombstone = { at, root, ...(next !== undefined && { next }), ...(sealedNext !== undefined && { sealedNext }) }
  return { kind: 'tombstone', tombstone }
}

function parseObject(text: string): Record<string, unknown> | null {
  const parsed = parseJson(text)
  return isObject(parsed) ? parsed : null
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Any text may come back from a store; one that is no JSON is a corrupt record, which the caller reports.
    return undefined
  }
}

/**
 * The facts, or null if a field has the wrong type.
 *
 * Own fields only: what somebody put on `Object.prototype` must not become a user id. The plain reads are there because
 * a read by a variable name costs more than all the rest.
 */
function factsOf(createdAt: number, root: string, fields: FactFields): Facts | null {
  const facts: { -readonly [Name in keyof Facts]: Facts[Name] } = { createdAt, root }
  if (fields.r !== undefined && Object.hasOwn(fields, 'r')) {
    if (!isNumber(fields.r)) return null
    facts.rotatedAt = fields.r
  }
  if (fields.i !== undefined && Object.hasOwn(fields, 'i')) {
    if (!Array.isArray(fields.i) || !fields.i.every((id) => typeof id === 'string')) return null
    facts.formerIds = fields.i as string[]
  }
  if (fields.a !== undefined && Object.hasOwn(fields, 'a')) {
    if (!isNumber(fields.a)) return null
    facts.authenticatedAt = fields.a
  }
  if (fields.u !== undefined && Object.hasOwn(fields, 'u')) {
    if (typeof fields.u !== 'string') return null
    facts.userId = fields.u
  }
  if (fields.b !== undefined && Object.hasOwn(fields, 'b')) {
    if (typeof fields.b !== 'string') return null
    facts.device = fields.b
  }
  if (fields.n !== undefined && Object.hasOwn(fields, 'n')) {
    if (!isNumber(fields.n)) return null
    facts.dataVersion = fields.n
  }
  return facts
}

function stampsOf(wire: unknown): Record<string, string> | null {
  if (!isObject(wire)) return null
  const stamps = {}
  for (const [key, stamp] of Object.entries(wire)) {
    if (typeof stamp !== 'string') return null
    setOwn(stamps, key, stamp)
  }
  return stamps
}

/** JSON spells infinity as 1e999. */
function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

/** A finite number is spelled in JSON as everywhere in the language. */
function number(value: number, fact: string): string {
  if (Number.isFinite(value)) return String(value)
  throw new SessionError('VALUE_INVALID', `Cannot store ${fact}: it is not a finite number. Check the clock option.`)
}
