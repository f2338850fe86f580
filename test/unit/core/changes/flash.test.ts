import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FlashBag, type FlashChanges, withChanges } from '../../../../src/core/changes/flash.ts'
import type { FlashMessage } from '../../../../src/core/record/contents.ts'
import { difference, key } from '../../codecs/values.ts'

type Messages = Readonly<Record<string, FlashMessage>>

/** A bag that draws the stamps 1, 2, 3... and takes from a store with these messages. */
function bagOf(arrived: Messages, stored: Record<string, unknown> = {}) {
  let stamps = 0
  let writable = true
  const bag = new FlashBag(
    {
      stamp: () => String(++stamps),
      assertWritable() {
        if (!writable) throw new Error('too late')
      },
      async take(name) {
        const value = stored[name]
        delete stored[name]
        return value
      },
    },
    arrived,
  )
  return { bag, close: () => (writable = false) }
}

const hello: Messages = { note: { value: 'hello', stamp: 'of hello' }, other: { value: 1, stamp: 'of other' } }

describe('the flash messages of a request', () => {
  it('those that arrived are removed when they were read, not when they were only looked at', () => {
    const { bag } = bagOf(hello)
    expect([bag.peek('note'), bag.isChanged, bag.changes()]).toEqual(['hello', false, null])
    expect([bag.get('note'), bag.get('note'), bag.get('none')]).toEqual(['hello', 'hello', undefined])
    expect([bag.isChanged, bag.leaves]).toEqual([true, false])
    expect(bag.changes()).toEqual({ left: new Map(), read: new Map([['note', 'of hello']]) })
  })

  it('all of them at once, with those of this request only', () => {
    const { bag } = bagOf(hello)
    bag.now('note', 'now')
    bag.now('__proto__', 'here')
    expect(Object.entries(bag.all())).toEqual([
      ['note', 'now'],
      ['other', 1],
      ['__proto__', 'here'],
    ])
    // What stood in the place of `note` was shown, so that one waits for another request.
    expect(bag.changes()?.read).toEqual(new Map([['other', 'of other']]))
  })

  it('one that is left is for a later request, and is no other than it', () => {
    const { bag } = bagOf(hello)
    bag.set('note', 'later')
    expect([bag.peek('note'), bag.leaves]).toEqual(['hello', true])
    bag.set('note', 'last')
    expect(bag.changes()?.left).toEqual(new Map([['note', { value: 'last', stamp: '2' }]]))
  })

  it('one that is for this request only is never stored', () => {
    const { bag } = bagOf({})
    bag.now('note', 'now')
    expect([bag.get('note'), bag.peek('note'), bag.changes()]).toEqual(['now', 'now', null])
  })

  it('one that was read lives on if it is kept, by its key or with all', () => {
    const { bag } = bagOf(hello)
    bag.all()
    bag.keep('note')
    expect(bag.changes()?.read).toEqual(new Map([['other', 'of other']]))
    bag.keep()
    expect([bag.changes(), bag.get('note')]).toEqual([null, 'hello'])
  })

  it('one that is taken is gone from the store, from here, and from what a commit removes', async () => {
    const { bag } = bagOf(hello, { note: 'stored meanwhile' })
    expect(bag.get('note')).toBe('hello')
    expect([await bag.take('note'), await bag.take('note')]).toEqual(['stored meanwhile', undefined])
    expect([bag.peek('note'), bag.changes()]).toEqual([undefined, null])
    bag.now('note', 'now')
    expect([await bag.take('note'), bag.peek('note')]).toEqual(['now', undefined])
  })

  it('nothing can be left once it is too late', () => {
    const { bag, close } = bagOf(hello)
    close()
    expect(() => bag.set('note', 1)).toThrow('too late')
    expect([bag.changes(), bag.get('note')]).toEqual([null, 'hello'])
  })

  it('those of a session that was ended are forgotten; what is for this request stays', () => {
    const { bag } = bagOf(hello)
    bag.get('note')
    bag.set('later', 1)
    bag.now('here', 1)
    bag.forget()
    expect([bag.changes(), bag.all()]).toEqual([null, { here: 1 }])
  })
})

describe('after a commit', () => {
  it('what it stored is not due again; what was set or read while it was under way is', () => {
    const { bag } = bagOf(hello)
    bag.set('a', 1)
    bag.set('b', 1)
    bag.get('note')
    const taken = bag.changes() as FlashChanges
    bag.set('b', 2)
    bag.get('other')
    bag.drop(taken)
    expect(bag.changes()).toEqual({
      left: new Map([['b', { value: 2, stamp: '3' }]]),
      read: new Map([['other', 'of other']]),
    })
  })

  it('a message that it removed can still be read in this request, and is not removed once more', () => {
    const { bag } = bagOf(hello)
    bag.get('note')
    bag.drop(bag.changes() as FlashChanges)
    expect([bag.get('note'), bag.changes()]).toEqual(['hello', null])
  })

  it('what was taken by a commit does not change with the bag', () => {
    const { bag } = bagOf(hello)
    bag.set('a', 1)
    const taken = bag.changes()
    bag.set('b', 1)
    bag.get('note')
    expect([taken?.left.size, taken?.read.size]).toEqual([1, 0])
  })
})

describe('withChanges', () => {
  const message = fc.record(
    { value: fc.integer(), stamp: fc.constantFrom('s1', 's2', 's3') },
    { noNullPrototype: true },
  )
  const messages = fc.array(fc.tuple(key, message), { maxLength: 5 }).map((each) => Object.fromEntries(each))
  const changes = fc.record({
    left: fc.array(fc.tuple(key, message), { maxLength: 3 }).map((each) => new Map(each)),
    read: fc.array(fc.tuple(key, fc.constantFrom('s1', 's2', 's3')), { maxLength: 3 }).map((each) => new Map(each)),
  })

  it('removes what was read unless another message has its key now, and puts what is left', () => {
    fc.assert(
      fc.property(messages, changes, (present, { left, read }) => {
        const before = structuredClone(Object.entries(present))
        const result = withChanges(present, { left, read })
        for (const name of new Set([...Object.keys(present), ...left.keys()])) {
          const mine = left.get(name)
          const theirs = Object.hasOwn(present, name) ? present[name] : undefined
          const expected = mine ?? (theirs !== undefined && read.get(name) === theirs.stamp ? undefined : theirs)
          expect(Object.hasOwn(result, name) ? result[name] : undefined).toEqual(expected)
        }
        expect(Object.entries(present)).toEqual(before)
        expect(Object.getPrototypeOf(result)).toBe(Object.prototype)
      }),
    )
  })

  it('made again on what it gave, it gives the same', () => {
    fc.assert(
      fc.property(messages, changes, (present, { left, read }) => {
        fc.pre([...left].every(([name, { stamp }]) => read.get(name) !== stamp))
        const once = withChanges(present, { left, read })
        expect(difference(withChanges(once, { left, read }), once)).toBeNull()
      }),
    )
  })

  it('takes the values of what is left from the frozen ones, whatever became of the objects since', () => {
    const value = { n: 1 }
    const left = new Map([['__proto__', { value, stamp: 's' }]])
    const frozen = Object.fromEntries([['__proto__', { n: 1 }]])
    value.n = 2
    const result = withChanges({}, { left, read: new Map() }, frozen)
    expect(Object.entries(result)).toEqual([['__proto__', { value: { n: 1 }, stamp: 's' }]])
  })

  it('without changes they are the same', () => {
    expect(withChanges(hello, null)).toBe(hello)
  })
})
