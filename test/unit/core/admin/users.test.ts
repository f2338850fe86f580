import { describe, expect, it } from 'vitest'
import { createSessions, type Sessions, type Store } from '../../../../src/index.ts'
import { memoryStore } from '../../../../src/stores/memory/index.ts'
import { faultyStore, manualClock } from '../../../../src/testing/index.ts'

async function login(sessions: Sessions, userId: string): Promise<string> {
  const session = await sessions.open(null)
  session.login(userId)
  return (await sessions.commit(session)).token ?? ''
}

const ownerOf = async (sessions: Sessions, token: string) => (await sessions.open(token)).userId

describe('sessions.users', () => {
  it("lists the live sessions of a user, the last used first, and nobody else's", async () => {
    const clock = manualClock()
    const sessions = createSessions({ store: memoryStore({ clock }), clock })
    await login(sessions, 'user-1')
    clock.advance(60_000)
    const second = await login(sessions, 'user-1')
    await login(sessions, 'user-2')
    const list = await sessions.users.list('user-1')
    expect(list.map(({ userId }) => userId)).toEqual(['user-1', 'user-1'])
    expect(list[0]?.id).toBe((await sessions.open(second)).id)
    expect(await sessions.users.list('nobody')).toEqual([])
    clock.advance(31 * 60_000)
    expect(await sessions.users.list('user-1')).toEqual([])
  })

  it('revokes one by its id, only for its owner', async () => {
    const sessions = createSessions({ store: memoryStore() })
    const [first, second] = [await login(sessions, 'user-1'), await login(sessions, 'user-1')]
    const { id } = await sessions.open(first)
    expect(await sessions.users.revoke('user-2', id)).toBe(false)
    expect(await sessions.users.revoke('user-1', id)).toBe(true)
    expect(await sessions.users.revoke('user-1', id)).toBe(false)
    expect([await ownerOf(sessions, first), await ownerOf(sessions, second)]).toEqual([undefined, 'user-1'])
  })

  it('revokes all but one, and none comes back by a request that was under way', async () => {
    const sessions = createSessions({ store: memoryStore() })
    const tokens = [await login(sessions, 'user-1'), await login(sessions, 'user-1'), await login(sessions, 'user-1')]
    const [mine = '', other = ''] = tokens
    const slow = await sessions.open(other)
    slow.set('late', true)
    await sessions.users.revokeAll('user-1', { except: (await sessions.open(mine)).id })
    expect((await sessions.commit(slow)).outcome).toBe('gone')
    expect(await Promise.all(tokens.map((token) => ownerOf(sessions, token)))).toEqual(['user-1', undefined, undefined])
    await sessions.users.revokeAll('user-1')
    expect(await ownerOf(sessions, mine)).toBeUndefined()
  })

  it('a store that has no index refuses with its name; one that fails is STORE_FAILED', async () => {
    const { read, create, replace, touch, delete: remove } = memoryStore()
    const bare: Store = { name: 'bare', read, create, replace, touch, delete: remove }
    await expect(createSessions({ store: bare }).users.list('user-1')).rejects.toThrow(/"bare" cannot/)
    const down = faultyStore(memoryStore())
    down.faults.fail('keysOf')
    await expect(createSessions({ store: down }).users.revokeAll('user-1')).rejects.toThrow(
      expect.objectContaining({ code: 'STORE_FAILED' }),
    )
  })
})

describe('login', () => {
  it('refuses a user id that databases would take for another: with half of a character in it', async () => {
    const sessions = createSessions({ store: memoryStore() })
    const session = await sessions.open(null)
    for (const id of ['bob\ud800', '\udc00', 'a\ud83dz']) {
      expect(() => session.login(id)).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }))
    }
    session.login('bob\u{1f600}\ufffd')
  })
})
