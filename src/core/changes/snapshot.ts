import { SessionError } from '../../errors.ts'

const deepest = 64

/** An object that the application holds a reference to, and what it looked like when it got it. */
export interface Exposure {
  readonly value: object
  readonly snapshot: unknown
}

/** The copy of what is neither plain nor a list, a Date, a Map or a Set: nothing else may pass for it. */
class Likeness {
  readonly kind: unknown
  readonly content: unknown

  constructor(kind: unknown, content: unknown) {
    this.kind = kind
    this.content = content
  }
}

/**
 * A private structural copy, to tell later whether the original was changed in place.
 *
 * Knows JSON's types, Date, Map, Set, URL, RegExp and buffers; of other objects it copies the own enumerable
 * properties, so a class that hides its state behind `#private` fields must be replaced by `set`, not changed in place.
 * Throws `VALUE_INVALID` for nesting beyond 64 levels, and so for a cycle.
 */
export function snapshot(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > deepest) {
    throw new SessionError('VALUE_INVALID', `a value is nested deeper than ${deepest} levels, or contains itself`)
  }
  const next = depth + 1
  if (Array.isArray(value)) return value.map((item) => snapshot(item, next))
  if (isPlain(value)) return propertiesOf(value, next)
  if (value instanceof Date) return new Date(value)
  if (value instanceof Map)
    return new Map(Array.from(value, ([key, item]) => [snapshot(key, next), snapshot(item, next)]))
  if (value instanceof Set) return new Set(Array.from(value, (item) => snapshot(item, next)))
  const bytes = bytesOf(value)
  if (bytes !== null) return new Likeness(kindOf(value), bytes.slice())
  return new Likeness(kindOf(value), isText(value) ? String(value) : propertiesOf(value, next))
}

/** Whether a value still looks as it did when its snapshot was taken. The order of keys and entries counts. */
export function matches(value: unknown, taken: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return Object.is(value, taken)
  if (typeof taken !== 'object' || taken === null || depth > deepest) return false
  const next = depth + 1
  if (Array.isArray(value)) return Array.isArray(taken) && sameEntries(value, taken, next)
  if (isPlain(value)) return Object.getPrototypeOf(taken) === null && sameProperties(value, taken, next)
  if (value instanceof Date) return taken instanceof Date && Object.is(value.getTime(), taken.getTime())
  if (value instanceof Map) return taken instanceof Map && sameEntries([...value].flat(), [...taken].flat(), next)
  if (value instanceof Set) return taken instanceof Set && sameEntries([...value], [...taken], next)
  if (!(taken instanceof Likeness) || taken.kind !== kindOf(value)) return false
  const bytes = bytesOf(value)
  if (bytes !== null) return sameEntries(bytes, taken.content as Uint8Array, next)
  return isText(value) ? String(value) === taken.content : sameProperties(value, taken.content as object, next)
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Fully told by their text. */
function isText(value: object): boolean {
  return value instanceof URL || value instanceof RegExp
}

/** The class; of buffers their name, for what was stored as a Buffer of Node comes back as a Uint8Array. */
function kindOf(value: object): unknown {
  return bytesOf(value) === null ? Object.getPrototypeOf(value) : Object.prototype.toString.call(value)
}

function propertiesOf(value: object, depth: number): object {
  const copy: Record<string, unknown> = Object.create(null)
  for (const key of Object.keys(value)) copy[key] = snapshot((value as Record<string, unknown>)[key], depth)
  return copy
}

function sameProperties(value: object, taken: object, depth: number): boolean {
  const keys = Object.keys(value)
  const takenKeys = Object.keys(taken)
  return (
    keys.length === takenKeys.length &&
    keys.every(
      (key, i) =>
        key === takenKeys[i] &&
        matches((value as Record<string, unknown>)[key], (taken as Record<string, unknown>)[key], depth),
    )
  )
}

/** A hole is like undefined, which it is stored as. */
function sameEntries(values: ArrayLike<unknown>, taken: ArrayLike<unknown>, depth: number): boolean {
  if (values.length !== taken.length) return false
  for (let i = 0; i < values.length; i++) if (!matches(values[i], taken[i], depth)) return false
  return true
}

function bytesOf(value: object): Uint8Array | null {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return value instanceof ArrayBuffer ? new Uint8Array(value) : null
}
