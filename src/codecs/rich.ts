import type { Codec } from '../contract/codec.ts'
import { SessionError } from '../errors.ts'
import { enter, flatten, flattenValue, leave, refusal, type Walk } from './flatten.ts'
import { arePlain } from './plain.ts'
import { revive, type TableRow } from './revive.ts'
import { builtinTypeOf, builtinTypes, describeSpecial, type SpecialType } from './special-types.ts'
import { parseText, valuesOf, writeText } from './values-text.ts'

/**
 * How instances of a class of the application are stored.
 *
 *     const money: CustomType = {
 *       name: 'money',
 *       is: (value) => value instanceof Money,
 *       encode: (value: Money) => [value.amount, value.currency],
 *       decode: ([amount, currency]: [bigint, string]) => new Money(amount, currency),
 *     }
 */
export interface CustomType {
  /**
   * The tag in the payload. Unique, not the name of a built-in type, and not to be changed while sessions with it live:
   * a payload with an unknown tag counts as corrupt.
   */
  readonly name: string
  /**
   * Whether this type writes the value. Asked about objects, functions and symbols that are not plain JSON, before the
   * built-in types.
   */
  is(value: unknown): boolean
  /** Something that can be stored in place of the value: plain JSON, built-in types, or other custom types. */
  encode(value: unknown): unknown
  /** The value from what `encode` returned. It may throw: the payload then counts as corrupt. */
  decode(plain: unknown): unknown
}

/** What `richCodec` stores besides the built-in types. */
export interface RichCodecOptions {
  /** Types of the application; the first whose `is` says yes writes a value. Default: none. */
  readonly types?: readonly CustomType[]
}

/**
 * The default codec: JSON, and beside it a table of the values that JSON cannot hold.
 *
 * A session of plain JSON values is stored as plain JSON and nothing else. These come back as they were, nested in any
 * way: Date, Map, Set, BigInt, URL, RegExp, typed arrays, ArrayBuffer, DataView, `undefined`, NaN, -0, the infinities
 * and the registered types. Not kept: shared identity (two references become two copies), holes in arrays (they become
 * `undefined`), further properties of an array or a built-in object, a null prototype, the class of a Buffer.
 *
 * In the payload a special value stands as its plain form, and the field `t` lists `[tag, ...path]` for each, inner
 * ones first. The table is beside the data, so nothing in the data can pass for a tag:
 *
 *     {"d":{"seen":[1767225600000]},"t":[["Date","d","seen",0]]}
 *
 * `encode` throws `VALUE_INVALID` with the path for functions, symbols, symbol keys, getters, instances of other
 * classes, cycles and more than 64 levels. `decode` constructs the built-in and registered types, nothing else.
 * Throws `CONFIG_INVALID` for a bad list of types.
 */
export function richCodec(options: RichCodecOptions = {}): Codec {
  const customTypes = (options.types ?? []).map(register)
  const types = byTag([...builtinTypes, ...customTypes])
  return {
    encode(values) {
      if (arePlain(values)) return writeText(values)
      const table: TableRow[] = []
      const plain = flatten(values, (value, walk) => writeSpecial(value, walk, customTypes, table))
      return writeText(plain, table.length > 0 ? table : undefined)
    },
    decode(text) {
      const parsed = parseText(text)
      if (parsed === null || (Object.hasOwn(parsed, 't') && !revive(parsed, types))) return null
      return valuesOf(parsed)
    },
  }
}

interface RegisteredType extends SpecialType {
  is(value: unknown): boolean
}

function writeSpecial(value: unknown, walk: Walk, customTypes: readonly RegisteredType[], table: TableRow[]): unknown {
  const type = customTypeOf(value, walk, customTypes) ?? builtinTypeOf(value)
  if (type === undefined) {
    const { what, fix } = describeSpecial(value)
    throw refusal(walk.path, `it is ${what}. ${fix}`)
  }
  let plain: unknown
  try {
    plain = type.encode(value)
  } catch (cause) {
    throw refusal(walk.path, `it could not be written as ${type.name}. See the cause of this error`, cause)
  }
  if (type.layers !== undefined) {
    enter(value, walk)
    walk.depth -= type.layers
    plain = flattenValue(plain, walk)
    walk.depth += type.layers
    leave(value, walk)
  }
  // After the rows of what is inside, because values are made again in this order.
  table.push([type.name, ...walk.path])
  return plain
}

/** Primitives that have a built-in type are not offered to custom types: most would have to guard against them. */
function customTypeOf(value: unknown, walk: Walk, customTypes: readonly RegisteredType[]): RegisteredType | undefined {
  if (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol') return undefined
  return customTypes.find((type) => {
    try {
      return type.is(value)
    } catch (cause) {
      throw refusal(walk.path, `the custom type ${type.name} failed to look at it. See the cause of this error`, cause)
    }
  })
}

/** What a custom type encodes to may hold special values again. */
function register(type: CustomType): RegisteredType {
  const { name } = type
  const isComplete = [type.is, type.encode, type.decode].every((part) => typeof part === 'function')
  if (typeof name !== 'string' || name === '' || !isComplete) {
    throw new SessionError(
      'CONFIG_INVALID',
      'A custom type of richCodec needs a name and the functions is, encode, decode.',
    )
  }
  return {
    name,
    layers: 0,
    is: (value) => type.is(value),
    encode: (value) => type.encode(value),
    decode: (plain) => type.decode(plain),
  }
}

function byTag(types: readonly SpecialType[]): ReadonlyMap<unknown, SpecialType> {
  const tags = new Map<unknown, SpecialType>()
  for (const type of types) {
    if (tags.has(type.name)) {
      const message = `Two types of richCodec are called ${type.name}, or it is a built-in type. Choose another name.`
      throw new SessionError('CONFIG_INVALID', message)
    }
    tags.set(type.name, type)
  }
  return tags
}
