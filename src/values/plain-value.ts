/** How many objects, arrays, Maps and Sets may lie within each other below the data or a flash message. */
export const maxDepth = 64

/** An array that is no subclass: directly below the root of its realm. Test runners and vm contexts have several realms. */
export function isPlainArray(value: unknown): value is unknown[] {
  if (!Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Array.prototype) return true
  return prototype !== null && isRoot(Object.getPrototypeOf(prototype))
}

/** An object literal of any realm, or an object without a prototype. */
export function isPlainObject(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object)
  return prototype === null || isRoot(prototype)
}

/** `Object.prototype` of any realm; the prototype of a class that extends null has no `isPrototypeOf`. */
function isRoot(prototype: unknown): boolean {
  if (prototype === Object.prototype) return true
  if (typeof prototype !== 'object' || prototype === null) return false
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf')
}
