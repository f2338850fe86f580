import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { own, put } from '../../../../src/codecs/envelope.ts'
import type { Envelope } from '../../../../src/contract/codec.ts'
import { apply, type Intent } from '../../../../src/core/changes/change.ts'

const key = fc.constantFrom('a', 'b', 'c', 'd', '__proto__', 'constructor', 'toString')
const value = fc.oneof(
  fc.integer(),
  fc.string({ maxLength: 3 }),
  fc.constant(null),
  fc.array(fc.integer(), { maxLength: 2 }),
)
const data = fc.array(fc.tuple(key, value), { maxLength: 5 })

const add = (by: number) => (current: unknown) => (typeof current === 'number' ? current : 0) + by
const append = (item: unknown) => (current: unknown) => [...(Array.isArray(current) ? current : []), item]

function on(keys: fc.Arbitrary<string>): fc.Arbitrary<Intent> {
  return fc.oneof(
    fc.record({ op: fc.constant('set' as const), key: keys, value }),
    fc.record({ op: fc.constant('delete' as const), key: keys }),
    fc.record({ op: fc.constant('update' as const), key: keys, change: fc.integer().map(add) }),
    fc.record({ op: fc.constant('update' as const), key: keys, change: fc.integer().map(append) }),
  )
}

const login: fc.Arbitrary<Intent> = fc.record({
  op: fc.constant('login' as const),
  userId: fc.constantFrom('ada', 'bob'),
  at: fc.nat(),
  device: fc.constantFrom('a browser', undefined),
  keep: fc.oneof(fc.constant(undefined), fc.array(key, { maxLength: 3 })),
})
const any = fc.oneof(
  { weight: 6, arbitrary: on(key) },
  { weight: 1, arbitrary: fc.constant<Intent>({ op: 'clear' }) },
  login,
)

function envelopeOf(entries: ReadonlyArray<readonly [string, unknown]>): Envelope {
  const envelope: Envelope = { createdAt: 1, data: {} }
  for (const [name, content] of entries) put(envelope.data, name, content)
  return envelope
}

function intended(entries: ReadonlyArray<readonly [string, unknown]>, ...lists: ReadonlyArray<Intent>[]): Envelope {
  const envelope = envelopeOf(structuredClone(entries))
  for (const intent of lists.flat()) apply(envelope, intent)
  return envelope
}

/** Plain objects say too little about `__proto__`. */
function told({ data: content, ...facts }: Envelope): unknown {
  return { ...facts, data: Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1)) }
}

describe('intents', () => {
  it('X1 those of two requests on different keys give the same result in either order', () => {
    fc.assert(
      fc.property(
        data,
        fc.array(on(fc.constantFrom('a', '__proto__'))),
        fc.array(on(fc.constantFrom('b', 'constructor'))),
        (base, mine, theirs) => {
          expect(told(intended(base, mine, theirs))).toEqual(told(intended(base, theirs, mine)))
        },
      ),
    )
  })

  it('X1 steps that add up give the same sum in any order, and none is lost', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -1000, max: 1000 })),
        fc.array(fc.integer({ min: -1000, max: 1000 })),
        (mine, theirs) => {
          const steps = (numbers: number[]) =>
            numbers.map((by): Intent => ({ op: 'update', key: 'a', change: add(by) }))
          const sum = [...mine, ...theirs].reduce((total, by) => total + by, 0)
          const expected = mine.length + theirs.length === 0 ? undefined : sum
          expect(own(intended([], steps(mine), steps(theirs)).data, 'a')).toBe(expected)
          expect(own(intended([], steps(theirs), steps(mine)).data, 'a')).toBe(expected)
        },
      ),
    )
  })

  it('made again on an unchanged base they give what they gave', () => {
    fc.assert(
      fc.property(data, fc.array(any), (base, intents) => {
        expect(told(intended(base, intents))).toEqual(told(intended(base, intents)))
      }),
    )
  })

  it('made again after somebody else, the keys they did not name are as that one left them', () => {
    fc.assert(
      fc.property(data, fc.array(on(fc.constantFrom('a', 'b'))), fc.array(on(key)), (base, mine, theirs) => {
        const both = intended(base, theirs, mine).data
        const alone = intended(base, theirs).data
        const named = new Set(mine.map((intent) => ('key' in intent ? intent.key : '')))
        for (const name of ['a', 'b', 'c', 'd', '__proto__', 'constructor', 'toString']) {
          if (named.has(name)) continue
          expect([Object.hasOwn(both, name), own(both, name)]).toEqual([Object.hasOwn(alone, name), own(alone, name)])
        }
      }),
    )
  })

  it('neither changes a prototype, whatever the keys', () => {
    fc.assert(
      fc.property(data, fc.array(any), (base, intents) => {
        const { data: content } = intended(base, intents)
        expect(Object.getPrototypeOf(content)).toBe(Object.prototype)
        expect(Object.getOwnPropertyNames(Object.prototype)).toContain('hasOwnProperty')
        expect(Object.hasOwn(Object.prototype, 'a')).toBe(false)
      }),
    )
  })

  it('SEC-37 a sign-in keeps all of a stranger, what is named, or of somebody else nothing', () => {
    const base = { createdAt: 1, data: { a: 1, b: 2 }, flash: { note: { value: 1, stamp: 's' } } }
    const signIn = (envelope: Envelope, keep?: string[]) => {
      apply(envelope, { op: 'login', userId: 'ada', at: 5, device: undefined, keep })
      return envelope
    }
    expect(signIn(structuredClone(base))).toEqual({ ...base, userId: 'ada', authenticatedAt: 5 })
    expect(signIn(structuredClone({ ...base, userId: 'ada' }))).toEqual({ ...base, userId: 'ada', authenticatedAt: 5 })
    expect(signIn(structuredClone({ ...base, userId: 'bob', device: 'old' }))).toEqual({
      createdAt: 1,
      data: {},
      userId: 'ada',
      authenticatedAt: 5,
    })
    expect(signIn(structuredClone({ ...base, userId: 'bob' }), ['b', 'none', 'toString'])).toEqual({
      createdAt: 1,
      data: { b: 2 },
      userId: 'ada',
      authenticatedAt: 5,
    })
  })
})
