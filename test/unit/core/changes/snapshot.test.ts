import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { richCodec } from '../../../../src/codecs/rich.ts'
import * as snapshots from '../../../../src/core/changes/snapshot.ts'
import { Box, boxType } from '../../codecs/values.ts'
import { held, mutationsOf } from './mutations.ts'

const codec = richCodec({ types: [boxType] })
const textOf = (each: unknown) => codec.encode({ data: { value: each } })
const snapshot = (each: unknown) => snapshots.snapshot(each, textOf)
const matches = (each: unknown, taken: unknown) => snapshots.matches(each, taken, textOf)

/** A deep copy as the store makes one. */
function copyOf(data: Record<string, unknown>): Record<string, unknown> {
  const copy = codec.decode(codec.encode({ data }))
  if (copy === null) throw new Error('the codec cannot read what it wrote')
  return copy.data
}

describe('snapshot', () => {
  it('matches what it was taken of, whatever it is', () => {
    fc.assert(
      fc.property(held, (original) => {
        const taken = snapshot(original)
        expect(matches(original, taken)).toBe(true)
        expect(matches(copyOf(original), taken)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('notices any single change in place', () => {
    let tried = 0
    fc.assert(
      fc.property(held, fc.nat(), (generated, pick) => {
        const original = copyOf(generated)
        const taken = snapshot(original)
        const changes = mutationsOf(original)
        const [what, change] = changes[pick % changes.length] ?? ['nothing', () => undefined]
        change()
        tried++
        expect(matches(original, taken), what).toBe(false)
      }),
      { numRuns: 500 },
    )
    expect(tried).toBeGreaterThanOrEqual(500)
  })

  it('is private: no change of the original reaches it', () => {
    fc.assert(
      fc.property(held, (original) => {
        const changed = copyOf(original)
        const taken = snapshot(changed)
        for (const [, change] of mutationsOf(changed)) change()
        expect(matches(original, taken)).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  it.each<[string, unknown, unknown]>([
    ['an empty list and an empty object', [], {}],
    ['an empty object and an empty list', {}, []],
    ['a Date and an object', new Date(0), {}],
    ['a Map and an object', new Map([['a', 1]]), {}],
    ['a Set and an object', new Set([1]), {}],
    ['a Map and a Set', new Map(), new Set()],
    ['a URL and its text', new URL('https://example.org/'), 'https://example.org/'],
    ['a URL and an object', new URL('https://example.org/'), {}],
    ['a RegExp and its text', /a/, '/a/'],
    ['a list of bytes and bytes', [1, 2], new Uint8Array([1, 2])],
    ['bytes and clamped bytes', new Uint8Array([1]), new Uint8ClampedArray([1])],
    ['bytes and their buffer', new Uint8Array([1]), new Uint8Array([1]).buffer],
    ['a hole and a value', [1], new Array(1)],
    ['0 and -0', [0], [-0]],
    ['undefined and absence', { a: undefined }, {}],
    ['the order of keys', { a: 1, b: 2 }, { b: 2, a: 1 }],
    [
      'the order of entries',
      new Map([
        [1, 1],
        [2, 2],
      ]),
      new Map([
        [2, 2],
        [1, 1],
      ]),
    ],
    ['the order of members', new Set([1, 2]), new Set([2, 1])],
    ['an instance and an object', new Box(1), { content: 1 }],
    ['two instances', new Box(1), new Box('1')],
    ['an instance and what it is stored as', new Box(1), textOf(new Box(1))],
    ['invalid dates and epoch', new Date(Number.NaN), new Date(0)],
  ])('tells %s apart', (_, first, second) => {
    for (const [a, b] of [
      [first, second],
      [second, first],
    ]) {
      expect(matches({ a }, snapshot({ a }))).toBe(true)
      expect(matches({ a: b }, snapshot({ a }))).toBe(false)
      expect(matches([[b]], snapshot([[a]]))).toBe(false)
    }
  })

  it('takes a Buffer for the bytes that it is stored as, and a hole for undefined', () => {
    expect(matches(new Uint8Array([1, 2]), snapshot(Buffer.from([1, 2])))).toBe(true)
    expect(matches([undefined], snapshot(new Array(1)))).toBe(true)
  })

  it('an instance of a registered class is compared by what is stored of it, and by nothing else', () => {
    class Money {
      readonly #cents: number[]
      formatted = ''
      constructor(cents: number) {
        this.#cents = [cents]
      }
      get cents(): number {
        return this.#cents[0] ?? 0
      }
      add(cents: number): void {
        this.#cents[0] = this.cents + cents
      }
    }
    const rich = richCodec({
      types: [
        {
          name: 'money',
          is: (each) => each instanceof Money,
          encode: (money: Money) => money.cents,
          decode: (cents: number) => new Money(cents),
        },
      ],
    })
    const textOfMoney = (each: unknown) => rich.encode({ data: { value: each } })
    const wallet = { money: new Money(5) }
    const taken = snapshots.snapshot(wallet, textOfMoney)
    // A cache that is not stored: writing the session because of it would be work for nothing.
    wallet.money.formatted = '0.05'
    expect(snapshots.matches(wallet, taken, textOfMoney)).toBe(true)
    wallet.money.add(1)
    expect(snapshots.matches(wallet, taken, textOfMoney)).toBe(false)
    wallet.money.add(-1)
    expect(snapshots.matches(wallet, taken, textOfMoney)).toBe(true)
  })

  it('asks the codec about nothing that it knows itself', () => {
    const asked: unknown[] = []
    const asking = (each: unknown) => textOf(asked.push(each))
    const plain = { list: [1, new Date(0), new Map([[new Set([1]), new Uint8Array(1)]])], none: null }
    expect(snapshots.matches(plain, snapshots.snapshot(plain, asking), asking)).toBe(true)
    expect(asked).toEqual([])
  })

  it('takes 64 levels, and matches nothing later for more of them or for what contains itself', () => {
    let deep: unknown = 'bottom'
    for (let level = 0; level < 64; level++) deep = [deep]
    expect(matches(deep, snapshot(deep))).toBe(true)
    const cycle: unknown[] = []
    cycle.push({ cycle })
    const loop = new Map<unknown, unknown>()
    loop.set(loop, new Set([loop]))
    const box = new Box([])
    ;(box.content as unknown[]).push(box)
    for (const each of [[[deep]], cycle, loop, box, [box], new Box(cycle)]) {
      expect(matches(each, snapshot(each))).toBe(false)
      expect(matches({ each }, snapshot({ each }))).toBe(false)
      const holder: unknown[] = [1]
      const taken = snapshot(holder)
      holder[0] = each
      expect(matches(holder, taken)).toBe(false)
      // Not even another thing that cannot be looked at.
      expect(matches(snapshot(each), snapshot(each))).toBe(false)
    }
  })

  it.each<[string, () => unknown]>([
    ['a class that nobody registered', () => new (class Money {})()],
    ['such a thing in a Map', () => new Map([['m', new (class Money {})()]])],
    ['a false Date', () => Object.create(Date.prototype)],
    ['a WeakMap', () => new WeakMap()],
    ['a promise', () => Promise.resolve()],
    ['a revoked proxy', () => revoked()],
    ['a getter that throws', throwing],
  ])('what the codec cannot write matches nothing later, and nothing is thrown: %s', (_, make) => {
    const value = make()
    for (const each of [value, [value], { value }, new Set([value])]) {
      expect(matches(each, snapshot(each))).toBe(false)
    }
  })

  it('a codec that throws has seen the value change', () => {
    let broken = false
    const failing = (each: unknown) => {
      if (broken) throw new Error('from the codec')
      return textOf(each)
    }
    const box = new Box(1)
    const taken = snapshots.snapshot(box, failing)
    expect(snapshots.matches(box, taken, failing)).toBe(true)
    broken = true
    expect(snapshots.matches(box, taken, failing)).toBe(false)
  })

  it('a buffer that was transferred away has changed, with all that views it', () => {
    for (const make of [
      (buffer: ArrayBuffer) => buffer,
      (buffer: ArrayBuffer) => new Uint8Array(buffer),
      (buffer: ArrayBuffer) => new DataView(buffer),
      (buffer: ArrayBuffer) => new Map([['bytes', new Float64Array(buffer)]]),
    ]) {
      const buffer = new ArrayBuffer(8)
      const value = { bytes: make(buffer) }
      const taken = snapshot(value)
      expect(matches(value, taken)).toBe(true)
      structuredClone(buffer, { transfer: [buffer] })
      expect(matches(value, taken)).toBe(false)
    }
  })

  it.each<[string, object]>([
    ['Map', new (class Cart extends Map {})()],
    ['Set', new (class Tags extends Set {})()],
    ['Date', new (class Day extends Date {})(0)],
    ['Array', new (class List extends Array {})()],
    ['Uint8Array', new (class Key extends Uint8Array {})()],
  ])('an instance of a registered subclass of %s is compared by what is stored of it too', (_, instance) => {
    const noted = Object.assign(instance, { note: 'a' })
    const rich = richCodec({
      types: [
        {
          name: 'noted',
          is: (each) => each === noted,
          encode: ({ note }: { note: string }) => note,
          decode: (note: string) => ({ note }),
        },
      ],
    })
    const textOfNoted = (each: unknown) => rich.encode({ data: { value: each } })
    const taken = snapshots.snapshot({ noted }, textOfNoted)
    expect(snapshots.matches({ noted }, taken, textOfNoted)).toBe(true)
    noted.note = 'b'
    expect(snapshots.matches({ noted }, taken, textOfNoted)).toBe(false)
  })
})

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

function throwing(): object {
  return Object.defineProperty({}, 'total', {
    enumerable: true,
    get() {
      throw new Error('from the getter')
    },
  })
}
