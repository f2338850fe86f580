import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { richCodec } from '../../../../src/codecs/rich.ts'
import { HandedOut } from '../../../../src/core/changes/handed-out.ts'
import { boxType, difference } from '../../codecs/values.ts'
import { held, mutationsOf } from './mutations.ts'

const codec = richCodec({ types: [boxType] })
const textOf = (value: unknown) => codec.encode({ data: { value } })

function copyOf<Value>(value: Value): Value {
  return codec.decode(textOf(value))?.data['value'] as Value
}

describe('HandedOut', () => {
  it('tells an object once that was changed in place, and not one that was not', () => {
    fc.assert(
      fc.property(held, held, fc.nat(), (generated, other, pick) => {
        const value = copyOf(generated)
        const handedOut = new HandedOut(textOf)
        handedOut.watch('a', value)
        handedOut.watch('b', other)
        expect(handedOut.takeChanged('a')).toEqual([])
        const mutations = mutationsOf(value)
        mutations[pick % mutations.length]?.[1]()
        expect(handedOut.takeChanged('a')).toEqual([value])
        expect(handedOut.takeChanged('a')).toEqual([])
        expect(handedOut.takeChanged('b')).toEqual([])
        expect(handedOut.takeChanged('never handed out')).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it('an object that is handed out again is still compared with what it looked like at first', () => {
    const handedOut = new HandedOut(textOf)
    const cart = ['a']
    handedOut.watch('cart', cart)
    cart.push('b')
    handedOut.watch('cart', cart)
    expect(handedOut.takeChanged('cart')).toEqual([cart])
  })

  it('two objects under one key: each is told when it changes, the one that was handed out last at the end', () => {
    const handedOut = new HandedOut(textOf)
    const [old, recent] = [['old'], ['recent']]
    handedOut.watch('cart', old)
    handedOut.watch('cart', recent)
    handedOut.watch('cart', old)
    recent.push('x')
    expect(handedOut.takeChanged('cart').map((each) => each === recent)).toEqual([true])
    old.push('x')
    recent.push('y')
    expect(handedOut.takeChanged('cart').map((each) => [each === old, each === recent])).toEqual([
      [true, false],
      [false, true],
    ])
  })

  it('what the application has replaced is not watched any more', () => {
    const handedOut = new HandedOut(textOf)
    const [old, recent] = [['old'], ['recent']]
    handedOut.watch('cart', old)
    handedOut.watch('cart', recent)
    expect([...handedOut.keys()]).toEqual(['cart'])
    handedOut.forget('cart')
    old.push('x')
    recent.push('x')
    expect([handedOut.takeChanged('cart'), [...handedOut.keys()]]).toEqual([[], []])
  })

  it('finds the object of the application that a stored value is a copy of, whatever it is', () => {
    fc.assert(
      fc.property(held, held, (value, other) => {
        const handedOut = new HandedOut(textOf)
        handedOut.watch('a', value)
        expect(handedOut.twinOf('a', copyOf(value))).toBe(value)
        expect(handedOut.twinOf('b', copyOf(value))).toBeUndefined()
        if (difference(copyOf(value), copyOf(other)) !== null)
          expect(handedOut.twinOf('a', copyOf(other))).toBeUndefined()
      }),
      { numRuns: 300 },
    )
  })

  it('of two that look alike it finds the one that was handed out last', () => {
    const handedOut = new HandedOut(textOf)
    const [old, recent] = [['same'], ['same']]
    handedOut.watch('cart', old)
    handedOut.watch('cart', recent)
    expect(handedOut.twinOf('cart', ['same']) === recent).toBe(true)
    recent.push('x')
    handedOut.takeChanged('cart')
    expect(handedOut.twinOf('cart', ['same']) === old).toBe(true)
    expect(handedOut.twinOf('cart', 'same')).toBeUndefined()
  })

  it('what cannot be looked at has changed whenever somebody asks, and is nobody else', () => {
    const handedOut = new HandedOut(textOf)
    const cycle: unknown[] = []
    cycle.push(cycle)
    handedOut.watch('a', cycle)
    for (let times = 0; times < 3; times++) {
      expect(handedOut.takeChanged('a').map((each) => each === cycle)).toEqual([true])
    }
    expect(handedOut.twinOf('a', cycle)).toBeUndefined()
  })
})
