import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { getOwn, isObject, setOwn } from '../../../src/values/safe-object.ts'
import { difference, key } from '../codecs/values.ts'

describe('user data', () => {
  it('under any key comes back as it was set, and no prototype is touched', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.integer())), (entries) => {
        const data: Record<string, number> = {}
        for (const [name, value] of entries) setOwn(data, name, value)
        expect(difference(data, Object.fromEntries(entries))).toBeNull()
        for (const [name, value] of new Map(entries)) expect(getOwn(data, name)).toBe(value)
        expect(Object.getPrototypeOf(data)).toBe(Object.prototype)
      }),
    )
  })

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
    'has no %s unless it was set',
    (name) => {
      expect(getOwn({}, name)).toBeUndefined()
      expect(getOwn(Object.create({ [name]: 1 }), name)).toBeUndefined()
    },
  )

  it('a value set under __proto__ is an ordinary property: it can be set again, listed and removed', () => {
    const data: Record<string, unknown> = {}
    setOwn(data, '__proto__', { isAdmin: true })
    setOwn(data, '__proto__', { isAdmin: false })
    expect([Object.keys(data), JSON.stringify(data)]).toEqual([['__proto__'], '{"__proto__":{"isAdmin":false}}'])
    expect((data as { isAdmin?: boolean }).isAdmin).toBeUndefined()
    expect(Reflect.deleteProperty(data, '__proto__')).toBe(true)
    expect(Object.keys(data)).toEqual([])
  })

  it('an element of an array can be set', () => {
    const list = [1, 2]
    setOwn(list, 1, 3)
    expect(list).toEqual([1, 3])
  })
})

describe('isObject', () => {
  it('is true for what JSON writes with braces', () => {
    for (const value of [{}, Object.create(null), { length: 1 }]) expect(isObject(value)).toBe(true)
    for (const value of [null, undefined, [], 'x', 1, true, () => 1, 1n]) expect(isObject(value)).toBe(false)
  })
})
