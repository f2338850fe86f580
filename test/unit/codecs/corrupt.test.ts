import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonCodec } from '../../../src/codecs/json.ts'
import { type CustomType, richCodec } from '../../../src/codecs/rich.ts'
import { builtinTypes } from '../../../src/codecs/special-types.ts'
import type { SessionValues } from '../../../src/contract/codec.ts'
import { damaged } from '../../fixtures/damage.ts'
import { boxType, difference, key, plainValue, richValue, valuesDifference, valuesOf } from './values.ts'

const codec = richCodec({ types: [boxType] })
const strict = jsonCodec()

/** Decoding may return null or well-formed values; it may not throw, and not touch what all objects share. */
function expectHarmless(text: string): SessionValues | null {
  const shared = () =>
    [Object.prototype, Array.prototype].flatMap((prototype) => Reflect.ownKeys(prototype).map(String)).join()
  const before = shared()
  const decoded = codec.decode(text)
  strict.decode(text)
  expect(shared()).toBe(before)
  if (decoded === null) return null
  expect(Object.getPrototypeOf(decoded.data)).toBe(Object.prototype)
  // It can be stored again unless it is nested too deeply, and is then the same.
  const again = codec.decode(codec.encode(decoded))
  expect(valuesDifference(again, decoded)).toBeNull()
  return decoded
}

const payload = valuesOf(richValue).map((values) => codec.encode(values))

describe('SEC-62 decoding', () => {
  it('answers any text without throwing', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.json(),
          plainValue.map((value) => JSON.stringify(value)),
        ),
        (text) => {
          expectHarmless(text)
          expectHarmless(`{"d":${text}}`)
          expectHarmless(`{"d":{"x":0},"t":${text}}`)
        },
      ),
    )
  })

  it('answers cut, flipped and filled texts without throwing', () => {
    fc.assert(
      fc.property(damaged(payload), (text) => void expectHarmless(text)),
      { numRuns: 500 },
    )
  })

  it('answers texts whose JSON was changed without throwing', () => {
    fc.assert(
      fc.property(payload, fc.nat(), plainValue, (text, choice, replacement) => {
        const tree = JSON.parse(text)
        const places: Array<[object, string]> = []
        const collect = (node: unknown) => {
          if (typeof node !== 'object' || node === null) return
          for (const name of Object.keys(node)) {
            places.push([node, name])
            collect(Object.getOwnPropertyDescriptor(node, name)?.value)
          }
        }
        collect(tree)
        const [node, name] = places[choice % places.length] ?? [tree, 'd']
        Object.defineProperty(node, name, { value: replacement, enumerable: true, configurable: true, writable: true })
        expectHarmless(JSON.stringify(tree))
      }),
      { numRuns: 500 },
    )
  })

  it('answers made-up side tables without throwing', () => {
    const tag = fc.oneof(
      fc.constantFrom(...builtinTypes.map((type) => type.name), 'box', '__proto__', 'constructor'),
      key,
    )
    const step = fc.oneof(key, fc.constantFrom<string | number>('d', 'f', 'x', 'a', 0, 1, -1, 0.5, 1e9))
    const row = fc.tuple(tag, fc.array(step, { maxLength: 4 })).map(([name, path]) => [name, 'd', ...path])
    fc.assert(
      fc.property(valuesOf(plainValue), fc.array(row, { maxLength: 5 }), (values, table) => {
        const data = {
          x: ['AQ', null, [['a', 1]], 5, 'NaN', '7', ['a', 'g'], { content: 1 }],
          a: { x: null },
          ...values.data,
        }
        const wire = JSON.parse(codec.encode({ ...values, data }))
        expectHarmless(JSON.stringify({ ...wire, t: table }))
      }),
      { numRuns: 1000 },
    )
  })

  it.each([
    ['no array', '{}'],
    ['null', 'null'],
    ['a row that is no array', '[{"0":"Date","1":"d","2":"date"}]'],
    ['an empty row', '[[]]'],
    ['a row without a path', '[["Date"]]'],
    ['an unknown tag', '[["Function","d","text"]]'],
    ['a tag that every object has', '[["constructor","d","text"]]'],
    ['a tag that is no string', '[[["Date"],"d","date"]]'],
    ['all of the data', '[["Set","d"]]'],
    ['all of the messages', '[["Set","f"]]'],
    ['a field that is neither', '[["Date","x","a"]]'],
    ['itself', '[["Set","t"]]'],
    ['a missing key', '[["Date","d","missing"]]'],
    ['a missing index', '[["Date","d","list",9]]'],
    ['an index as text', '[["Date","d","list","0"]]'],
    ['a key as a number', '[["Date","d",0]]'],
    ['the length of an array', '[["Date","d","list","length"]]'],
    ['the prototype', '[["Date","d","__proto__","polluted"]]'],
    ['the prototype of the prototype', '[["undefined","d","__proto__","__proto__"]]'],
    ['the prototype by its constructor', '[["Date","d","constructor","prototype","polluted"]]'],
    ['a path through a string', '[["undefined","d","text",0]]'],
    ['a path through null', '[["undefined","d","none","x"]]'],
    ['a path through a value that was made', '[["Map","d","map"],["undefined","d","map",0,1]]'],
    ['the same value twice', '[["Date","d","date"],["Date","d","date"]]'],
    ['a Date from text', '[["Date","d","text"]]'],
    ['a Date out of range', '[["Date","d","huge"]]'],
    ['a Map from pairs that are none', '[["Map","d","list"]]'],
    ['a Map from triples', '[["Map","d","triples"]]'],
    ['a Map from text', '[["Map","d","text"]]'],
    ['a Set from an object', '[["Set","d","object"]]'],
    ['a BigInt from text', '[["BigInt","d","text"]]'],
    ['a BigInt from hex', '[["BigInt","d","hex"]]'],
    ['a number from a number', '[["number","d","date"]]'],
    ['a number from other text', '[["number","d","hex"]]'],
    ['undefined from a value', '[["undefined","d","date"]]'],
    ['a URL from text', '[["URL","d","text"]]'],
    ['a RegExp from a bad source', '[["RegExp","d","badSource"]]'],
    ['a RegExp from bad flags', '[["RegExp","d","badFlags"]]'],
    ['bytes from a length', '[["Uint8Array","d","huge"]]'],
    ['bytes from text that is no base64url', '[["Uint8Array","d","text"]]'],
    ['half an element', '[["Float64Array","d","bytes"]]'],
  ])('SEC-56: a side table with %s makes the text null', (_name, table) => {
    const data =
      '{"date":0,"list":[0],"text":"not 1","none":null,"map":[["k",null]],"huge":9e15,"object":{},"hex":"0x10",' +
      '"triples":[[1,2,3]],"badSource":["(",""],"badFlags":["a","gg"],"bytes":"AQ"}'
    expect(codec.decode(`{"d":${data},"f":{"a":1},"x":{"a":1}}`)).not.toBeNull()
    expect(codec.decode(`{"d":${data},"f":{"a":1},"x":{"a":1},"t":${table}}`)).toBeNull()
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
    expect(Object.getOwnPropertyDescriptor(Object.prototype, '__proto__')?.get).toBeTypeOf('function')
  })

  it('SEC-57: a side table reaches an own key called __proto__ and leaves the prototype alone', () => {
    const text = '{"d":{"__proto__":{"at":0},"a":{"__proto__":0}},'
    const decoded = codec.decode(`${text}"t":[["Date","d","__proto__","at"],["Date","d","a","__proto__"]]}`)
    const expected = Object.fromEntries<unknown>([
      ['__proto__', { at: new Date(0) }],
      ['a', Object.fromEntries([['__proto__', new Date(0)]])],
    ])
    expect(difference(decoded?.data, expected)).toBeNull()
  })

  it('SEC-56: a forged path does not reach into what a custom type made', () => {
    let runs = 0
    const trap: CustomType = {
      name: 'trap',
      is: () => false,
      encode: () => null,
      decode: () => Object.defineProperty({}, 'run', { enumerable: true, get: () => ++runs, set: () => ++runs }),
    }
    const guarded = richCodec({ types: [trap] })
    expect(guarded.decode('{"d":{"x":0},"t":[["trap","d","x"]]}')).not.toBeNull()
    for (const rest of ['"run"', '"run","x"']) {
      expect(guarded.decode(`{"d":{"x":0},"t":[["trap","d","x"],["undefined","d","x",${rest}]]}`)).toBeNull()
    }
    expect(runs).toBe(0)
  })

  it('SEC-56: data that looks executable stays data', () => {
    const text = '{"d":{"toJSON":"x","then":"_$$ND_FUNC$$_function(){}()","py/object":"os.system","$type":"Date"}}'
    expect(codec.decode(text)?.data).toEqual(JSON.parse(text).d)
  })

  it('answers deeply nested texts without throwing', () => {
    for (const text of ['['.repeat(1e6), `${'['.repeat(1e5)}${']'.repeat(1e5)}`, '{"a":'.repeat(1e5)]) {
      expect(codec.decode(text)).toBeNull()
    }
    const deep = `{"d":{"x":${'['.repeat(1e5)}${']'.repeat(1e5)}},"t":[["Set","d","x"]]}`
    expect(() => codec.decode(deep)).not.toThrow()
  })
})
