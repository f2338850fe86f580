import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { richCodec } from '../../../../src/codecs/rich.ts'
import type { Change, Login } from '../../../../src/core/changes/change.ts'
import { ChangeLog } from '../../../../src/core/changes/change-log.ts'
import { replay } from '../../../../src/core/changes/replay.ts'
import { type Contents, noMessages } from '../../../../src/core/record/contents.ts'
import type { Facts } from '../../../../src/core/record/wire.ts'
import { getOwn } from '../../../../src/values/safe-object.ts'
import { boxType, difference } from '../../codecs/values.ts'
import { held, mutationsOf } from './mutations.ts'

const codec = richCodec({ types: [boxType] })
const facts: Facts = { createdAt: 1, root: 'root-0' }

function contentsOf(data: Record<string, unknown>, more: Partial<Facts> = {}): Contents {
  return { facts: { ...facts, ...more }, data: copyOf(data), flash: noMessages }
}

/** A copy as the store makes one. */
function copyOf(data: Record<string, unknown>): Record<string, unknown> {
  return codec.decode(codec.encode({ data }))?.data ?? {}
}

function logOf(data: Record<string, unknown>): ChangeLog {
  return new ChangeLog(codec, contentsOf(data))
}

/** The value as `session.get` hands it out. */
function get<Value>(log: ChangeLog, key: string): Value {
  const value = getOwn(log.contents.data, key)
  log.handOut(key, value)
  return value as Value
}

const set = (key: string, value: unknown): Change => ({ op: 'set', key, value })
const push = (key: string, ...items: unknown[]): Change => ({ op: 'push', key, items })
const append = (key: string, item: unknown): Change => ({
  op: 'update',
  key,
  change: (current) => [...(current as unknown[]), item],
})
const ops = (changes: readonly Change[]) =>
  changes.map((change) => ('key' in change ? `${change.op} ${change.key}` : change.op))

/** As a commit does: what was taken is frozen at once, and watched from then on. */
function take(log: ChangeLog): readonly Change[] {
  const changes = log.take()
  log.watch(changes)
  return changes
}

describe('what was changed in place', () => {
  it('becomes a change, whatever it was and wherever: reading alone becomes none', () => {
    fc.assert(
      fc.property(held, fc.constantFrom('a', 'b', 'c', '__proto__'), fc.nat(), (data, key, pick) => {
        const log = logOf(data)
        for (const name of Object.keys(data)) get(log, name)
        expect([log.isChanged, take(log)]).toEqual([false, []])
        const mutations = mutationsOf(getOwn(log.contents.data, key))
        if (mutations.length === 0) return
        mutations[pick % mutations.length]?.[1]()
        expect(log.isChanged).toBe(true)
        expect(ops(take(log))).toEqual([`set ${key}`])
        expect(take(log)).toHaveLength(1)
      }),
      { numRuns: 500 },
    )
  })

  it('of an object that the application gave is one after it was stored; before, it is in what is stored', () => {
    const log = logOf({})
    const cart = ['a']
    log.add(set('cart', cart))
    cart.push('b')
    const taken = take(log)
    expect([ops(taken), log.contents.data['cart']]).toEqual([['set cart'], ['a', 'b']])
    log.stored({ changes: taken, flash: null }, facts)
    expect(log.isChanged).toBe(false)
    cart.push('c')
    expect([log.isChanged, ops(take(log))]).toEqual([true, ['set cart']])
  })

  it.each<[string, (log: ChangeLog) => unknown[]]>([
    [
      'update returned',
      (log) => {
        log.add(append('cart', 'b'))
        return get(log, 'cart')
      },
    ],
    [
      'push made',
      (log) => {
        log.add(push('cart', 'b'))
        return get(log, 'cart')
      },
    ],
    [
      'is inside of what push was given',
      (log) => {
        const inner: unknown[] = []
        log.add(push('cart', inner))
        return inner
      },
    ],
  ])('in an object that %s is seen as well', (_, make) => {
    const log = logOf({ cart: ['a'] })
    const object = make(log)
    const taken = take(log)
    log.stored({ changes: taken, flash: null }, facts)
    expect(log.isChanged).toBe(false)
    object.push('later')
    expect(ops(take(log))).toEqual(['set cart'])
  })

  it('comes before another change of its key, and none of another key comes in between', () => {
    const log = logOf({ cart: ['a'], other: [0] })
    get<string[]>(log, 'cart').push('b')
    get<number[]>(log, 'other').push(1)
    log.add(append('cart', 'c'))
    expect(ops(log.pending)).toEqual(['set cart', 'update cart'])
    expect(ops(take(log))).toEqual(['set cart', 'update cart', 'set other'])
    expect(log.contents.data).toEqual({ cart: ['a', 'b', 'c'], other: [0, 1] })
  })

  it.each<Change>([{ op: 'clear' }, { op: 'regenerate' }])('comes before $op, which concerns all keys', (change) => {
    const log = logOf({ cart: ['a'] })
    get<string[]>(log, 'cart').push('b')
    log.add(change)
    expect(ops(take(log))).toEqual(['set cart', change.op])
  })

  it('is not seen in an object that the application itself has replaced or removed', () => {
    const gone: Change[] = [set('cart', ['new']), { op: 'delete', key: 'cart' }, append('cart', 'x'), { op: 'clear' }]
    for (const change of gone) {
      const log = logOf({ cart: ['a'] })
      const cart = get<string[]>(log, 'cart')
      log.add(change)
      log.stored({ changes: take(log), flash: null }, facts)
      cart.push('late')
      expect(log.isChanged).toBe(false)
    }
  })

  it('is still seen in an object that a sign-in or a regenerate has kept', () => {
    const login: Login = { op: 'login', userId: 'ada', at: 5, device: undefined, keep: ['cart'], root: 'root-1' }
    for (const change of [login, { op: 'regenerate' } as const]) {
      const log = logOf({ cart: ['a'], dropped: ['a'] })
      const [cart, dropped] = [get<string[]>(log, 'cart'), get<string[]>(log, 'dropped')]
      log.add(change)
      log.stored({ changes: take(log), flash: null }, log.contents.facts)
      expect(log.isChanged).toBe(false)
      cart.push('b')
      if (change === login) dropped.push('b')
      expect(ops(take(log))).toEqual(['set cart'])
    }
  })

  it('and cannot be stored counts as changed, and nothing is thrown', () => {
    const log = logOf({ cart: [] })
    const cart = get<unknown[]>(log, 'cart')
    cart.push(cart)
    expect(log.isChanged).toBe(true)
    expect(new Set(ops(take(log)))).toEqual(new Set(['set cart']))
  })
})

describe('a commit', () => {
  it('takes what is there: what comes meanwhile waits for the next one', () => {
    const log = logOf({ cart: ['a'] })
    const job = { step: 1 }
    log.add(set('job', job))
    const taken = take(log)
    job.step = 2
    log.add(push('cart', 'b'))
    expect([ops(taken), ops(log.pending)]).toEqual([['set job'], ['set job', 'push cart']])
    log.stored({ changes: taken, flash: null }, facts)
    expect(ops(take(log))).toEqual(['push cart', 'set job'])
    expect(log.contents.data).toEqual({ cart: ['a', 'b'], job: { step: 2 } })
  })

  it('that failed has changed nothing: all of it is due again, in its order, and what came since behind it', () => {
    const log = logOf({ cart: ['a'] })
    const cart = get<string[]>(log, 'cart')
    cart.push('b')
    log.add(push('cart', 'c'))
    const first = take(log)
    expect(take(log)).toEqual(first)
    log.add(set('other', 1))
    const again = take(log)
    expect(again.slice(0, first.length)).toEqual(first)
    expect(ops(again)).toEqual(['set cart', 'push cart', 'set other'])
    expect(log.isChanged).toBe(true)
  })

  it('what one was given cannot be changed by what comes later', () => {
    const log = logOf({})
    log.add(set('a', 1))
    const taken = take(log)
    log.add(set('b', 1))
    log.drop(1)
    expect(ops(taken)).toEqual(['set a'])
  })

  it('stores the facts with it, but a sign-in that came meanwhile is due still', () => {
    const login: Login = { op: 'login', userId: 'ada', at: 5, device: 'Firefox', keep: undefined, root: 'root-1' }
    const moved: Facts = { ...facts, rotatedAt: 3, formerIds: ['x'], dataVersion: 2 }
    const log = logOf({})
    log.add(set('a', 1))
    const taken = take(log)
    log.add(login)
    log.stored({ changes: taken, flash: null }, moved)
    expect(log.contents.facts).toEqual({ ...moved, userId: 'ada', authenticatedAt: 5, device: 'Firefox' })
    const second = take(log)
    log.stored({ changes: second, flash: null }, { ...moved, userId: 'ada', authenticatedAt: 5 })
    expect(log.contents.facts).toEqual({ ...moved, userId: 'ada', authenticatedAt: 5 })
  })

  it('a sign-in of another user that came meanwhile keeps its own root and drops the device of the one before', () => {
    const bob: Partial<Facts> = { userId: 'bob', authenticatedAt: 2, device: 'of bob' }
    const log = new ChangeLog(codec, contentsOf({}, bob))
    log.add(set('a', 1))
    const taken = take(log)
    log.add({ op: 'login', userId: 'ada', at: 5, device: undefined, keep: undefined, root: 'root-1' })
    log.stored({ changes: taken, flash: null }, { ...facts, ...bob })
    expect(log.contents.facts).toEqual({ createdAt: 1, root: 'root-1', userId: 'ada', authenticatedAt: 5 })
  })
})

describe('after a commit that met another request', () => {
  it('the application goes on with the objects that it holds, if nobody else has changed what they stand for', () => {
    fc.assert(
      fc.property(held, held, (data, more) => {
        const log = logOf(data)
        const before = new Map(Object.keys(data).map((name) => [name, get(log, name)]))
        log.add(set('mine', 1))
        const taken = take(log)
        log.rebase(contentsOf({ ...more, ...data, mine: 1, theirs: 1 }), taken.length)
        for (const [name, value] of before) expect(get(log, name) === value || Number.isNaN(value)).toBe(true)
        expect([log.contents.data['theirs'], log.isChanged]).toEqual([1, false])
      }),
      { numRuns: 300 },
    )
  })

  it('what it does to them then is stored, and seen by whoever gets the value', () => {
    const log = logOf({ cart: ['a'] })
    const cart = get<string[]>(log, 'cart')
    log.rebase(contentsOf({ cart: ['a'], theirs: 1 }), 0)
    cart.push('b')
    expect(get(log, 'cart')).toBe(cart)
    expect(ops(take(log))).toEqual(['set cart'])
    expect(log.contents.data).toEqual({ cart: ['a', 'b'], theirs: 1 })
  })

  it('it sees what the other has put in the place of its object, which is still watched: nothing is lost silently', () => {
    const log = logOf({ cart: ['a'] })
    const mine = get<string[]>(log, 'cart')
    log.rebase(contentsOf({ cart: ['theirs'] }), 0)
    expect(get(log, 'cart')).toEqual(['theirs'])
    expect(log.isChanged).toBe(false)
    mine.push('b')
    expect(ops(take(log))).toEqual(['set cart'])
    expect(log.contents.data['cart']).toBe(mine)
  })

  it('of two objects under one key, the one that was handed out last wins', () => {
    const log = logOf({ cart: ['a'] })
    const old = get<string[]>(log, 'cart')
    log.rebase(contentsOf({ cart: ['theirs'] }), 0)
    const recent = get<string[]>(log, 'cart')
    recent.push('recent')
    old.push('old')
    expect(ops(take(log))).toEqual(['set cart', 'set cart'])
    expect(log.contents.data['cart']).toBe(recent)
  })

  it('an object that the other has removed is watched as well', () => {
    const log = logOf({ cart: ['a'] })
    const cart = get<string[]>(log, 'cart')
    log.rebase(contentsOf({}), 0)
    expect([log.isChanged, log.contents.data]).toEqual([false, {}])
    cart.push('b')
    expect(ops(take(log))).toEqual(['set cart'])
    expect(log.contents.data).toEqual({ cart: ['a', 'b'] })
  })

  it('what was changed in place while it was under way is made again on what the other has stored', () => {
    const log = logOf({ cart: ['a'], n: 1 })
    const cart = get<string[]>(log, 'cart')
    log.add(set('mine', 1))
    const taken = take(log)
    cart.push('b')
    log.add({ op: 'update', key: 'n', change: (n) => Number(n) + 1 })
    log.rebase(contentsOf({ cart: ['a'], n: 10, mine: 1 }), taken.length)
    expect(log.contents.data).toEqual({ cart: ['a', 'b'], n: 11, mine: 1 })
    expect(log.contents.data['cart']).toBe(cart)
    expect(ops(log.pending)).toEqual(['update n', 'set cart'])
  })

  it('facts and messages are those that are stored', () => {
    const log = logOf({})
    const base = { ...contentsOf({}, { userId: 'ada' }), flash: { note: { value: 1, stamp: 's' } } }
    log.rebase(base, 0)
    expect([log.contents.facts, log.contents.flash]).toEqual([base.facts, base.flash])
  })
})

/*
 * Requests that change other keys only must not be noticed: whatever a request does with its values, and whatever becomes of
 * its commits, what is stored at the end is what a request alone would have stored.
 */
describe('any request among others', () => {
  type Step =
    | { readonly do: 'get' | 'delete'; readonly key: string }
    | { readonly do: 'set' | 'update' | 'push'; readonly key: string; readonly item: number }
    /** Changes one of the objects that the application holds under the key, the oldest or the newest. */
    | { readonly do: 'mutate'; readonly key: string; readonly item: number; readonly newest: boolean }
    | { readonly do: 'clear' | 'take' | 'stored' | 'failed' | 'another' | 'look' }

  const key = fc.constantFrom('a', 'b', '__proto__')
  const item = fc.nat({ max: 99 })
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('mutate' as const), key, item, newest: fc.boolean() }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('get' as const), key }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constantFrom('set' as const, 'update' as const, 'push' as const), key, item }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constantFrom('take' as const, 'stored' as const, 'another' as const) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('failed' as const, 'look' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
  )

  it('is stored as if it had been alone', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const alone: Record<string, number[]> = { a: [1], b: [2] }
        const stored = { text: codec.encode({ data: { ...alone, others: 0 } }), version: 1 }
        const log = new ChangeLog(codec, { facts, data: storedIn(stored), flash: noMessages })
        let base = stored.version
        let others = 0
        let cleared = false
        const objects = new Map<string, number[][]>()
        let under: { changes: readonly Change[]; values: string } | null = null

        const hold = (name: string) => {
          const value = get<number[] | undefined>(log, name)
          if (value !== undefined) objects.set(name, [...(objects.get(name) ?? []), value])
        }
        const begin = () => {
          const changes = take(log)
          under = { changes, values: codec.encode({ data: log.contents.data }) }
        }
        const store = () => {
          if (under === null) return
          const { changes, values } = under
          under = null
          if (stored.version === base) {
            stored.text = values
            log.stored({ changes, flash: null }, facts)
          } else {
            const contents: Contents = { facts, data: storedIn(stored), flash: noMessages }
            replay(changes, codec.decode(values) ?? { data: {} }, contents)
            stored.text = codec.encode({ data: contents.data })
            log.rebase(contents, changes.length)
          }
          base = ++stored.version
        }
        const present = (name: string) => getOwn(alone, name) ?? []
        const put = (name: string, value: number[]) =>
          Object.defineProperty(alone, name, { value, writable: true, enumerable: true, configurable: true })

        for (const each of steps) {
          switch (each.do) {
            case 'get':
              hold(each.key)
              break
            case 'mutate': {
              const object = objects.get(each.key)?.at(each.newest ? -1 : 0)
              object?.push(each.item)
              if (object !== undefined) put(each.key, [...present(each.key), each.item])
              break
            }
            case 'set':
            case 'update':
            case 'push': {
              const given = [each.item]
              if (each.do === 'set') log.add(set(each.key, given))
              else if (each.do === 'push') log.add(push(each.key, each.item))
              else log.add({ op: 'update', key: each.key, change: (now) => [...((now as number[]) ?? []), each.item] })
              put(each.key, each.do === 'set' ? [each.item] : [...present(each.key), each.item])
              objects.delete(each.key)
              if (each.do === 'set') objects.set(each.key, [given])
              break
            }
            case 'delete':
              log.add({ op: 'delete', key: each.key })
              delete alone[each.key]
              objects.delete(each.key)
              break
            case 'clear':
              log.add({ op: 'clear' })
              for (const name of Object.keys(alone)) delete alone[name]
              objects.clear()
              cleared = true
              break
            case 'look':
              void log.isChanged
              break
            case 'take':
              if (under === null) begin()
              break
            case 'stored':
              store()
              break
            case 'failed':
              under = null
              break
            case 'another':
              stored.text = codec.encode({ data: { ...storedIn(stored), others: ++others } })
              stored.version++
          }
        }
        store()
        begin()
        store()
        const { others: theirs, ...mine } = storedIn(stored)
        expect(difference(sorted(mine), sorted(alone))).toBeNull()
        if (!cleared) expect(theirs).toBe(others)
        expect([
          log.isChanged,
          difference(sorted({ ...log.contents.data, others: theirs }), sorted({ ...mine, others: theirs })),
        ]).toEqual([false, null])
      }),
      { numRuns: 1000 },
    )
  })

  function storedIn({ text }: { readonly text: string }): Record<string, unknown> {
    return codec.decode(text)?.data ?? {}
  }

  function sorted(data: Record<string, unknown>): unknown {
    return Object.entries(data)
      .filter(([name, value]) => name !== 'others' || value !== undefined)
      .sort(([one], [other]) => (one < other ? -1 : 1))
  }
})
