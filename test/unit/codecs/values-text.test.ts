import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonCodec } from '../../../src/codecs/json.ts'
import { richCodec } from '../../../src/codecs/rich.ts'
import { difference, plainValue, valuesDifference, valuesOf } from './values.ts'

describe.each([
  ['jsonCodec', jsonCodec()],
  ['richCodec', richCodec()],
])('the text of %s', (_name, codec) => {
  it('is one JSON object without what is absent or empty', () => {
    expect(codec.encode({ data: {} })).toBe('{}')
    expect(codec.encode({ data: { a: 1 }, flash: {} })).toBe('{"d":{"a":1}}')
    expect(codec.encode({ data: {}, flash: { notice: 'Added' } })).toBe('{"f":{"notice":"Added"}}')
    expect(codec.encode({ data: { cart: ['a'] }, flash: { notice: 'Added' } })).toBe(
      '{"d":{"cart":["a"]},"f":{"notice":"Added"}}',
    )
  })

  it('stores plain JSON data as exactly that JSON, and brings it back', () => {
    fc.assert(
      fc.property(valuesOf(plainValue), (values) => {
        const text = codec.encode(values)
        const { d, f, t, ...others } = JSON.parse(text)
        expect([t, others]).toEqual([undefined, {}])
        expect(difference(d ?? {}, values.data)).toBeNull()
        expect(difference(f ?? {}, values.flash ?? {})).toBeNull()
        expect(valuesDifference(codec.decode(text), values)).toBeNull()
      }),
    )
  })

  it('does not depend on the values once it is made, nor do those that it brings back', () => {
    const values = { data: { list: [{ n: 1 }] }, flash: { note: { n: 1 } } }
    const text = codec.encode(values)
    const [first, second] = [codec.decode(text), codec.decode(text)]
    values.data.list.push({ n: 2 })
    values.flash.note.n = 2
    Object.assign(first?.data ?? {}, { list: null })
    expect(second).toEqual({ data: { list: [{ n: 1 }] }, flash: { note: { n: 1 } } })
    expect(codec.decode(text)).toEqual(second)
  })

  it('SEC-57: every key is ordinary data, and Object.prototype stays as it is', () => {
    const before = Reflect.ownKeys(Object.prototype)
    const names = [
      ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', ''],
      ...['v', 'd', 'f', 't', 'save', 'get'],
    ]
    const inner = Object.fromEntries(names.map((name) => [name, { isAdmin: name }]))
    const data = Object.fromEntries(names.map((name) => [name, inner]))
    const flash = Object.fromEntries(names.map((name) => [name, inner]))
    const decoded = codec.decode(codec.encode({ data, flash }))
    expect(difference(decoded, { data, flash })).toBeNull()
    expect(Object.getPrototypeOf(decoded?.data)).toBe(Object.prototype)
    expect(Object.getPrototypeOf(decoded?.flash)).toBe(Object.prototype)
    expect(Reflect.ownKeys(Object.prototype)).toEqual(before)
    expect(({} as { isAdmin?: unknown }).isAdmin).toBeUndefined()
  })

  it('SEC-57: what is on Object.prototype is not taken for a field', () => {
    const fields = { d: { role: 'admin' }, f: { notice: 'x' }, t: [['Date', 'd', 'x']] }
    try {
      for (const [name, value] of Object.entries(fields)) {
        Object.defineProperty(Object.prototype, name, { value, configurable: true, enumerable: true, writable: true })
      }
      const decoded = codec.decode('{}')
      expect(Object.keys(decoded ?? {})).toEqual(['data'])
      expect(Object.keys(decoded?.data ?? {})).toEqual([])
      expect(codec.encode({ data: { k: {} } })).toBe('{"d":{"k":{}}}')
    } finally {
      for (const name of Object.keys(fields)) Reflect.deleteProperty(Object.prototype, name)
    }
  })

  it.each([
    ...['', ' ', '{', 'null', '1', '"x"', '[]', 'undefined', '\uFEFF{}', '{}x', '{"d":{}', '[{"d":{}}]'],
    ...['null', '[]', '1', '"x"', 'true'].flatMap((value) => [`{"d":${value}}`, `{"d":{},"f":${value}}`]),
  ])('SEC-62: %j is null', (text) => {
    expect(codec.decode(text)).toBeNull()
  })

  it('SEC-62: ignores a field that a later release may add', () => {
    expect(codec.decode('{"later":true,"d":{"a":1}}')).toEqual({ data: { a: 1 } })
    expect(codec.decode('{"__proto__":{"d":{"a":1}}}')).toEqual({ data: {} })
  })
})
