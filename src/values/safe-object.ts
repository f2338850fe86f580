/** The value under a key of user data, whatever the key is called. */
export function getOwn<Value>(data: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(data, key) ? data[key] : undefined
}

/** Writes an own property, also where assignment would change the prototype instead. */
export function setOwn(target: object, key: string | number, value: unknown): void {
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
