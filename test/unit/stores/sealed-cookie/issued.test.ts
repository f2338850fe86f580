import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IssuedTokens } from '../../../../src/stores/sealed-cookie/issued.ts'

describe('IssuedTokens', () => {
  it('says whether a session has got a token since a moment', () => {
    const issued = new IssuedTokens()
    expect([issued.count, issued.hasSince('a', 0)]).toEqual([0, false])
    expect(issued.add('a')).toBe(1)
    const moment = issued.count
    expect([issued.hasSince('a', moment), issued.hasSince('a', moment - 1)]).toEqual([false, true])
    issued.add('b')
    expect([issued.hasSince('a', moment), issued.hasSince('b', moment)]).toEqual([false, true])
    issued.add('a')
    expect(issued.hasSince('a', moment)).toBe(true)
  })

  it('whatever the order, it is the last token of a session that counts', () => {
    const keys = fc.array(fc.constantFrom<string>('a', 'b', '__proto__'), { maxLength: 30 })
    fc.assert(
      fc.property(keys, (order) => {
        const issued = new IssuedTokens()
        for (const key of order) issued.add(key)
        expect(issued.count).toBe(order.length)
        for (const key of ['a', 'b', '__proto__', 'c']) {
          for (let since = 0; since <= order.length; since++) {
            expect(issued.hasSince(key, since)).toBe(order.slice(since).includes(key))
          }
        }
      }),
    )
  })

  it('remembers ten thousand sessions, those that got one last', () => {
    const issued = new IssuedTokens()
    for (let at = 0; at < 10_000; at++) issued.add(`session ${at}`)
    issued.add('session 0')
    issued.add('one more')
    expect([issued.hasSince('session 0', 0), issued.hasSince('session 1', 0)]).toEqual([true, false])
    expect([issued.hasSince('session 2', 0), issued.hasSince('one more', 0)]).toEqual([true, true])
  })
})
