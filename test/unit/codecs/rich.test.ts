import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CustomType, richCodec } from '../../../src/codecs/rich.ts'
import { SessionError } from '../../../src/errors.ts'
import { Box, boxType, difference, richValue, valuesDifference, valuesOf } from './values.ts'

const codec = richCodec({ types: [boxType] })

function roundTrip(value: unknown): unknown {
  return codec.decode(codec.encode({ data: { value } }))?.data.value
}

function refusalOf(value: unknown, types: CustomType[] = []): SessionError {
  try {
    richCodec({ types }).encode({ data: { cart: [0, { at: value }] } })
  } catch (error) {
    if (error instanceof SessionError) return error
  }
  throw new Error('expected a refusal')
}

describe('richCodec', () => {
  it('X8: every supported value comes back as it was, nested in any way, under any key', () => {
    fc.assert(
      fc.property(valuesOf(richValue), (values) => {
        expect(valuesDifference(codec.decode(codec.encode(values)), values)).toBeNull()
      }),
      { numRuns: 500 },
    )
  })

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['-0', -0],
    ['BigInt', -(2n ** 200n)],
    ['Date', new Date(1767225600123)],
    ['invalid Date', new Date(Number.NaN)],
    ['Map', new Map<unknown, unknown>([[{ id: 1n }, new Map([[new Date(1), undefined]])]])],
    ['Set', new Set<unknown>([new Set([Number.NaN]), [undefined], '__proto__'])],
    ['URL', new URL('https://user@example.com:8443/a?b=ü#c')],
    ['RegExp', /a\/[b"]\n/gimsuy],
    ['ArrayBuffer', new Uint8Array([1, 2, 255]).buffer],
    ['DataView', new DataView(new Uint8Array([1, 2, 255]).buffer)],
    ['Uint8Array', new Uint8Array([0, 1, 255])],
    ['Uint8ClampedArray', new Uint8ClampedArray([0, 300])],
    ['Int8Array', new Int8Array([-1])],
    ['Int16Array', new Int16Array([-2])],
    ['Uint16Array', new Uint16Array([65535])],
    ['Int32Array', new Int32Array([-3])],
    ['Uint32Array', new Uint32Array([2 ** 32 - 1])],
    ['Float32Array', new Float32Array([0.5, Number.NaN])],
    ['Float64Array', new Float64Array([Math.PI, -0])],
    ['BigInt64Array', new BigInt64Array([-(2n ** 63n)])],
    ['BigUint64Array', new BigUint64Array([2n ** 64n - 1n])],
    ['custom type', new Box(new Map([[new Box(1), new Box([undefined])]]))],
  ])('X8: keeps %s as a value, in an array, in an object, in a Map and as its key', (_name, value) => {
    const nested = [value, { value }, new Map([[value, value]]), new Set([value])]
    expect(difference(roundTrip(value), value)).toBeNull()
    expect(difference(roundTrip(nested), nested)).toBeNull()
  })

  it('X8: the oracle of these tests tells values apart', () => {
    const pairs = [
      [0, -0],
      [undefined, null],
      [{ a: undefined }, {}],
      [new Date(1), new Date(2)],
      [new Map([[1, 2]]), new Map([[1, 3]])],
      [new Set([1, 2]), new Set([2, 1])],
      [new Uint8Array([1]), new Int8Array([1])],
      [new URL('https://a.example'), new URL('https://b.example')],
      [Object.fromEntries([['__proto__', 1]]), {}],
      [new Box(1), { content: 1 }],
    ]
    for (const [a, b] of pairs) expect(difference([a], [b])).not.toBeNull()
  })

  it('stores special values beside the data, inner ones first', () => {
    const data = { seen: [new Date(1767225600000)], 'a.b': new Map([['k', 1n]]), gone: undefined }
    const flash = { n: Number.NaN }
    expect(JSON.parse(codec.encode({ data, flash }))).toEqual({
      d: { seen: [1767225600000], 'a.b': [['k', '1']], gone: null },
      f: { n: 'NaN' },
      t: [
        ['Date', 'd', 'seen', 0],
        ['BigInt', 'd', 'a.b', 0, 1],
        ['Map', 'd', 'a.b'],
        ['undefined', 'd', 'gone'],
        ['number', 'f', 'n'],
      ],
    })
  })

  it('stores a Buffer, and the part of a buffer that is viewed, as a Uint8Array of its own', () => {
    const stored = roundTrip(Buffer.from('hello').subarray(1, 3))
    expect(difference(stored, new Uint8Array([101, 108]))).toBeNull()
    expect((stored as Uint8Array).buffer.byteLength).toBe(2)
    expect(
      difference(roundTrip(new Uint16Array(new Uint8Array([9, 9, 1, 2]).buffer, 2)), new Uint16Array([0x0201])),
    ).toBeNull()
  })

  it('turns holes into undefined, shared references into copies, a missing prototype into the usual one', () => {
    const holes = [1]
    holes[3] = 4
    expect(difference(roundTrip(holes), [1, undefined, undefined, 4])).toBeNull()
    const shared = [new Date(0)]
    expect(difference(roundTrip([shared, shared]), [[new Date(0)], [new Date(0)]])).toBeNull()
    const bare = Object.assign(Object.create(null), { at: new Date(0) })
    expect(difference(roundTrip(bare), { at: new Date(0) })).toBeNull()
    expect(difference(roundTrip([1n, runInNewContext('({ a: [1] })')]), [1n, { a: [1] }])).toBeNull()
  })

  it('returns data of its own', () => {
    const data = { at: new Date(0), list: [1] }
    const decoded = codec.decode(codec.encode({ data }))?.data
    expect(decoded?.list).not.toBe(data.list)
    expect(decoded?.at).not.toBe(data.at)
  })

  it('SEC-57: data that looks like a side table is data', () => {
    const forged = { t: [['Date', 'd', 'x']], x: 0, d: { x: 0 }, json: [], meta: { values: { x: ['Date'] } } }
    expect(difference(roundTrip(forged), forged)).toBeNull()
    const beside = { ...forged, at: new Date(1) }
    expect(difference(roundTrip(beside), beside)).toBeNull()
  })

  it.each<[string, unknown, RegExp]>([
    ['a function', () => 'hunter2', /^Cannot store data\.cart\[1\]\.at: it is a function\. Store/],
    ['a symbol', Symbol('hunter2'), /at: it is a symbol\. Store a string/],
    ['a symbol as a key', { [Symbol('hunter2')]: 1, x: 1n }, /at: it has a symbol as a key\. Use/],
    [
      'a class instance',
      new (class Secret {
        value = 'hunter2'
      })(),
      /at: it is an instance of a class\. Store its fields/,
    ],
    [
      'an instance with toJSON',
      new (class Secret {
        toJSON() {
          return 'hunter2'
        }
      })(),
      /at: .* Store what its toJSON returns/,
    ],
    ['a plain object with toJSON', { x: 1n, toJSON: () => 'hunter2' }, /at\.toJSON: it is a function/],
    [
      'a Map subclass',
      new (class Cart extends Map<string, number> {})([['hunter2', 1]]),
      /at: it is an instance of a class/,
    ],
    ['a Uint8Array subclass', new (class Key extends Uint8Array {})(), /at: it is an instance of a class/],
    ['an array subclass', new (class List extends Array {})(), /at: it is an instance of a class/],
    ['a promise', Promise.resolve('hunter2'), /at: it is a promise\. Await it first/],
    ['an error', new Error('hunter2'), /at: it is an instance of a class/],
    ['a boxed string', Object('hunter2'), /at: it is an instance of a class/],
    ['a false Date', Object.create(Date.prototype), /at: it could not be written as Date/],
    ['a false URL', Object.create(URL.prototype), /at: it could not be written as URL/],
    [
      'something in a Map',
      new Map([['k', () => 'hunter2']]),
      /^Cannot store data\.cart\[1\]\.at\[0\]\[1\]: it is a function/,
    ],
  ])('SEC-61: refuses %s with the path, and does not show the value', (_name, value, message) => {
    const error = refusalOf(value)
    expect(error.code).toBe('VALUE_INVALID')
    expect(error.message).toMatch(message)
    expect(error.message).not.toContain('hunter2')
  })

  it('SEC-61: refuses cycles through any container, also those that a custom type makes', () => {
    const object: Record<string, unknown> = {}
    object.self = object
    const map = new Map()
    map.set(map, 1)
    const set = new Set()
    set.add([set])
    for (const cycle of [object, map, set]) expect(refusalOf(cycle).message).toMatch(/contains itself/)
    const mirror: CustomType = { ...boxType, encode: (box) => [box] }
    expect(refusalOf(new Box(1), [mirror]).message).toMatch(/contains itself/)
    const endless: CustomType = { ...boxType, encode: () => new Box(1) }
    expect(refusalOf(new Box(1), [endless]).message).toMatch(/nested deeper than 64 levels/)
  })

  it('SEC-61: counts objects, arrays, Maps, Sets and custom types as levels, 64 at most', () => {
    const wrappers = [
      (inner: unknown) => [inner],
      (inner: unknown) => ({ inner }),
      (inner: unknown) => new Map([[1, inner]]),
      (inner: unknown) => new Map([[inner, 1]]),
      (inner: unknown) => new Set([inner]),
    ]
    for (const wrap of wrappers) {
      let value: unknown = 1n
      for (let level = 0; level < 64; level++) value = wrap(value)
      expect(difference(roundTrip(value), value)).toBeNull()
      expect(() => roundTrip(wrap(value))).toThrow(/nested deeper than 64 levels/)
    }
  })

  it('SEC-56: runs no getter while it encodes', () => {
    let runs = 0
    const trap = Object.defineProperty({ x: 1n }, 'total', { enumerable: true, get: () => ++runs })
    const at = Object.defineProperty(new Date(0), 'note', { enumerable: true, get: () => ++runs })
    expect(refusalOf(trap).message).toMatch(/at\.total: it is a getter\. Store the value/)
    expect(difference(roundTrip(at), new Date(0))).toBeNull()
    expect(runs).toBe(0)
  })
})

describe('custom types of richCodec', () => {
  it('L16: are asked in order and before the built-in types, not about plain JSON and primitives', () => {
    const asked: unknown[] = []
    const types: CustomType[] = [
      { name: 'none', is: (value) => asked.push(value) < 0, encode: String, decode: String },
      {
        name: 'day',
        is: (value) => value instanceof Date,
        encode: (date: Date) => date.toISOString().slice(0, 10),
        decode: (day: string) => new Date(day),
      },
    ]
    const at = new Date('2026-01-02T03:04:05Z')
    const rich = richCodec({ types })
    const payload = rich.encode({ data: { at, list: [1, 'x', null, {}], big: 1n, none: undefined } })
    expect(JSON.parse(payload).t[0]).toEqual(['day', 'd', 'at'])
    expect(rich.decode(payload)?.data.at).toEqual(new Date('2026-01-02'))
    expect(asked).toEqual([at])
  })

  it('L16: may be kept in classes', () => {
    class Codecs {
      readonly name = 'box'
      private readonly key = 'k'
      is(value: unknown): boolean {
        return value instanceof Box && this.key === 'k'
      }
      encode(value: unknown): unknown {
        return { [this.key]: (value as Box).content }
      }
      decode(plain: unknown): unknown {
        return new Box((plain as Record<string, unknown>)[this.key])
      }
    }
    const rich = richCodec({ types: [new Codecs()] })
    const decoded = rich.decode(rich.encode({ data: { box: new Box(1n) } }))
    expect(difference(decoded?.data.box, new Box(1n))).toBeNull()
  })

  it.each([
    ['a duplicate', [boxType, boxType]],
    ...['Date', 'Map', 'undefined', 'number', 'BigInt', 'Uint8Array', 'DataView'].map(
      (name) => [`the built-in name ${name}`, [{ ...boxType, name }]] as [string, CustomType[]],
    ),
    ['an empty name', [{ ...boxType, name: '' }]],
    ['a missing function', [{ name: 'x', is: () => true, encode: String } as unknown as CustomType]],
  ])('L16: %s is refused at construction', (_name, types) => {
    expect(() => richCodec({ types: types as CustomType[] })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })

  it('L16: the failure of a custom type has the path and the cause', () => {
    const cause = new Error('broken')
    const fail = () => {
      throw cause
    }
    for (const type of [
      { ...boxType, is: fail },
      { ...boxType, encode: fail },
    ]) {
      const error = refusalOf(new Box(1), [type])
      expect(error.code).toBe('VALUE_INVALID')
      expect(error.message).toMatch(/^Cannot store data\.cart\[1\]\.at: .*box/)
      expect(error.cause).toBe(cause)
    }
    expect(refusalOf(new Box(1), [{ ...boxType, encode: () => () => 1 }]).message).toMatch(/at: it is a function/)
  })

  it('SEC-62: a throwing decoder and a type that is no longer registered make the text null', () => {
    const payload = codec.encode({ data: { box: new Box(1) } })
    const broken: CustomType = {
      ...boxType,
      decode() {
        throw new Error('broken')
      },
    }
    expect(richCodec({ types: [broken] }).decode(payload)).toBeNull()
    expect(richCodec().decode(payload)).toBeNull()
  })
})
