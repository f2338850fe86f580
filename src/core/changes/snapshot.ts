import { isPlainArray, isPlainObject, maxDepth } from '../../values/plain-value.ts'

/** The text of a value as the codec writes it. Throws for what it cannot write. */
export type TextOf = (value: unknown) => string

/** What neither is plain nor a list, a Date, a Map or a Set looked like: nothing else may pass for it. */
class OpaqueCopy {
  readonly kind: unknown
  readonly content: unknown

  constructor(kind: unknown, content: unknown) {
    this.kind = kind
    this.content = content
  }
}

/** Matches nothing: what cannot be looked at counts as changed, and the commit says why it cannot be stored. */
const unknowable = new OpaqueCopy(Symbol('unknowable'), undefined)

/**
 * A private structural copy, to tell later whether the original was changed in place. Never throws.
 *
 * Knows JSON's types, Date, Map, Set and buffers. Of other objects it keeps the text that the codec makes of them: what
 * would be stored otherwise has changed, and nothing else has. Cycles, more than 64 levels and whatever the codec cannot
 * write match nothing later.
 */
export function snapshot(value: unknown, textOf: TextOf): unknown {
  try {
    return copyOf(value, textOf, 0)
  } catch {
    // The commit, which has to write the value, throws with the path and the reason.
    return unknowable
  }
}

/** Whether a value still looks as it did when its snapshot was taken. The order of keys and entries counts. Never throws. */
export function matches(value: unknown, taken: unknown, textOf: TextOf): boolean {
  try {
    return same(value, taken, textOf, 0)
  } catch {
    // As above: a buffer that was transferred away, for one.
    return false
  }
}

function copyOf(value: unknown, textOf: TextOf, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > maxDepth) throw new RangeError('too deep')
  const next = depth + 1
  if (isPlainArray(value)) return value.map((item) => copyOf(item, textOf, next))
  if (isPlainObject(value)) return propertiesOf(value, textOf, next)
  if (isOf(value, Date)) return new Date(value)
  if (isOf(value, Map)) {
    return new Map(Array.from(value, ([key, item]) => [copyOf(key, textOf, next), copyOf(item, textOf, next)]))
  }
  if (isOf(value, Set)) return new Set(Array.from(value, (item) => copyOf(item, textOf, next)))
  const bytes = bytesOf(value)
  if (bytes !== null) return new OpaqueCopy(Object.prototype.toString.call(value), bytes.slice())
  return new OpaqueCopy(Object.getPrototypeOf(value), textOf(value))
}

function same(value: unknown, taken: unknown, textOf: TextOf, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return Object.is(value, taken)
  if (typeof taken !== 'object' || taken === null || depth > maxDepth) return false
  const next = depth + 1
  if (isPlainArray(value)) return Array.isArray(taken) && sameEntries(value, taken, textOf, next)
  if (isPlainObject(value)) return Object.getPrototypeOf(taken) === null && sameProperties(value, taken, textOf, next)
  if (isOf(value, Date)) return taken instanceof Date && Object.is(value.getTime(), taken.getTime())
  if (isOf(value, Map)) return taken instanceof Map && sameEntries([...value].flat(), [...taken].flat(), textOf, next)
  if (isOf(value, Set)) return taken instanceof Set && sameEntries([...value], [...taken], textOf, next)
  if (!(taken instanceof OpaqueCopy)) return false
  const bytes = bytesOf(value)
  if (bytes === null) return taken.kind === Object.getPrototypeOf(value) && textOf(value) === taken.content
  // What was stored as a Buffer of Node comes back as a Uint8Array, which has the same name.
  const sameKind = taken.kind === Object.prototype.toString.call(value)
  return sameKind && sameEntries(bytes, taken.content as Uint8Array, textOf, next)
}

function propertiesOf(value: object, textOf: TextOf, depth: number): object {
  const copy: Record<string, unknown> = Object.create(null)
  for (const key of Object.keys(value)) copy[key] = copyOf((value as Record<string, unknown>)[key], textOf, depth)
  return copy
}

function sameProperties(value: object, taken: object, textOf: TextOf, depth: number): boolean {
  const keys = Object.keys(value)
  const takenKeys = Object.keys(taken)
  return (
    keys.length === takenKeys.length &&
    keys.every(
      (key, i) =>
        key === takenKeys[i] &&
        same((value as Record<string, unknown>)[key], (taken as Record<string, unknown>)[key], textOf, depth),
    )
  )
}

/** A hole is like undefined, which it is stored as. */
function sameEntries(values: ArrayLike<unknown>, taken: ArrayLike<unknown>, textOf: TextOf, depth: number): boolean {
  if (values.length !== taken.length) return false
  for (let i = 0; i < values.length; i++) if (!same(values[i], taken[i], textOf, depth)) return false
  return true
}

/** Not of a subclass, which may hold more. */
function isOf<Instance extends object>(value: object, Class: new () => Instance): value is Instance {
  return Object.getPrototypeOf(value) === Class.prototype
}

/** The bytes of what is nothing but bytes. */
function bytesOf(value: object): Uint8Array | null {
  if (isOf(value, ArrayBuffer as unknown as new () => ArrayBuffer)) return new Uint8Array(value)
  if (!ArrayBuffer.isView(value) || !isBuiltin(value)) return null
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
}

/** A view of the language itself, or a Buffer of Node, which is a Uint8Array with other methods. */
function isBuiltin(view: ArrayBufferView): boolean {
  const { constructor: Class } = view as { constructor: unknown }
  return (
    Class === Reflect.get(globalThis, Object.prototype.toString.call(view).slice(8, -1)) ||
    Class === Reflect.get(globalThis, 'Buffer')
  )
}
