import type { Envelope, FlashMessage, Retired } from '../contract/codec.ts'
import { SessionError } from '../errors.ts'

/**
 * The wire form, shared by all codecs: one JSON object with the format version first and one-letter fields.
 *
 *     {"v":1,"c":1767225600000,"u":"u1","d":{"cart":["a"]}}
 *
 * | field | holds                                                    | absent when             |
 * | ----- | -------------------------------------------------------- | ----------------------- |
 * | `v`   | format version, 1                                        | never                   |
 * | `c`   | `createdAt`, epoch ms                                    | never                   |
 * | `r`   | `rotatedAt`, epoch ms                                    | the envelope has none   |
 * | `a`   | `authenticatedAt`, epoch ms                              | the envelope has none   |
 * | `u`   | `userId`                                                 | the envelope has none   |
 * | `b`   | `device`                                                 | the envelope has none   |
 * | `n`   | `dataVersion`                                            | the envelope has none   |
 * | `d`   | `data`, the values as plain JSON                         | it is empty             |
 * | `f`   | `flash`: each key with the pair `[value, stamp]`         | it is empty             |
 * | `x`   | `retired`: `{"a":at,"n":next,"s":sealedNext}`            | the envelope has none   |
 * | `t`   | what is not plain JSON in `d` and `f`, see `rich.ts`     | everything is plain     |
 *
 * Facts and user data are never in the same object, so no key of `data` can pass for a fact. A reader ignores fields
 * that it does not know; a change that an older reader would get wrong takes a new version, which is null to it.
 */
export interface Wire {
  v: 1
  c: number
  r?: number
  a?: number
  u?: string
  b?: string
  n?: number
  d?: Record<string, unknown>
  f?: Record<string, [value: unknown, stamp: string]>
  x?: { a: number; n?: string; s?: string }
  t?: unknown
}

/**
 * The text of an envelope whose `data` and `flash` hold plain JSON only, with the table of what was special.
 *
 * Put together by hand, because an object to give to `JSON.stringify` costs a third more for a small session. Throws
 * `VALUE_INVALID` for a time or version that is not a finite number: such a record could never be read again.
 */
export function writeWire(envelope: Envelope, table?: readonly unknown[]): string {
  const { rotatedAt, authenticatedAt, userId, device, dataVersion, flash, retired } = envelope
  let text = `{"v":1,"c":${number(envelope.createdAt, 'createdAt')}`
  if (rotatedAt !== undefined) text += `,"r":${number(rotatedAt, 'rotatedAt')}`
  if (authenticatedAt !== undefined) text += `,"a":${number(authenticatedAt, 'authenticatedAt')}`
  if (userId !== undefined) text += `,"u":${JSON.stringify(userId)}`
  if (device !== undefined) text += `,"b":${JSON.stringify(device)}`
  if (dataVersion !== undefined) text += `,"n":${number(dataVersion, 'dataVersion')}`
  const data = JSON.stringify(envelope.data)
  if (data !== '{}') text += `,"d":${data}`
  if (flash !== undefined) text += flashText(flash)
  if (retired !== undefined) text += retiredText(retired)
  if (table !== undefined) text += `,"t":${JSON.stringify(table)}`
  return `${text}}`
}

/** The object of a text in the wire form, its fields unchecked; null for any other text and for an unknown version. */
export function parseWire(text: string): Wire | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // Any text may come back from a store; one that is no JSON is a corrupt record, which the caller reports.
    return null
  }
  return isObject(parsed) && parsed['v'] === 1 ? (parsed as unknown as Wire) : null
}

/**
 * The envelope of a wire object, or null if a field has the wrong type. `data` is the parsed object itself.
 *
 * Own fields only: what somebody put on `Object.prototype` must not become a user id. The plain reads are there because
 * a read by a variable name costs more than all the rest.
 */
export function fromWire(wire: Wire): Envelope | null {
  const data = wire.d !== undefined && Object.hasOwn(wire, 'd') ? wire.d : {}
  if (!isNumber(wire.c) || !isObject(data)) return null
  const envelope: Envelope = { createdAt: wire.c, data }
  if (wire.r !== undefined && Object.hasOwn(wire, 'r')) {
    if (!isNumber(wire.r)) return null
    envelope.rotatedAt = wire.r
  }
  if (wire.a !== undefined && Object.hasOwn(wire, 'a')) {
    if (!isNumber(wire.a)) return null
    envelope.authenticatedAt = wire.a
  }
  if (wire.u !== undefined && Object.hasOwn(wire, 'u')) {
    if (typeof wire.u !== 'string') return null
    envelope.userId = wire.u
  }
  if (wire.b !== undefined && Object.hasOwn(wire, 'b')) {
    if (typeof wire.b !== 'string') return null
    envelope.device = wire.b
  }
  if (wire.n !== undefined && Object.hasOwn(wire, 'n')) {
    if (!isNumber(wire.n)) return null
    envelope.dataVersion = wire.n
  }
  if (wire.f !== undefined && Object.hasOwn(wire, 'f')) {
    const flash = flashFromWire(wire.f)
    if (flash === null) return null
    envelope.flash = flash
  }
  if (wire.x !== undefined && Object.hasOwn(wire, 'x')) {
    const retired = retiredFromWire(wire.x)
    if (retired === null) return null
    envelope.retired = retired
  }
  return envelope
}

/** The value under a key of user data, whatever the key is called. */
export function own(data: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(data, key) ? data[key] : undefined
}

/** Writes an own property, also where assignment would change the prototype instead. */
export function put(target: object, key: string | number, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, configurable: true, enumerable: true, writable: true })
  } else {
    ;(target as Record<string | number, unknown>)[key] = value
  }
}

/** Whether a parsed JSON value is an object, not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function flashText(flash: Record<string, FlashMessage>): string {
  const messages = Object.entries(flash).map(
    ([key, { value, stamp }]) => `${JSON.stringify(key)}:${JSON.stringify([value, stamp])}`,
  )
  return messages.length === 0 ? '' : `,"f":{${messages.join()}}`
}

function flashFromWire(wire: unknown): Record<string, FlashMessage> | null {
  if (!isObject(wire)) return null
  const flash = {}
  for (const [key, pair] of Object.entries(wire)) {
    if (!Array.isArray(pair) || pair.length !== 2) return null
    const [value, stamp] = pair as [unknown, unknown]
    if (typeof stamp !== 'string') return null
    put(flash, key, { value, stamp } satisfies FlashMessage)
  }
  return flash
}

function retiredText({ at, next, sealedNext }: Retired): string {
  return `,"x":${JSON.stringify({ a: Number(number(at, 'retired.at')), n: next, s: sealedNext })}`
}

function retiredFromWire(wire: unknown): Retired | null {
  if (!isObject(wire)) return null
  const { a: at, n: next, s: sealedNext }: Record<string, unknown> = { __proto__: null, ...wire }
  if (!isNumber(at)) return null
  if (next !== undefined && typeof next !== 'string') return null
  if (sealedNext !== undefined && typeof sealedNext !== 'string') return null
  return { at, ...(next === undefined ? {} : { next }), ...(sealedNext === undefined ? {} : { sealedNext }) }
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
