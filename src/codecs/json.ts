import type { Codec } from '../contract/codec.ts'
import { flatten, refusal, type Walk } from './flatten.ts'
import { arePlain } from './plain.ts'
import { describeSpecial } from './special-types.ts'
import { parseText, valuesOf, writeText } from './values-text.ts'

/**
 * The strict codec: strings, booleans, null, finite numbers, arrays and plain objects, written as plain JSON.
 *
 * `encode` throws `VALUE_INVALID` for everything that JSON would drop or change without a word: `undefined`, NaN,
 * -0, Date, Map, functions, class instances, cycles. `decode` returns null for a text of `richCodec` that holds such
 * values, and reads all its other texts.
 */
export function jsonCodec(): Codec {
  return {
    encode(values) {
      return writeText(arePlain(values) ? values : flatten(values, refuseSpecial))
    },
    decode(text) {
      const parsed = parseText(text)
      return parsed === null || Object.hasOwn(parsed, 't') ? null : valuesOf(parsed)
    },
  }
}

function refuseSpecial(value: unknown, walk: Walk): never {
  const { what, fix } = describeSpecial(value)
  throw refusal(
    walk.path,
    `it is ${what}, which JSON cannot keep. ${fix ?? 'Use richCodec, or store a plain form of it'}`,
  )
}
