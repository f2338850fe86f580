import type { SessionValues } from '../contract/codec.ts'
import { SessionError } from '../errors.ts'
import { isPlainArray, isPlainObject, maxDepth } from '../values/plain-value.ts'
import { setOwn } from '../values/safe-object.ts'

/** A step from a container to what is directly inside. */
export type Step = string | number

/** Where a walk through the values of a session is at the moment. */
export interface Walk {
  /** From the object of the whole text to the present value: `d` or `f`, then keys and indexes. */
  readonly path: Step[]
  /** The containers that the present value is inside of: meeting one again is a cycle. */
  readonly above: Set<unknown>
  /** How deep the present value lies; `data` itself is at 0. */
  depth: number
  /** Returns the plain form of a value that is not plain JSON, or throws `VALUE_INVALID`. */
  readonly special: (value: unknown, walk: Walk) => unknown
}

/**
 * A copy of the values in which every value that is not plain JSON is replaced by what `special`
 * makes of it, inner ones first. Reads own enumerable data properties only, never a getter.
 * Throws `VALUE_INVALID` for a cycle, a getter, a symbol as a key, and more than 64 levels.
 */
export function flatten({ data, flash }: SessionValues, special: Walk['special']): SessionValues {
  const root = (field: 'd' | 'f', values: unknown) =>
    flattenValue(values, { path: [field], above: new Set(), depth: 0, special }) as Record<string, unknown>
  return { data: root('d', data), ...(flash !== undefined && { flash: root('f', flash) }) }
}

/** The plain form of one value and of all that is in it. */
export function flattenValue(value: unknown, walk: Walk): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? value : walk.special(value, walk)
    case 'object':
      if (value === null) return value
      if (Array.isArray(value)) return isPlainArray(value) ? flattenArray(value, walk) : walk.special(value, walk)
      return isPlainObject(value) ? flattenObject(value, walk) : walk.special(value, walk)
    default:
      return walk.special(value, walk)
  }
}

/** Goes into a container, which is refused if it is too deep or inside itself. Undone by `leave`. */
export function enter(container: unknown, walk: Walk): void {
  if (walk.above.has(container)) {
    throw refusal(walk.path, 'it contains itself. Store a copy without the reference back, or an id in its place')
  }
  if (walk.depth > maxDepth) {
    throw refusal(walk.path, `it is nested deeper than ${maxDepth} levels. Store a flatter shape`)
  }
  walk.above.add(container)
  walk.depth++
}

export function leave(container: unknown, walk: Walk): void {
  walk.above.delete(container)
  walk.depth--
}

/** The error for a value that cannot be stored: names the path and what to do, never the value. */
export function refusal(path: readonly Step[], reason: string, cause?: unknown): SessionError {
  const message = `Cannot store ${describePath(path)}: ${reason}.`
  return new SessionError('VALUE_INVALID', message, cause === undefined ? undefined : { cause })
}

function flattenArray(array: readonly unknown[], walk: Walk): unknown[] {
  enter(array, walk)
  const copy: unknown[] = []
  for (let index = 0; index < array.length; index++) {
    walk.path.push(index)
    // A hole reads as undefined.
    copy.push(flattenValue(array[index], walk))
    walk.path.pop()
  }
  leave(array, walk)
  return copy
}

function flattenObject(object: object, walk: Walk): object {
  enter(object, walk)
  if (Object.getOwnPropertySymbols(object).some((key) => Object.getOwnPropertyDescriptor(object, key)?.enumerable)) {
    throw refusal(walk.path, 'it has a symbol as a key. Use strings as keys')
  }
  const copy = {}
  for (const key of Object.keys(object)) {
    walk.path.push(key)
    const property = Object.getOwnPropertyDescriptor(object, key)
    if (property === undefined || !('value' in property)) {
      throw refusal(walk.path, 'it is a getter. Store the value that it returns')
    }
    setOwn(copy, key, flattenValue(property.value, walk))
    walk.path.pop()
  }
  leave(object, walk)
  return copy
}

/** `['d', 'cart', 2, 'at']` is `data.cart[2].at`, and `['f', 'notice']` is `flash.notice`. */
function describePath([field, ...steps]: readonly Step[]): string {
  const keys = steps.map((step) => {
    if (typeof step === 'number') return `[${step}]`
    if (/^[A-Za-z_$][\w$]{0,63}$/.test(step)) return `.${step}`
    // Quoted and cut, because a key may come from a client and the message may end up in a log.
    return `[${JSON.stringify(step.length > 64 ? `${step.slice(0, 64)}…` : step)}]`
  })
  return (field === 'f' ? 'flash' : 'data') + keys.join('')
}
