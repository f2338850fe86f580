import { SessionError } from '../errors.ts'

const deepest = 64

/** An object that the application holds a reference to, and what it looked like when it got it. */
export interface Exposure {
  readonly value: object
  readonly snapshot: unknown
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
  if (Array.isArray(value)) return value.map((item) => snapshot(item, depth + 1))
  if (value instanceof Date) return new Date(value)
  if (value instanceof URL || value instanceof RegExp) return String(value)
  if (value instanceof Map) {
    return new Map(Array.from(value, ([key, item]) => [snapshot(key, depth + 1), snapshot(item, depth + 1)]))
  }
  if (value instanceof Set) return new Set(Array.from(value, (item) => snapshot(item, depth + 1)))
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return bytesOf(value).slice()
  const copy: Record<string, unknown> = Object.create(null)
  for (const key of Object.keys(value)) copy[key] = snapshot((value as Record<string, unknown>)[key], depth + 1)
  return copy
}

/** Whether a value still looks as it did when its snapshot was taken. The order of keys and entries counts. */
export function matches(value: unknown, taken: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return Object.is(value, taken)
  if (depth > deepest) return false
  const next = depth + 1
  if (Array.isArray(value)) {
    return (
      Array.isArray(taken) && value.length === taken.length && value.every((item, i) => matches(item, taken[i], next))
    )
  }
  if (value instanceof Date) return taken instanceof Date && Object.is(value.getTime(), taken.getTime())
  if (value instanceof URL || value instanceof RegExp) return String(value) === taken
  if (value instanceof Map) return taken instanceof Map && sameEntries([...value].flat(), [...taken].flat(), next)
  if (value instanceof Set) return taken instanceof Set && sameEntries([...value], [...taken], next)
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return taken instanceof Uint8Array && sameEntries([...bytesOf(value)], [...taken], next)
  }
  if (typeof taken !== 'object' || taken === null) return false
  const keys = Object.keys(value)
  const takenKeys = Object.keys(taken)
  return (
    keys.length === takenKeys.length &&
    keys.every(
      (key, i) =>
        key === takenKeys[i] &&
        matches((value as Record<string, unknown>)[key], (taken as Record<string, unknown>)[key], next),
    )
  )
}

function sameEntries(values: readonly unknown[], taken: readonly unknown[], depth: number): boolean {
  return values.length === taken.length && values.every((value, i) => matches(value, taken[i], depth))
}

function bytesOf(buffer: ArrayBufferView | ArrayBuffer): Uint8Array {
  return ArrayBuffer.isView(buffer)
    ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    : new Uint8Array(buffer)
}
