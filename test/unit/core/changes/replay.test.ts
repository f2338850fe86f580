import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { richCodec } from '../../../../src/codecs/rich.ts'
import type { SessionValues } from '../../../../src/contract/codec.ts'
import { apply, type Change, type Login } from '../../../../src/core/changes/change.ts'
import { replay } from '../../../../src/core/changes/replay.ts'
import type { Contents } from '../../../../src/core/record/contents.ts'
import type { Facts } from '../../../../src/core/record/wire.ts'
import { setOwn } from '../../../../src/values/safe-object.ts'
import { boxType, difference, key as hostileKey } from '../../codecs/values.ts'
import { held, mutationsOf } from './mutations.ts'

const codec = richCodec({ types: [boxType] })
const flash = { note: { value: 'hello', stamp: 's' } }

function contentsOf(data: Record<string, unknown>, facts: Partial<Facts> = {}): Contents {
  return { facts: { createdAt: 1, root: 'root-0', ...facts }, data: copyOf(data), flash }
}

/** A copy as the store makes one. */
function copyOf(data: Record<string, unknown>): Record<string, unknown> {
  return codec.decode(codec.encode({ data }))?.data ?? {}
}

/** The changes made, and the values as they are frozen then. */
function made(changes: readonly Change[], contents: Contents): { contents: Contents; frozen: () => SessionValues } {
  for (const change of changes) apply(contents, change)
  const text = codec.encode({ data: contents.data })
  return { contents, frozen: () => codec.decode(text) ?? { data: {} } }
}

/** Where two sessions differ; the order of the keys of the data does not count. */
function sessionDifference(a: Contents, b: Contents): string | null {
  const sorted = ({ data, ...others }: Contents) => ({
    ...others,
    data: Object.entries(data).sort(([one], [other]) => (one < other ? -1 : 1)),
  })
  return difference(sorted(a), sorted(b))
}

const names = ['a', 'b', 'c', '__proto__', 'constructor', 'toString']
const key = fc.constantFrom(...names)
const list = fc.array(fc.integer(), { maxLength: 3 })
/** Every value is a list, so that any change can be made on it. */
const lists = fc.dictionary(key, list, { maxKeys: 4, noNullPrototype: true })

const append = (item: number) => (current: unknown) => [...(Array.isArray(current) ? current : []), item]

function on(keys: fc.Arbitrary<string>): fc.Arbitrary<Change> {
  return fc.oneof(
    fc.record({ op: fc.constant('set' as const), key: keys, value: list }),
    fc.record({ op: fc.constant('delete' as const), key: keys }),
    fc.record({ op: fc.constant('update' as const), key: keys, change: fc.integer().map(append) }),
    fc.record({ op: fc.constant('push' as const), key: keys, items: list }),
  )
}

const login: fc.Arbitrary<Login> = fc.record({
  op: fc.constant('login' as const),
  userId: fc.constantFrom('ada', 'bob'),
  at: fc.nat(),
  device: fc.constantFrom('a browser', undefined),
  keep: fc.option(fc.array(key, { maxLength: 3 }), { nil: undefined }),
  root: fc.constantFrom('root-1', 'root-2'),
})
const anyChange = fc.oneof(
  { weight: 6, arbitrary: on(key) },
  { weight: 1, arbitrary: fc.constantFrom<Change>({ op: 'clear' }, { op: 'regenerate' }) },
  { weight: 1, arbitrary: login },
)
const owner = fc.constantFrom<Partial<Facts>>({}, { userId: 'ada', device: 'old' })

describe('replay', () => {
  it('on the base that the changes were made on it gives what was frozen', () => {
    fc.assert(
      fc.property(lists, owner, fc.array(anyChange), (data, facts, changes) => {
        const { contents, frozen } = made(changes, contentsOf(data, facts))
        const again = contentsOf(data, facts)
        replay(changes, frozen(), again)
        expect(sessionDifference(again, contents)).toBeNull()
      }),
      { numRuns: 500 },
    )
  })

  it('on another base of the same owner it gives what the changes give there', () => {
    fc.assert(
      fc.property(lists, lists, owner, fc.array(anyChange), (data, others, facts, changes) => {
        const { frozen } = made(changes, contentsOf(data, facts))
        const there = contentsOf(others, facts)
        replay(changes, frozen(), there)
        expect(sessionDifference(there, made(changes, contentsOf(others, facts)).contents)).toBeNull()
      }),
      { numRuns: 500 },
    )
  })

  it('keys that no change names are as the other request left them', () => {
    fc.assert(
      fc.property(held, held, fc.array(on(fc.constantFrom('b', '__proto__', 'toString'))), (data, others, changes) => {
        const { b: _, ...mine } = data
        const { b: __, ...theirs } = others
        const { frozen } = made(changes, contentsOf(listed(mine)))
        const there = contentsOf(listed(theirs))
        replay(changes, frozen(), there)
        for (const name of ['a', 'c', 'd']) {
          expect(Object.hasOwn(there.data, name)).toBe(Object.hasOwn(theirs, name))
          expect(difference(there.data[name], copyOf(theirs)[name])).toBeNull()
        }
        expect(Object.getPrototypeOf(there.data)).toBe(Object.prototype)
      }),
    )
  })

  it('what the application does to its objects after the freeze is not in it', () => {
    const setting = fc.tuple(hostileKey, held).map(([name, value]): Change => ({ op: 'set', key: name, value }))
    const pushing = fc
      .array(held, { minLength: 1, maxLength: 3 })
      .map((items): Change => ({ op: 'push', key: 'pushed', items }))
    fc.assert(
      fc.property(fc.array(fc.oneof(setting, pushing), { minLength: 1, maxLength: 4 }), held, (changes, others) => {
        const mine = changes.filter((change) => !('key' in change) || change.op === 'push' || change.key !== 'pushed')
        const { frozen } = made(mine, contentsOf({}))
        const theirs = { ...copyOf(others), pushed: ['theirs'] }
        const expected = contentsOf(theirs)
        for (const change of mine) apply(expected, change)
        expected.data = copyOf(expected.data)
        for (const change of mine) {
          for (const [, mutate] of mutationsOf(
            'value' in change ? change.value : 'items' in change ? [...change.items] : null,
          )) {
            mutate()
          }
        }
        const there = contentsOf(theirs)
        replay(mine, frozen(), there)
        expect(sessionDifference(there, expected)).toBeNull()
      }),
      { numRuns: 300 },
    )
  })

  it('nobody shares an object with what was frozen: two replays of it are apart', () => {
    const changes: Change[] = [
      { op: 'set', key: 'a', value: { n: 1 } },
      { op: 'push', key: 'b', items: [{ n: 1 }] },
    ]
    const { frozen } = made(changes, contentsOf({}))
    const [one, other] = [contentsOf({}), contentsOf({})]
    replay(changes, frozen(), one)
    replay(changes, frozen(), other)
    Object.assign(one.data['a'] as object, { n: 2 })
    ;(one.data['b'] as unknown[]).length = 0
    expect(other.data).toEqual({ a: { n: 1 }, b: [{ n: 1 }] })
  })

  it('an update runs once, on what the other request has stored', () => {
    const seen: unknown[] = []
    const update = (name: string): Change => ({
      op: 'update',
      key: name,
      change(current) {
        seen.push([name, current])
        return [current]
      },
    })
    const changes = [update('a'), update('b'), update('a')]
    const { frozen } = made(changes, contentsOf({ a: 'mine', b: 'mine' }))
    seen.length = 0
    const there = contentsOf({ a: 'theirs' })
    replay(changes, frozen(), there)
    expect(seen).toEqual([
      ['a', 'theirs'],
      ['b', undefined],
      ['a', ['theirs']],
    ])
    expect(there.data).toEqual({ a: [['theirs']], b: [undefined] })
  })

  it.each<[string, Change]>([
    ['set', { op: 'set', key: 'a', value: 1 }],
    ['delete', { op: 'delete', key: 'a' }],
    ['clear', { op: 'clear' }],
  ])('an update after a %s does not run again: nothing of the other request is in its result', (_, first) => {
    let runs = 0
    const changes: Change[] = [
      first,
      {
        op: 'update',
        key: 'a',
        change(current) {
          runs++
          return [current]
        },
      },
    ]
    const { frozen, contents } = made(changes, contentsOf({ a: 'mine' }))
    expect(runs).toBe(1)
    const there = contentsOf({ a: 'theirs', b: 'theirs' })
    replay(changes, frozen(), there)
    expect(runs).toBe(1)
    expect(there.data).toEqual(first.op === 'clear' ? contents.data : { ...contents.data, b: 'theirs' })
  })

  it('a clear leaves nothing of the other request but its owner, deadlines and messages', () => {
    const changes: Change[] = [
      { op: 'set', key: 'before', value: 1 },
      { op: 'clear' },
      { op: 'set', key: 'a', value: 2 },
    ]
    const { frozen } = made(changes, contentsOf({ old: 1 }))
    const there = contentsOf({ theirs: 1, before: 5 }, { userId: 'ada', authenticatedAt: 9 })
    replay(changes, frozen(), there)
    expect(there).toEqual({
      facts: { createdAt: 1, root: 'root-0', userId: 'ada', authenticatedAt: 9 },
      data: { a: 2 },
      flash,
    })
  })

  it('SEC-37 a sign-in that keeps some keys keeps them as the other request left them, and drops what that one added', () => {
    const signIn: Login = {
      op: 'login',
      userId: 'ada',
      at: 5,
      device: undefined,
      keep: ['cart', 'theme'],
      root: 'root-1',
    }
    const changes: Change[] = [
      { op: 'set', key: 'theme', value: 'dark' },
      signIn,
      { op: 'set', key: 'welcome', value: 1 },
    ]
    const { frozen, contents } = made(changes, contentsOf({ cart: ['a'], secret: 1 }))
    expect(contents.data).toEqual({ cart: ['a'], theme: 'dark', welcome: 1 })
    const there = contentsOf({ cart: ['a', 'b'], theme: 'light', secret: 2, added: 1 })
    replay(changes, frozen(), there)
    expect(there.data).toEqual({ cart: ['a', 'b'], theme: 'dark', welcome: 1 })
    expect(there.facts).toEqual({ createdAt: 1, root: 'root-0', userId: 'ada', authenticatedAt: 5 })
    expect(there.flash).toEqual({})
  })

  it('SEC-37 a sign-in over that of another user carries nothing of that one over', () => {
    const signIn: Login = { op: 'login', userId: 'ada', at: 5, device: undefined, keep: undefined, root: 'root-1' }
    const { frozen } = made([signIn], contentsOf({ cart: ['a'] }))
    const there = contentsOf({ cart: ['of bob'] }, { userId: 'bob', authenticatedAt: 4 })
    replay([signIn], frozen(), there)
    expect(there).toEqual({
      facts: { createdAt: 1, root: 'root-1', userId: 'ada', authenticatedAt: 5 },
      data: {},
      flash: {},
    })
  })

  it('a push onto what is no list any more is refused, and so is an update that does not know what to do', () => {
    const push: Change = { op: 'push', key: 'a', items: [1] }
    const { frozen } = made([push], contentsOf({}))
    expect(() => replay([push], frozen(), contentsOf({ a: 'text' }))).toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID' }),
    )
  })

  it('the items of pushes are those of the freeze, also when several pushes follow each other', () => {
    const [first, second] = [{ n: 1 }, { n: 2 }]
    const changes: Change[] = [
      { op: 'push', key: 'a', items: [first] },
      { op: 'push', key: 'a', items: [] },
      { op: 'push', key: 'b', items: ['other'] },
      { op: 'push', key: 'a', items: [second, second] },
    ]
    const { frozen } = made(changes, contentsOf({ a: ['mine'] }))
    first.n = second.n = 9
    const there = contentsOf({ a: ['theirs', 'too'] })
    replay(changes, frozen(), there)
    expect(there.data).toEqual({ a: ['theirs', 'too', { n: 1 }, { n: 2 }, { n: 2 }], b: ['other'] })
  })
})

/** As lists, so that any change can be made on them. */
function listed(data: Record<string, unknown>): Record<string, unknown> {
  const result = {}
  for (const [name, value] of Object.entries(data)) setOwn(result, name, name === '__proto__' ? [value] : value)
  return result
}
