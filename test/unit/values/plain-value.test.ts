import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { isPlainArray, isPlainObject } from '../../../src/values/plain-value.ts'

describe('a plain object', () => {
  it.each<[string, object]>([
    ['a literal', {}],
    ['one without a prototype', Object.create(null)],
    ['a literal of another realm', runInNewContext('({})')],
    ['what JSON.parse of another realm made', runInNewContext('JSON.parse("{}")')],
    ['one with a key that objects have of their own', { isPrototypeOf: 1, constructor: 2 }],
  ])('is %s', (_, value) => {
    expect(isPlainObject(value)).toBe(true)
  })

  it.each<[string, object]>([
    ['an instance', new (class Cart {})()],
    ['an instance of another realm', runInNewContext('new (class Cart {})')],
    ['an instance of a class that extends null', runInNewContext('Object.create((class extends null {}).prototype)')],
    ['one with a literal as its prototype', Object.create({})],
    ['one with an object without a prototype as its prototype', Object.create(Object.create(null))],
    ['an array', []],
    ['a Date', new Date()],
    ['a Map', new Map()],
    ['a Map of another realm', runInNewContext('new Map()')],
    ['a function', () => 1],
    ['an error', new Error('x')],
    ['bytes', new Uint8Array(1)],
  ])('is not %s', (_, value) => {
    expect(isPlainObject(value)).toBe(false)
  })
})

describe('a plain array', () => {
  it('is one of any realm that is no subclass', () => {
    for (const list of [[], new Array(3), runInNewContext('[1]')]) expect(isPlainArray(list)).toBe(true)
    for (const list of [
      new (class List extends Array {})(),
      runInNewContext('new (class List extends Array {})'),
      Object.setPrototypeOf([], null),
    ]) {
      expect([list, isPlainArray(list)]).toEqual([list, false])
    }
  })
})
