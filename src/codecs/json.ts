import type { Codec } from '../contract/codec.ts'
import { fromWire, parseWire, writeWire } from './envelope.ts'
import { flatten, refusal, type Walk } from './flatten.ts'
import { isPlainEnvelope } from './plain.ts'
import { describeSpecial } from './special-types.ts'

/**
 * The strict codec: strings, booleans, null, finite numbers, arrays and plain objects, written as plain JSON.
 *
 * `encode` throws `VALUE_INVALID` for everything that JSON would drop or change without a word: `undefined`, NaN,
 * -0, Date, Map, functions, class instances, cycles. `decode` answers null for a text of `richCodec` that holds such
 * values, and reads all its other texts.
 */
export function jsonCodec(): Codec {
  return {
    encode(envelope) {
      return writeWire(isPlainEnvelope(envelope) ? envelope : flatten(envelope, refuseSpecial))
    },
    decode(text) {
      const wire = parseWire(text)
      return wire === null || Object.hasOwn(wire, 't') ? null : fromWire(wire)
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
