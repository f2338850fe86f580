import { describe, expect, it } from 'vitest'
import { createSessions } from '../../../../src/index.ts'
import { memoryStore } from '../../../../src/stores/memory/index.ts'

describe('changes in place beside other changes of the same key', () => {
  it('X1 what was changed in place before an update is made again before it', async () => {
    const store = memoryStore()
    // Two nodes: within one, the second commit would not meet a conflict.
    const [one, other] = [createSessions<Data>({ store }), createSessions<Data>({ store })]
    const first = await one.open(null)
    first.set('cart', ['a'])
    const { token } = await one.commit(first)

    const slow = await one.open(token)
    slow.get('cart')?.push('b')
    slow.update('cart', (cart = []) => [...cart, 'c'])
    const fast = await other.open(token)
    fast.set('theme', 'dark')
    await other.commit(fast)
    expect((await one.commit(slow)).outcome).toBe('saved')

    const session = await one.open(token)
    expect([session.get('cart'), session.get('theme')]).toEqual([['a', 'b', 'c'], 'dark'])
  })
})

type Data = { cart?: string[]; theme?: string }
