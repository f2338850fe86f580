import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { apply, type Change, type Login, listAt } from '../../../../src/core/changes/change.ts'
import { type Contents, noMessages } from '../../../../src/core/record/contents.ts'
import { getOwn, setOwn } from '../../../../src/values/safe-object.ts'

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

function on(keys: fc.Arbitrary<string>): fc.Arbitrary<Change> {
  return fc.oneof(
    fc.record({ op: fc.constant('set' as const), key: keys, value }),
    fc.record({ op: fc.constant('delete' as const), key: keys }),
    fc.record({ op: fc.constant('update' as const), key: keys, change: fc.integer().map(add) }),
    fc.record({ op: fc.constant('update' as const), key: keys, change: fc.integer().map(append) }),
  )
}

const login: fc.Arbitrary<Change> = fc.record({
  op: fc.constant('login' as const),
  userId: fc.constantFrom('ada', 'bob'),
  at: fc.nat(),
  device: fc.constantFrom('a browser', undefined),
  keep: fc.oneof(fc.constant(undefined), fc.array(key, { maxLength: 3 })),
  root: fc.constantFrom('root-1', 'root-2'),
})
const any = fc.oneof(
  { weight: 6, arbitrary: on(key) },
  { weight: 1, arbitrary: fc.constant<Change>({ op: 'clear' }) },
  login,
)

function contentsOf(entries: ReadonlyArray<readonly [string, unknown]>): Contents {
  const contents: Contents = { facts: { createdAt: 1, root: 'root-0' }, data: {}, flash: noMessages }
  for (const [name, content] of entries) setOwn(contents.data, name, content)
  return contents
}

function changed(entries: ReadonlyArray<readonly [string, unknown]>, ...lists: ReadonlyArray<Change>[]): Contents {
  const contents = contentsOf(structuredClone(entries))
  for (const change of lists.flat()) apply(contents, change)
  return contents
}

/** Plain objects say too little about `__proto__`. */
function told({ data: content, ...others }: Contents): unknown {
  return { ...others, data: Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1)) }
}

describe('changes', () => {
  it('X1 those of two requests on different keys give the same result in either order', () => {
    fc.assert(
      fc.property(
        data,
        fc.array(on(fc.constantFrom('a', '__proto__'))),
        fc.array(on(fc.constantFrom('b', 'constructor'))),
        (base, mine, theirs) => {
          expect(told(changed(base, mine, theirs))).toEqual(told(changed(base, theirs, mine)))
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
            numbers.map((by): Change => ({ op: 'update', key: 'a', change: add(by) }))
          const sum = [...mine, ...theirs].reduce((total, by) => total + by, 0)
          const expected = mine.length + theirs.length === 0 ? undefined : sum
          expect(getOwn(changed([], steps(mine), steps(theirs)).data, 'a')).toBe(expected)
          expect(getOwn(changed([], steps(theirs), steps(mine)).data, 'a')).toBe(expected)
        },
      ),
    )
  })

  it('made again on an unchanged base they give what they gave', () => {
    fc.assert(
      fc.property(data, fc.array(any), (base, changes) => {
        expect(told(changed(base, changes))).toEqual(told(changed(base, changes)))
      }),
    )
  })

  it('made again after somebody else, the keys they did not name are as that one left them', () => {
    fc.assert(
      fc.property(data, fc.array(on(fc.constantFrom('a', 'b'))), fc.array(on(key)), (base, mine, theirs) => {
        const both = changed(base, theirs, mine).data
        const alone = changed(base, theirs).data
        const named = new Set(mine.map((change) => ('key' in change ? change.key : '')))
        for (const name of ['a', 'b', 'c', 'd', '__proto__', 'constructor', 'toString']) {
          if (named.has(name)) continue
          expect([Object.hasOwn(both, name), getOwn(both, name)]).toEqual([
            Object.hasOwn(alone, name),
            getOwn(alone, name),
          ])
        }
      }),
    )
  })

  it('neither changes a prototype, whatever the keys', () => {
    fc.assert(
      fc.property(data, fc.array(any), (base, changes) => {
        const { data: content } = changed(base, changes)
        expect(Object.getPrototypeOf(content)).toBe(Object.prototype)
        expect(Object.getOwnPropertyNames(Object.prototype)).toContain('hasOwnProperty')
        expect(Object.hasOwn(Object.prototype, 'a')).toBe(false)
      }),
    )
  })

  it('X1 a push is made anew, so that an array which somebody holds does not grow', () => {
    const list = [1]
    const contents = contentsOf([['list', list]])
    apply(contents, { op: 'push', key: 'list', items: [2, 3] })
    apply(contents, { op: 'push', key: 'other', items: ['a'] })
    apply(contents, { op: 'push', key: 'list', items: [] })
    expect(contents.data).toEqual({ list: [1, 2, 3], other: ['a'] })
    expect(list).toEqual([1])
  })

  it('X1 pushes of two requests are all there, those of each in its order', () => {
    const items = fc.array(fc.integer(), { maxLength: 3 })
    fc.assert(
      fc.property(fc.array(items), fc.array(items), (mine, theirs) => {
        const pushes = (lists: number[][]) =>
          lists.map((each): Change => ({ op: 'push', key: '__proto__', items: each }))
        const { data: content } = changed([['__proto__', ['first']]], pushes(theirs), pushes(mine))
        expect(listAt(content, '__proto__')).toEqual(['first', ...theirs.flat(), ...mine.flat()])
      }),
    )
  })

  it.each([[null], [0], ['text'], [{ length: 1 }]])('push refuses %j with what it needs', (value) => {
    const contents = contentsOf([['list', value]])
    expect(() => apply(contents, { op: 'push', key: 'list', items: [1] })).toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID', message: expect.stringContaining('array') }),
    )
    expect(contents.data).toEqual({ list: value })
  })

  it('a new token alone changes nothing', () => {
    const contents = contentsOf([['a', 1]])
    const before = structuredClone(contents)
    apply(contents, { op: 'regenerate' })
    expect(contents).toEqual(before)
  })

  it('SEC-37 a sign-in keeps all of a stranger, what is named, or of somebody else nothing', () => {
    const flash = { note: { value: 1, stamp: 's' } }
    const signIn = (facts: Partial<Contents['facts']>, keep?: string[]): Contents => {
      const contents = contentsOf([
        ['a', 1],
        ['b', 2],
      ])
      contents.facts = { ...contents.facts, ...facts }
      contents.flash = flash
      const change: Login = { op: 'login', userId: 'ada', at: 5, device: undefined, keep, root: 'root-1' }
      apply(contents, change)
      return contents
    }
    const ada = { createdAt: 1, root: 'root-0', userId: 'ada', authenticatedAt: 5 }
    const all = { data: { a: 1, b: 2 }, flash }
    expect(signIn({})).toEqual({ facts: ada, ...all })
    expect(signIn({ userId: 'ada' })).toEqual({ facts: ada, ...all })
    // Another person, so another session: nothing may lead from one to the other.
    const other = { ...ada, root: 'root-1' }
    expect(signIn({ userId: 'bob', device: 'old' })).toEqual({ facts: other, data: {}, flash: {} })
    expect(signIn({ userId: 'bob' }, ['b', 'none', 'toString'])).toEqual({ facts: other, data: { b: 2 }, flash: {} })
    expect(signIn({}, ['b'])).toEqual({ facts: ada, data: { b: 2 }, flash: {} })
  })

  it('a sign-in without a device forgets the one before', () => {
    const contents = contentsOf([])
    const login: Login = { op: 'login', userId: 'ada', at: 5, device: 'Firefox', keep: undefined, root: 'r' }
    apply(contents, login)
    expect(contents.facts.device).toBe('Firefox')
    apply(contents, { ...login, device: undefined })
    expect(Object.hasOwn(contents.facts, 'device')).toBe(false)
  })
})
