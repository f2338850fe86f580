import fc from 'fast-check'
import type { CustomType } from '../../../src/codecs/rich.ts'
import type { SessionValues } from '../../../src/contract/codec.ts'

/** A class of the application that holds any other value. */
export class Box {
  readonly content: unknown
  constructor(content: unknown) {
    this.content = content
  }
}

export const boxType: CustomType = {
  name: 'box',
  is: (value) => value instanceof Box,
  encode: (box: Box) => ({ content: box.content }),
  decode: (plain: { content: unknown }) => new Box(plain.content),
}

/** Keys that are methods, accessors or traps somewhere, and every other string. */
export const key: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'toJSON',
    'length',
    '',
    '0',
    't',
  ),
  fc.string({ unit: 'binary', maxLength: 5 }),
)

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  // Lone surrogates are valid strings too.
  fc.array(fc.integer({ min: 0xd7ff, max: 0xe000 }), { maxLength: 3 }).map((units) => String.fromCharCode(...units)),
)

const plainLeaf = fc.oneof(
  text,
  fc.boolean(),
  fc.constant(null),
  fc.integer(),
  fc.double({ noDefaultInfinity: true, noNaN: true }).filter((number) => !Object.is(number, -0)),
)

function objectOf(value: fc.Arbitrary<unknown>): fc.Arbitrary<Record<string, unknown>> {
  // fromEntries defines an own property for `__proto__` as for any other key.
  return fc.array(fc.tuple(key, value), { maxLength: 4 }).map((entries) => Object.fromEntries(entries))
}

/** Values that JSON keeps. */
export const plainValue: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 5, withCrossShrink: true }, plainLeaf, tie('array'), tie('object')),
  array: fc.array(tie('value'), { maxLength: 4 }),
  object: objectOf(tie('value')),
})).value

const specialLeaf = fc.oneof(
  fc.constantFrom<unknown>(undefined, Number.NaN, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  fc.bigInt(),
  fc.date({ noInvalidDate: false }),
  fc.webUrl({ withFragments: true, withQueryParameters: true }).map((address) => new URL(address)),
  fc
    .constantFrom<() => RegExp>(
      () => /a\/b/giu,
      () => /(?<year>\d+)\n[/]/dy,
      () => /(?:)/,
      () => /\/\u2028"/,
    )
    .map((make) => make()),
  fc.uint8Array().map((bytes) => bytes.slice()),
  fc.uint8ClampedArray().map((bytes) => bytes.slice()),
  fc.int8Array(),
  fc.int16Array(),
  fc.uint16Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
  fc.uint8Array().map((bytes) => bytes.slice().buffer),
  fc.uint8Array().map((bytes) => new DataView(bytes.slice().buffer)),
)

/** Values that the rich codec keeps, nested in any way. */
export const richValue: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    plainLeaf,
    specialLeaf,
    tie('array'),
    tie('object'),
    tie('map'),
    tie('set'),
    tie('box'),
  ),
  array: fc.array(tie('value'), { maxLength: 4 }),
  object: objectOf(tie('value')),
  map: fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((entries) => new Map(entries)),
  set: fc.array(tie('value'), { maxLength: 3 }).map((members) => new Set(members)),
  box: tie('value').map((content) => new Box(content)),
})).value

/** Any values of a session whose data and flash messages are made of `value`. */
export function valuesOf(value: fc.Arbitrary<unknown>): fc.Arbitrary<SessionValues> {
  const messages = fc
    .array(fc.tuple(key, value), { minLength: 1, maxLength: 3 })
    .map((entries) => Object.fromEntries(entries))
  return fc.record(
    { data: objectOf(value), flash: messages },
    { requiredKeys: ['data'], noNullPrototype: true },
  ) as fc.Arbitrary<SessionValues>
}

/** Where the values of two sessions differ, or null. No messages and an empty `flash` are the same. */
export function valuesDifference(a: SessionValues | null, b: SessionValues | null): string | null {
  const complete = (values: SessionValues | null) => values && { data: values.data, flash: values.flash ?? {} }
  return difference(complete(a), complete(b))
}

/**
 * Where two values differ, or null: stricter than the matchers of the test runner. Classes, own keys and their order,
 * -0, the order of Maps and Sets, and the bytes of views all count.
 */
export function difference(a: unknown, b: unknown, path = '$'): string | null {
  if (Object.is(a, b)) return null
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return path
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return `${path} (class)`
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime()) ? null : path
  if (a instanceof URL) return a.href === (b as URL).href ? null : path
  if (a instanceof RegExp) return String(a) === String(b) ? null : path
  if (a instanceof ArrayBuffer) return difference(new Uint8Array(a), new Uint8Array(b as ArrayBuffer), path)
  if (ArrayBuffer.isView(a)) return bytesOf(a).join() === bytesOf(b as ArrayBufferView).join() ? null : path
  if (a instanceof Map) return difference([...a], [...(b as Map<unknown, unknown>)], path)
  if (a instanceof Set) return difference([...a], [...(b as Set<unknown>)], path)
  const keys = Reflect.ownKeys(a)
  if (keys.join('\0') !== Reflect.ownKeys(b).join('\0')) return `${path} (keys)`
  for (const name of keys) {
    const ours = Object.getOwnPropertyDescriptor(a, name)
    const theirs = Object.getOwnPropertyDescriptor(b, name)
    if (ours?.enumerable !== theirs?.enumerable || ours?.writable !== theirs?.writable) return `${path} (property)`
    const inside = difference(ours?.value, theirs?.value, `${path}.${String(name)}`)
    if (inside !== null) return inside
  }
  return null
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
