import { fromBase64Url, toBase64Url } from '../crypto/base64url.ts'

/** How one type of value is written as plain JSON and made again. */
export interface SpecialType {
  /** The tag in the side table. */
  readonly name: string
  /**
   * Present if `encode` answers something that may have special values in it: how many of its outer arrays stand for
   * the value itself, and thus do not count as levels of nesting.
   */
  readonly layers?: number
  /** The plain form. Throws if `value` is not really of the type. */
  encode(value: unknown): unknown
  /** The value from its plain form. Throws for anything else: a payload may hold whatever an attacker likes. */
  decode(plain: unknown): unknown
}

/** The built-in type of a value; undefined for a function, a symbol and an instance of any other class. */
export function builtinTypeOf(value: unknown): SpecialType | undefined {
  switch (typeof value) {
    case 'undefined':
      return undefinedType
    case 'number':
      return numberType
    case 'bigint':
      return bigintType
    case 'object':
      if (value === null) return undefined
      return typeOfPrototype.get(Object.getPrototypeOf(value)) ?? (isBuffer(value) ? bytesType : undefined)
    default:
      return undefined
  }
}

/** What a refused value is, in words, and what to do about it if it has no built-in type. */
export function describeSpecial(value: unknown): { what: string; fix?: string } {
  const builtin = builtinTypeOf(value)
  if (builtin === undefinedType) return { what: 'undefined', fix: 'Remove the key, store null, or use richCodec' }
  if (builtin !== undefined) return { what: builtin === numberType ? 'NaN, -0 or infinite' : `of type ${builtin.name}` }
  if (typeof value === 'function') return { what: 'a function', fix: 'Store the data that it works on' }
  if (typeof value === 'symbol') return { what: 'a symbol', fix: 'Store a string' }
  if (value instanceof Promise) return { what: 'a promise', fix: 'Await it first' }
  const register = 'or register its class with richCodec({ types })'
  const toJson = typeof value === 'object' && value !== null && 'toJSON' in value
  return {
    what: 'an instance of a class',
    fix: `Store ${toJson ? 'what its toJSON returns' : 'its fields in a plain object'}, ${register}`,
  }
}

/** JSON has no `undefined`: null stands in its place, so that the key or the index stays. */
const undefinedType: SpecialType = {
  name: 'undefined',
  encode: () => null,
  decode(plain) {
    if (plain !== null) malformed()
    return undefined
  },
}

/** The four numbers that JSON cannot write. */
const numberType: SpecialType = {
  name: 'number',
  encode: (value) => (Object.is(value, -0) ? '-0' : String(value)),
  decode(plain) {
    if (plain === '-0') return -0
    if (plain === 'NaN' || plain === 'Infinity' || plain === '-Infinity') return Number(plain)
    malformed()
  },
}

const bigintType: SpecialType = {
  name: 'BigInt',
  encode: String,
  decode(plain) {
    const digits = textOf(plain)
    if (!/^-?\d+$/.test(digits)) malformed()
    return BigInt(digits)
  },
}

/** Epoch ms, or null for an invalid date. */
const dateType: SpecialType = {
  name: 'Date',
  encode(value) {
    const time = Date.prototype.getTime.call(value)
    return Number.isNaN(time) ? null : time
  },
  decode(plain) {
    if (plain === null) return new Date(Number.NaN)
    const date = new Date(typeof plain === 'number' ? plain : Number.NaN)
    if (Number.isNaN(date.getTime())) malformed()
    return date
  },
}

/** Its entries, as an array of pairs. */
const mapType: SpecialType = {
  name: 'Map',
  layers: 2,
  encode: (value) => Array.from(Map.prototype.entries.call(value)),
  decode(plain) {
    return new Map(
      arrayOf(plain).map((entry) => {
        const pair = arrayOf(entry)
        if (pair.length !== 2) malformed()
        return pair as [unknown, unknown]
      }),
    )
  },
}

/** Its members, as an array. */
const setType: SpecialType = {
  name: 'Set',
  layers: 1,
  encode: (value) => Array.from(Set.prototype.values.call(value)),
  decode: (plain) => new Set(arrayOf(plain)),
}

/** Its href. */
const urlType: SpecialType = {
  name: 'URL',
  encode: (value) => (value as URL).href,
  decode: (plain) => new URL(textOf(plain)),
}

/** Source and flags; `lastIndex` starts at 0 again. */
const regExpType: SpecialType = {
  name: 'RegExp',
  encode: (value) => [(value as RegExp).source, (value as RegExp).flags],
  decode(plain) {
    const [source, flags] = arrayOf(plain)
    return new RegExp(textOf(source), textOf(flags))
  },
}

const bufferType: SpecialType = {
  name: 'ArrayBuffer',
  encode: (value) => toBase64Url(new Uint8Array((value as ArrayBuffer).slice(0))),
  decode: (plain) => bytesOf(plain).buffer,
}

const bytesType = viewType('Uint8Array', Uint8Array)

interface ViewConstructor {
  new (buffer: ArrayBuffer): ArrayBufferView
  readonly prototype: ArrayBufferView
}

/** Newer than the oldest runtime that is supported. */
const { Float16Array } = globalThis as { Float16Array?: ViewConstructor }

const typeOfPrototype: ReadonlyMap<unknown, SpecialType> = new Map<unknown, SpecialType>([
  [Date.prototype, dateType],
  [Map.prototype, mapType],
  [Set.prototype, setType],
  [URL.prototype, urlType],
  [RegExp.prototype, regExpType],
  [ArrayBuffer.prototype, bufferType],
  [DataView.prototype, viewType('DataView', DataView)],
  [Uint8Array.prototype, bytesType],
  [Uint8ClampedArray.prototype, viewType('Uint8ClampedArray', Uint8ClampedArray)],
  [Int8Array.prototype, viewType('Int8Array', Int8Array)],
  [Uint16Array.prototype, viewType('Uint16Array', Uint16Array)],
  [Int16Array.prototype, viewType('Int16Array', Int16Array)],
  [Uint32Array.prototype, viewType('Uint32Array', Uint32Array)],
  [Int32Array.prototype, viewType('Int32Array', Int32Array)],
  [Float32Array.prototype, viewType('Float32Array', Float32Array)],
  [Float64Array.prototype, viewType('Float64Array', Float64Array)],
  [BigInt64Array.prototype, viewType('BigInt64Array', BigInt64Array)],
  [BigUint64Array.prototype, viewType('BigUint64Array', BigUint64Array)],
  ...(Float16Array ? [[Float16Array.prototype, viewType('Float16Array', Float16Array)] as const] : []),
])

/** All built-in types. */
export const builtinTypes: readonly SpecialType[] = [undefinedType, numberType, bigintType, ...typeOfPrototype.values()]

/** The bytes that are viewed, not those around them, as base64url in the byte order of the machine. */
function viewType(name: string, View: ViewConstructor): SpecialType {
  return {
    name,
    encode(value) {
      const { buffer, byteOffset, byteLength } = value as ArrayBufferView
      return toBase64Url(new Uint8Array(buffer, byteOffset, byteLength))
    },
    decode: (plain) => new View(bytesOf(plain).buffer),
  }
}

/** Node's Buffer is a Uint8Array with other methods, and the only subclass whose instances are nothing more. */
function isBuffer(value: object): boolean {
  const { Buffer } = globalThis as { Buffer?: { readonly prototype?: unknown } }
  return value instanceof Uint8Array && Object.getPrototypeOf(value) === Buffer?.prototype
}

function textOf(plain: unknown): string {
  if (typeof plain !== 'string') malformed()
  return plain
}

function arrayOf(plain: unknown): unknown[] {
  if (!Array.isArray(plain)) malformed()
  return plain
}

function bytesOf(plain: unknown): Uint8Array<ArrayBuffer> {
  const bytes = fromBase64Url(textOf(plain))
  if (bytes === null) malformed()
  return bytes
}

/** To the caller of `decode` it is a corrupt record, and nothing more is said of it. */
function malformed(): never {
  throw new TypeError('malformed')
}
