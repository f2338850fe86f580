import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { jsonCodec } from '../../../src/codecs/json.ts'
import { richCodec } from '../../../src/codecs/rich.ts'
import { difference } from './values.ts'

const codec = jsonCodec()

/** The error of an attempt to store `data`. */
function refusalOf(data: Record<string, unknown>): { code?: string; message: string } {
  try {
    codec.encode({ data })
  } catch (error) {
    return error as Error
  }
  return { message: 'stored' }
}

describe('jsonCodec', () => {
  it.each([
    ['undefined', undefined],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['-0', -0],
    ['BigInt', 1n],
    ['function', () => 1],
    ['symbol', Symbol('x')],
    ['Date', new Date(0)],
    ['Map', new Map()],
    ['Set', new Set()],
    ['URL', new URL('https://example.com')],
    ['RegExp', /x/],
    ['Uint8Array', new Uint8Array(1)],
    ['Buffer', Buffer.from('x')],
    ['boxed number', Object(1)],
    ['class instance', new (class Cart {})()],
    ['class that extends null', Object.create(Object.create(null))],
    ['array subclass', new (class Items extends Array {})()],
    ['promise', Promise.resolve()],
    ['error', new Error('x')],
    ['object with toJSON', { toJSON: () => 1 }],
    ['object with a symbol key', { [Symbol('x')]: 1 }],
    ['hole', new Array(1)],
  ])('SEC-61: refuses %s and names the path', (_name, value) => {
    const { code, message } = refusalOf({ cart: [1, 2, { at: value }] })
    expect(code).toBe('VALUE_INVALID')
    expect(message).toMatch(/^Cannot store data\.cart\[2\]\.at(\.toJSON|\[0\])?: it .*\. .*\.$/)
    expect(refusalOf({ cart: [value] }).message).toMatch(/^Cannot store data\.cart\[0\]/)
    expect(refusalOf({ '': value }).message).toMatch(/^Cannot store data\[""\]/)
    const flash = { '0': { at: value } }
    expect(() => codec.encode({ data: {}, flash })).toThrow(/^Cannot store flash\["0"\]\.at/)
  })

  it('SEC-61: quotes and cuts keys that are no identifiers', () => {
    expect(refusalOf({ 'a\n"b': 1n }).message).toContain(String.raw`data["a\n\"b"]: it is of type BigInt`)
    expect(refusalOf({ ['__proto__']: 1n }).message).toContain('data.__proto__:')
    expect(refusalOf({ ['x'.repeat(1000)]: 1n }).message.length).toBeLessThan(250)
  })

  it('SEC-61: refuses cycles and more than 64 levels, and takes shared references', () => {
    const cycle: Record<string, unknown> = { list: [] }
    ;(cycle.list as unknown[]).push(cycle)
    expect(refusalOf({ cycle }).message).toMatch(/^Cannot store data\.cycle\.list\[0\]: it contains itself/)
    expect(refusalOf(cycle).code).toBe('VALUE_INVALID')
    const nest = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels))
    expect(refusalOf({ nest: nest(64) }).message).toBe('stored')
    expect(refusalOf({ nest: nest(65) }).message).toMatch(/nested deeper than 64 levels/)
    const flash = (levels: number) => ({ data: {}, flash: { nest: nest(levels) } })
    expect(codec.encode(flash(64))).toContain('[[')
    expect(() => codec.encode(flash(65))).toThrow(/^Cannot store flash\.nest\[0\].*nested deeper/)
    const shared = { a: 1 }
    expect(refusalOf({ one: shared, two: [shared, shared] }).message).toBe('stored')
  })

  it('SEC-56: refuses a getter without running it', () => {
    let runs = 0
    const trap = {
      get total() {
        return ++runs
      },
    }
    expect(refusalOf({ trap }).message).toMatch(/^Cannot store data\.trap\.total: it is a getter/)
    expect(refusalOf(trap as unknown as Record<string, unknown>).message).toMatch(/^Cannot store data\.total: /)
    expect(runs).toBe(0)
  })

  it('takes objects without a prototype and objects of another realm, as plain objects', () => {
    const data = {
      bare: Object.assign(Object.create(null), { a: 1 }),
      foreign: runInNewContext('({ a: [{ b: 1 }, []] })'),
    }
    const decoded = codec.decode(codec.encode({ data }))
    expect(difference(decoded?.data, { bare: { a: 1 }, foreign: { a: [{ b: 1 }, []] } })).toBeNull()
    expect(refusalOf({ thing: runInNewContext('new (class Thing {})') }).code).toBe('VALUE_INVALID')
    expect(refusalOf({ list: runInNewContext('new (class List extends Array {})') }).code).toBe('VALUE_INVALID')
  })

  it('ignores properties that are not enumerable, as JSON does', () => {
    const thing = Object.defineProperty({ a: 1 }, Symbol('tag'), { value: 1 })
    expect(codec.encode({ data: { thing } })).toBe('{"d":{"thing":{"a":1}}}')
  })

  it('L16: reads what richCodec wrote unless there are special values in it', () => {
    const plain = { data: { a: [1, 'x'] } }
    expect(codec.decode(richCodec().encode(plain))).toEqual(plain)
    expect(codec.decode(richCodec().encode({ data: { at: new Date(0) } }))).toBeNull()
    expect(richCodec().decode(codec.encode(plain))).toEqual(plain)
  })
})
