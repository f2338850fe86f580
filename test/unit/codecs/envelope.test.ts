import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonCodec } from '../../../src/codecs/json.ts'
import { richCodec } from '../../../src/codecs/rich.ts'
import type { Envelope } from '../../../src/contract/codec.ts'
import { difference, envelopeDifference, envelopeOf, plainValue } from './values.ts'

const full: Envelope = {
  createdAt: 1,
  rotatedAt: 2,
  authenticatedAt: 3,
  userId: 'u1',
  device: 'Firefox',
  dataVersion: 4,
  data: { cart: ['a'] },
  flash: { notice: { value: 'Added', stamp: 's' } },
  retired: { at: 5, next: 'k', sealedNext: 'x' },
}

describe.each([
  ['jsonCodec', jsonCodec()],
  ['richCodec', richCodec()],
])('the wire form of %s', (_name, codec) => {
  it('is one JSON object, the version first, without what is absent or empty', () => {
    expect(codec.encode({ createdAt: 1, data: {} })).toBe('{"v":1,"c":1}')
    expect(codec.encode({ createdAt: 1, data: { a: 1 }, flash: {} })).toBe('{"v":1,"c":1,"d":{"a":1}}')
    expect(codec.encode(full)).toBe(
      '{"v":1,"c":1,"r":2,"a":3,"u":"u1","b":"Firefox","n":4,"d":{"cart":["a"]},' +
        '"f":{"notice":["Added","s"]},"x":{"a":5,"n":"k","s":"x"}}',
    )
    expect(codec.encode({ createdAt: 1, data: {}, retired: { at: 5 } })).toBe('{"v":1,"c":1,"x":{"a":5}}')
  })

  it('brings every fact back', () => {
    expect(envelopeDifference(codec.decode(codec.encode(full)), full)).toBeNull()
    expect(
      difference(codec.decode('{"v":1,"c":1,"x":{"a":5}}'), { createdAt: 1, data: {}, retired: { at: 5 } }),
    ).toBeNull()
  })

  it('stores plain JSON data as exactly that JSON, and brings it back', () => {
    fc.assert(
      fc.property(envelopeOf(plainValue), (envelope) => {
        const payload = codec.encode(envelope)
        const { v, d, t } = JSON.parse(payload)
        expect(v).toBe(1)
        expect(t).toBeUndefined()
        expect(difference(d ?? {}, envelope.data)).toBeNull()
        expect(envelopeDifference(codec.decode(payload), envelope)).toBeNull()
      }),
    )
  })

  it('SEC-57: every key is ordinary data, and Object.prototype stays as it is', () => {
    const before = Reflect.ownKeys(Object.prototype)
    const names = [
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      'hasOwnProperty',
      '',
      'v',
      'd',
      't',
      'save',
      'get',
    ]
    const inner = Object.fromEntries(names.map((name) => [name, { isAdmin: name }]))
    const data = Object.fromEntries(names.map((name) => [name, inner]))
    const flash = Object.fromEntries(names.map((name) => [name, { value: inner, stamp: name }]))
    const envelope = { createdAt: 1, data, flash }
    const decoded = codec.decode(codec.encode(envelope))
    expect(difference(decoded, envelope)).toBeNull()
    expect(Object.getPrototypeOf(decoded?.data)).toBe(Object.prototype)
    expect(Object.getPrototypeOf(decoded?.flash)).toBe(Object.prototype)
    expect(Reflect.ownKeys(Object.prototype)).toEqual(before)
    expect(({} as { isAdmin?: unknown }).isAdmin).toBeUndefined()
  })

  it('SEC-57: what is on Object.prototype is not taken for a field', () => {
    const fields = { u: 'admin', a: 9, r: 9, b: 'x', n: 9, d: { role: 'admin' }, f: {}, x: { a: 1 }, t: [] }
    try {
      for (const [name, value] of Object.entries(fields)) {
        Object.defineProperty(Object.prototype, name, { value, configurable: true, enumerable: true, writable: true })
      }
      const decoded = codec.decode('{"v":1,"c":1}')
      expect(Object.keys(decoded ?? {})).toEqual(['createdAt', 'data'])
      expect(Object.keys(decoded?.data ?? {})).toEqual([])
      expect(codec.decode('{"v":1,"c":1,"x":{}}')).toBeNull()
      expect(Object.keys(codec.decode('{"v":1,"c":1,"x":{"a":1}}')?.retired ?? {})).toEqual(['at'])
      expect(codec.encode({ createdAt: 1, data: { k: {} } })).toBe('{"v":1,"c":1,"d":{"k":{}}}')
    } finally {
      for (const name of Object.keys(fields)) Reflect.deleteProperty(Object.prototype, name)
    }
  })

  it('SEC-62: a text that is not the wire form of a known version is null', () => {
    const texts = [
      [
        '',
        ' ',
        '{',
        'null',
        '1',
        '"x"',
        '[]',
        '{}',
        'undefined',
        '\uFEFF{"v":1,"c":1}',
        '{"v":1,"c":1}x',
        '{"v":1,"c":1',
      ],
      ['{"c":1}', '{"v":0,"c":1}', '{"v":2,"c":1}', '{"v":"1","c":1}', '{"v":true,"c":1}', '[1,{"c":1}]'],
      ['{"v":1}', '{"v":1,"c":"1"}', '{"v":1,"c":null}', '{"v":1,"c":1e999}', '{"__proto__":{"v":1,"c":1}}'],
      ...['r', 'a', 'n'].map((field) => [`{"v":1,"c":1,"${field}":"1"}`, `{"v":1,"c":1,"${field}":null}`]),
      ...['u', 'b'].map((field) => [`{"v":1,"c":1,"${field}":1}`, `{"v":1,"c":1,"${field}":null}`]),
      ['null', '[]', '1', '"x"'].map((data) => `{"v":1,"c":1,"d":${data}}`),
      ['null', '[]', '{"k":1}', '{"k":["v"]}', '{"k":["v",1]}', '{"k":["v","s",1]}', '{"k":{"0":"v","1":"s"}}'].map(
        (flash) => `{"v":1,"c":1,"f":${flash}}`,
      ),
      ['null', '[]', '{}', '{"a":"1"}', '{"a":1,"n":1}', '{"a":1,"s":null}'].map(
        (retired) => `{"v":1,"c":1,"x":${retired}}`,
      ),
    ].flat()
    for (const text of texts) expect([text, codec.decode(text)]).toEqual([text, null])
  })

  it('SEC-62: ignores a field that a later release may add', () => {
    expect(codec.decode('{"v":1,"c":1,"later":true}')).toEqual({ createdAt: 1, data: {} })
  })

  it('SEC-61: refuses facts that could not be read again', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const invalid = (name: string) =>
        expect.objectContaining({ code: 'VALUE_INVALID', message: expect.stringContaining(name) })
      expect(() => codec.encode({ createdAt: bad, data: {} })).toThrow(invalid('createdAt'))
      expect(() => codec.encode({ createdAt: 1, rotatedAt: bad, data: {} })).toThrow(invalid('rotatedAt'))
      expect(() => codec.encode({ createdAt: 1, authenticatedAt: bad, data: {} })).toThrow(invalid('authenticatedAt'))
      expect(() => codec.encode({ createdAt: 1, dataVersion: bad, data: {} })).toThrow(invalid('dataVersion'))
      expect(() => codec.encode({ createdAt: 1, data: {}, retired: { at: bad } })).toThrow(invalid('retired.at'))
    }
  })
})
