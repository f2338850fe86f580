import { describe, expect, it } from 'vitest'
import { createSessions, type Sessions, type Store } from '../../../../src/index.ts'
import { memoryStore } from '../../../../src/stores/memory/index.ts'
import { faultyStore, manualClock } from '../../../../src/testing/index.ts'
import { allRecords, codeOf, dataOf, type System, systemOf, tokenOf, told, visit } from '../system.ts'

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

describe('users.revoke', () => {
  it('ends by the id, by the root and by any of the last four ids, also long after the tombstones are gone', async () => {
    const system = await systemOf({ idleTimeout: '3h' })
    const ids: string[] = []
    let token = await tokenOf(system, { a: 1 }, 'ada')
    for (let moves = 0; moves < 6; moves++) {
      ids.push((await system.sessions.open(token)).id)
      token = (await visit(system, token, (session) => session.regenerate())).carried
    }
    const { id, root } = await system.sessions.open(token)
    system.clock.advance(3_600_000)
    for (const [handle, found] of [
      [ids[0] ?? '', false],
      [ids[1] ?? '', false],
      [ids[2] ?? '', true],
      [ids[5] ?? '', true],
      [id, true],
      [root, true],
    ] as const) {
      const other = await system.another()
      const held = other.store.faults.hold('replace')
      const revoking = other.sessions.users.revoke('ada', handle)
      const reached = await Promise.race([held.reached.then(() => true), revoking])
      expect([handle, reached]).toEqual([handle, found])
    }
    expect(await system.sessions.users.revoke('ada', ids[2] ?? '')).toBe(true)
    expect(await dataOf(system, token)).toBeNull()
  })

  it('an empty handle means no session, not even one without a root', async () => {
    const system = await systemOf()
    await tokenOf(system, { a: 1 }, 'ada')
    for (const handle of ['', '__proto__', 'x']) expect(await system.sessions.users.revoke('ada', handle)).toBe(false)
    expect(await system.sessions.users.list('ada')).toHaveLength(1)
  })
})

describe('users.revokeAll', () => {
  async function three(system: System) {
    return Promise.all([1, 2, 3].map((n) => tokenOf(system, { n }, 'ada')))
  }
  const left = async (system: System, tokens: readonly string[]) =>
    (await Promise.all(tokens.map((token) => dataOf(system, token)))).map((data) => data?.['n'])

  it('leaves the one whose id, root or former id it is given, also if that one has rotated meanwhile', async () => {
    for (const name of ['id', 'root'] as const) {
      const system = await systemOf({ rotateEvery: '5m' })
      const [first = '', second = '', third = ''] = await three(system)
      const { [name]: handle } = await system.sessions.open(second)
      system.clock.advance(6 * 60_000)
      const { carried } = await visit(system, second)
      await system.sessions.users.revokeAll('ada', { except: handle })
      expect(await left(system, [first, carried, third])).toEqual([undefined, 2, undefined])
    }
  })

  it('leaves sessions of others alone, and nobody by an `except` that is not one of them', async () => {
    const system = await systemOf()
    const tokens = await three(system)
    const other = await tokenOf(system, { n: 4 }, 'bob')
    const { root } = await system.sessions.open(other)
    await system.sessions.users.revokeAll('ada', { except: root })
    expect(await left(system, [...tokens, other])).toEqual([undefined, undefined, undefined, 4])
  })

  it('tries all before it throws what failed first, and what it could end is ended', async () => {
    const system = await systemOf()
    const tokens = await Promise.all(Array.from({ length: 40 }, (_, n) => tokenOf(system, { n }, 'ada')))
    let calls = 0
    system.store.faults.fail('replace', { when: () => calls++ % 20 === 3 })
    system.store.faults.fail('read', { when: () => calls > 0 })
    expect(await codeOf(() => system.sessions.users.revokeAll('ada'))).toBe('STORE_FAILED')
    system.store.faults.clear()
    expect((await left(system, tokens)).filter((n) => n !== undefined)).toHaveLength(2)
    expect(told(system, 'destroyed')).toHaveLength(38)
    await system.sessions.users.revokeAll('ada')
    expect(await allRecords(system)).toEqual(new Map())
  })

  it('that cannot read one of the records ends the others', async () => {
    const system = await systemOf()
    const tokens = await three(system)
    system.store.faults.fail('read', { times: 1 })
    expect(await codeOf(() => system.sessions.users.revokeAll('ada'))).toBe('STORE_FAILED')
    expect((await left(system, tokens)).filter((n) => n !== undefined)).toHaveLength(1)
  })
})
