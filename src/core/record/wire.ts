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
 * The payload of a record: one line of JSON that is the engine's, and below it the text of the codec.
 *
 *     {"v":1,"c":1767225600000,"o":"kJ2...","u":"u1","w":"x3f.7"}
 *     {"d":{"cart":["a"]}}
 *
 * | field | holds                                                 |
 * | ----- | ----------------------------------------------------- |
 * | `v`   | format version, 1                                     |
 * | `c`   | `createdAt`, epoch ms                                 |
 * | `o`   | `root`                                                |
 * | `r`   | `rotatedAt`, epoch ms                                 |
 * | `i`   | `formerIds`                                           |
 * | `a`   | `authenticatedAt`, epoch ms                           |
 * | `u`   | `userId`                                              |
 * | `b`   | `device`                                              |
 * | `n`   | `dataVersion`                                         |
 * | `f`   | the stamps of the flash messages, by key              |
 * | `w`   | the id of the write                                   |
 * | `x`   | a tombstone: `{"a":at,"o":root,"n":next,"s":sealedNext}`, with `v` alone and nothing below |
 * | `m`   | a note, with `v` alone and nothing below              |
 *
 * A reader ignores fields that it does not know; a change that an older reader would get wrong takes a new version,
 * which is null to it.
 */
interface Head {
  v: 1
  c?: unknown
  o?: unknown
  r?: unknown
  i?: unknown
  a?: unknown
  u?: unknown
  b?: unknown
  n?: unknown
  f?: unknown
  w?: unknown
  x?: unknown
  m?: unknown
}

/**
 * The beginning of a payload that says the facts; `writePayload` completes it. Facts never change, so neither does this.
 *
 * Throws `VALUE_INVALID` for a time that is not a finite number: such a record could never be read again.
 */
export function writeFacts(facts: Facts): string {
  const { rotatedAt, formerIds, authenticatedAt, userId, device, dataVersion } = facts
  let text = `{"v":1,"c":${number(facts.createdAt, 'createdAt')},"o":"${facts.root}"`
  if (rotatedAt !== undefined) text += `,"r":${number(rotatedAt, 'rotatedAt')}`
  if (formerIds !== undefined) text += `,"i":${JSON.stringify(formerIds)}`
  if (authenticatedAt !== undefined) text += `,"a":${number(authenticatedAt, 'authenticatedAt')}`
  if (userId !== undefined) text += `,"u":${JSON.stringify(userId)}`
  if (device !== undefined) text += `,"b":${JSON.stringify(device)}`
  if (dataVersion !== undefined) text += `,"n":${number(dataVersion, 'dataVersion')}`
  return text
}

/** The payload of a live session. `stamps` is JSON, or `''` for none. */
export function writePayload(factsText: string, stamps: string, writeId: string, values: string): string {
  return stamps === ''
    ? `${factsText},"w":"${writeId}"}\n${values}`
    : `${factsText},"f":${stamps},"w":"${writeId}"}\n${values}`
}

/** The payload of a tombstone. */
export function writeTombstone({ at, root, next, sealedNext }: Tombstone): string {
  return JSON.stringify({ v: 1, x: { a: Number(number(at, 'the time')), o: root, n: next, s: sealedNext } })
}

/** The payload of something that is no session, should the store be listed. */
export function writeNote(note: unknown): string {
  return JSON.stringify({ v: 1, m: note })
}

/** Null for a text that is corrupt, foreign or of an unknown format version. */
export function parsePayload(payload: string): Parsed | null {
  const end = payload.indexOf('\n')
  const head = parseHead(end < 0 ? payload : payload.slice(0, end))
  if (head === null) return null
  if (end < 0) return parseBare(head)
  const facts = factsOf(head)
  const stamps = head.f === undefined || !Object.hasOwn(head, 'f') ? noStamps : stampsOf(head.f)
  if (facts === null || stamps === null || typeof head.w !== 'string') return null
  return { kind: 'session', facts, stamps, writeId: head.w, values: payload.slice(end + 1) }
}

const noStamps: Readonly<Record<string, string>> = Object.freeze({})

function parseHead(text: string): Head | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // Any text may come back from a store; one that is no JSON is a corrupt record, which the caller reports.
    return null
  }
  return isObject(parsed) && parsed['v'] === 1 ? (parsed as unknown as Head) : null
}

function parseBare(head: Head): Parsed | null {
  if (Object.hasOwn(head, 'm')) return { kind: 'note', note: head.m }
  if (!Object.hasOwn(head, 'x') || !isObject(head.x)) return null
  const { a: at, o: root, n: next, s: sealedNext }: Record<string, unknown> = { __proto__: null, ...head.x }
  if (!isNumber(at) || typeof root !== 'string') return null
  if (next !== undefined && typeof next !== 'string') return null
  if (sealedNext !== undefined && typeof sealedNext !== 'string') return null
  const tombstone = { at, root, ...(next !== undefined && { next }), ...(sealedNext !== undefined && { sealedNext }) }
  return { kind: 'tombstone', tombstone }
}

/**
 * The facts of a head, or null if a field has the wrong type.
 *
 * Own fields only: what somebody put on `Object.prototype` must not become a user id. The plain reads are there because
 * a read by a variable name costs more than all the rest.
 */
function factsOf(head: Head): Facts | null {
  const { c: createdAt, o: root } = head
  if (!isNumber(createdAt) || typeof root !== 'string' || !isId(root)) return null
  const facts: { -readonly [Name in keyof Facts]: Facts[Name] } = { createdAt, root }
  if (head.r !== undefined && Object.hasOwn(head, 'r')) {
    if (!isNumber(head.r)) return null
    facts.rotatedAt = head.r
  }
  if (head.i !== undefined && Object.hasOwn(head, 'i')) {
    if (!Array.isArray(head.i) || !head.i.every((id) => typeof id === 'string')) return null
    facts.formerIds = head.i as string[]
  }
  if (head.a !== undefined && Object.hasOwn(head, 'a')) {
    if (!isNumber(head.a)) return null
    facts.authenticatedAt = head.a
  }
  if (head.u !== undefined && Object.hasOwn(head, 'u')) {
    if (typeof head.u !== 'string') return null
    facts.userId = head.u
  }
  if (head.b !== undefined && Object.hasOwn(head, 'b')) {
    if (typeof head.b !== 'string') return null
    facts.device = head.b
  }
  if (head.n !== undefined && Object.hasOwn(head, 'n')) {
    if (!isNumber(head.n)) return null
    facts.dataVersion = head.n
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

/** It is written into JSON as it is. */
function isId(text: string): boolean {
  return /^[\w-]*$/.test(text)
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
