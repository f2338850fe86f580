import type { SessionValues } from '../contract/codec.ts'
import { maxDepth } from '../values/plain-value.ts'

/**
 * Whether all values survive `JSON.stringify` and `JSON.parse` unchanged, so that they can be written in one go. False
 * for some that do survive, such as objects of another realm: `flatten` looks closer.
 */
export function arePlain({ data, flash }: SessionValues): boolean {
  return isPlain(data, 0) && (flash === undefined || isPlain(flash, 0))
}

/**
 * Finds a getter without running it. A property descriptor would do as well, but is slower: for 600 objects of six keys
 * `encode` and `decode` then take 1.33 times as long as `JSON.stringify` and `JSON.parse`, instead of 1.29 (Node 20).
 * Annex B of ECMA-262 since 2017, so every engine has it.
 */
const { __lookupGetter__: getterOf } = Object.prototype as unknown as { __lookupGetter__(key: string): unknown }

/** Every save runs this over the whole session, so it allocates nothing of its own and keeps no path. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return value === 0 ? 1 / value > 0 : value - value === 0
    case 'object':
      if (value === null) return true
      if (depth > maxDepth) return false
      return Array.isArray(value) ? isPlainArray(value, depth) : isPlainObject(value as Record<string, unknown>, depth)
    default:
      return false
  }
}

function isPlainArray(array: unknown[], depth: number): boolean {
  if (Object.getPrototypeOf(array) !== Array.prototype) return false
  for (let index = 0; index < array.length; index++) {
    if (!isPlain(array[index], depth + 1)) return false
  }
  return true
}

function isPlainObject(object: Record<string, unknown>, depth: number): boolean {
  const prototype = Object.getPrototypeOf(object)
  if (prototype !== Object.prototype && prototype !== null) return false
  if (Object.getOwnPropertySymbols(object).length > 0) return false
  for (const key in object) {
    if (getterOf.call(object, key) !== undefined || !isPlain(object[key], depth + 1)) return false
  }
  return true
}
