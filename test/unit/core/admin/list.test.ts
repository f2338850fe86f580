import { describe, expect, it } from 'vitest'
import { parsePayload, writePayload } from '../../../../src/core/record/wire.ts'
import { allRecords, codeOf, dataOf, recordOf, type System, systemOf, tokenOf, told, visit } from '../system.ts'

const minute = 60_000

/** A session that has moved several times: its tokens and ids, the newest last. */
async function moved(system: System, moves: number, userId?: string) {
  const tokens = [await tokenOf(system, { a: 1 }, userId)]
  const { id, root } = await system.sessions.open(tokens[0] ?? '')
  const ids = [id]
  for (let at = 0; at < moves; at++) {
    tokens.push((await visit(system, tokens.at(-1) ?? '', (session) => session.regenerate())).carried)
    ids.push((await system.sessions.open(tokens.at(-1) ?? '')).id)
  }
  return { tokens, ids, root }
}

describe('sessions.find', () => {
  it('finds by the id, by the root and by an id that the session had a moment ago', async () => {
    const system = await systemOf()
    await tokenOf(system, { other: 1 })
    const { ids, root } = await moved(system, 3)
    for (const handle of [root, ...ids]) {
      expect(await system.sessions.find(handle)).toMatchObject({ id: ids.at(-1), root, data: { a: 1 } })
    }
  })

  it('tells all that administration may know, and nothing that a token could be made of', async () => {
    const system = await systemOf()
    const start = system.clock()
    const token = await tokenOf(system, { cart: ['a'] }, 'ada')
    system.clock.advance(10 * minute)
    await visit(system, token)
    const { id, root } = await system.sessions.open(token)
    const info = await system.sessions.find(id)
    expect(info).toEqual({
      id,
      root,
      userId: 'ada',
      createdAt: start,
      expiresAt: start + 40 * minute,
      lastSeenAt: start + 10 * minute,
      authenticatedAt: start,
      device: undefined,
      data: { cart: ['a'] },
    })
    const { key } = await recordOf(system, token)
    expect(JSON.stringify(info)).not.toContain(token)
    expect(JSON.stringify(info)).not.toContain(key)
  })

  it('shows a copy: what is done to it is not stored', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { cart: ['a'] })
    const { id } = await system.sessions.open(token)
    const { cart } = (await system.sessions.find(id))?.data ?? {}
    ;(cart as string[]).push('b')
    expect(await dataOf(system, token)).toEqual({ cart: ['a'] })
  })

  it.each(['', 'x', '*', '%', '__proto__', 'x'.repeat(16), 'x'.repeat(22), 'x'.repeat(43), '../../etc/passwd', '\n'])(
    'finds nothing by %j',
    async (handle) => {
      const system = await systemOf()
      await moved(system, 1)
      expect([await system.sessions.find(handle), await system.sessions.revoke(handle)]).toEqual([null, false])
      expect((await system.sessions.list()).sessions).toHaveLength(1)
    },
  )

  it('neither a token nor a key is a handle', async () => {
    const system = await systemOf()
    const { tokens } = await moved(system, 0)
    const [token = ''] = tokens
    const { key } = await recordOf(system, token)
    for (const handle of [token, key]) expect(await system.sessions.find(handle)).toBeNull()
  })
})

describe('sessions.revoke', () => {
  it('ends by the id, by the root and by a former id, and says who did it', async () => {
    for (const pick of [0, 1, 2, 'root'] as const) {
      const system = await systemOf()
      const { tokens, ids, root } = await moved(system, 2, 'ada')
      const handle = pick === 'root' ? root : (ids[pick] ?? '')
      expect(await system.sessions.revoke(handle, { by: 'the operator' })).toBe(true)
      for (const token of tokens) expect(await dataOf(system, token)).toBeNull()
      expect(await system.sessions.revoke(handle)).toBe(false)
      expect(told(system, 'destroyed')).toEqual([
        { id: ids.at(-1), root, userId: 'ada', reason: 'revoke', by: 'the operator' },
      ])
    }
  })

  it('without `by` says none, not the owner', async () => {
    const system = await systemOf()
    const { ids, root } = await moved(system, 0, 'ada')
    await system.sessions.revoke(root)
    expect(told(system, 'destroyed')).toEqual([{ id: ids[0], root, userId: 'ada', reason: 'revoke' }])
  })

  it('wins against a move that is under way', async () => {
    const system = await systemOf()
    const other = await system.another()
    const { tokens, root } = await moved(system, 0, 'ada')
    const held = system.store.faults.hold('replace', { times: 1 })
    const revoking = system.sessions.revoke(root)
    await held.reached
    const { carried } = await visit(other, tokens[0] ?? '', (session) => session.regenerate())
    held.release()
    expect(await revoking).toBe(true)
    expect(await dataOf(system, carried)).toBeNull()
  })
})

describe('the reason and the doer of an end', () => {
  it('are those of the verb that ended it', async () => {
    const system = await systemOf()
    const tokens = await Promise.all([1, 2, 3, 4, 5].map(() => tokenOf(system, { a: 1 }, 'ada')))
    const sessions = await Promise.all(tokens.map((token) => system.sessions.open(token)))
    const identities = sessions.map(({ id, root }) => ({ id, root, userId: 'ada' }))
    const [destroyed, loggedOut, revoked, revokedOfUser] = sessions
    if (revoked === undefined || revokedOfUser === undefined) throw new Error('not opened')
    destroyed?.destroy()
    loggedOut?.logout()
    for (const session of [destroyed, loggedOut]) if (session) await system.sessions.commit(session)
    await system.sessions.revoke(revoked.id, { by: 'op' })
    await system.sessions.users.revoke('ada', revokedOfUser.root, { by: 'ada at home' })
    await system.sessions.users.revokeAll('ada', { by: 'password change' })
    expect(told(system, 'destroyed')).toEqual([
      { ...identities[0], reason: 'destroy', by: 'ada' },
      { ...identities[1], reason: 'logout', by: 'ada' },
      { ...identities[2], reason: 'revoke', by: 'op' },
      { ...identities[3], reason: 'revoke', by: 'ada at home' },
      { ...identities[4], reason: 'revoke-all', by: 'password change' },
    ])
  })

  it('of a visitor who is nobody has no doer', async () => {
    const system = await systemOf()
    const session = await system.sessions.open(await tokenOf(system, { a: 1 }))
    session.destroy()
    await system.sessions.commit(session)
    expect(told(system, 'destroyed')).toEqual([{ id: expect.any(String), root: expect.any(String), reason: 'destroy' }])
  })
})

describe('sessions.list', () => {
  it('shows every live session once, over pages of any size, and neither tombstones nor notes', async () => {
    const system = await systemOf()
    const ids: string[] = []
    for (let count = 0; count < 7; count++) ids.push((await moved(system, count % 3)).ids.at(-1) ?? '')
    for (const limit of [1, 2, 3, 1000]) {
      const listed: string[] = []
      let cursor: string | null = null
      do {
        const page = await system.sessions.list({ cursor, limit })
        listed.push(...page.sessions.map(({ id }) => id))
        ;({ cursor } = page)
      } while (cursor !== null)
      expect(listed.sort()).toEqual([...ids].sort())
    }
  })

  it.each([0, -1, 1001, 1.5, Number.NaN])('refuses a limit of %d', async (limit) => {
    const system = await systemOf()
    expect(await codeOf(() => system.sessions.list({ limit }))).toBe('CONFIG_INVALID')
  })
})

describe('a session that cannot be carried over', () => {
  /** Two sessions, of which one has data that `migrate.up` throws at. */
  async function broken() {
    const before = await systemOf()
    const [good, bad] = [await tokenOf(before, { good: 1 }, 'ada'), await tokenOf(before, { bad: 1 }, 'ada')]
    const system = await before.another({
      migrate: {
        version: 1,
        up(data) {
          if (Object.hasOwn(data, 'bad')) throw new Error('from migrate.up')
          return data
        },
      },
    })
    const { id, root } = await before.sessions.open(bad)
    return { before, system, good, bad, id, root }
  }

  it.each(['id', 'root'] as const)('can be revoked by its %s', async (handle) => {
    const { before, system, bad, ...handles } = await broken()
    expect(await system.sessions.revoke(handles[handle])).toBe(true)
    expect(await dataOf(before, bad)).toBeNull()
  })

  it('can be revoked as one of its user, and with all of them', async () => {
    const { before, system, good, bad, root } = await broken()
    expect(await system.sessions.users.revoke('ada', root)).toBe(true)
    expect([await dataOf(before, bad), await dataOf(before, good)]).toEqual([null, { good: 1 }])
    const second = await broken()
    await second.system.sessions.users.revokeAll('ada')
    expect(await allRecords(second.system)).toEqual(new Map())
  })

  it('is heard of by whoever lists', async () => {
    const { system } = await broken()
    await expect(system.sessions.list()).rejects.toThrow('from migrate.up')
    await expect(system.sessions.users.list('ada')).rejects.toThrow('from migrate.up')
  })
})

describe('a record that cannot be read', () => {
  it('is in no list, and is ended as one of its user by its id, and with all of them', async () => {
    for (const work of [
      (system: System, id: string) => system.sessions.users.revoke('ada', id),
      (system: System) => system.sessions.users.revokeAll('ada'),
    ]) {
      const system = await systemOf()
      const token = await tokenOf(system, { a: 1 }, 'ada')
      const { id } = await system.sessions.open(token)
      const { key, record } = await recordOf(system, token)
      if (record === null) throw new Error('nothing stored')
      await system.records.replace(key, { ...record, payload: 'garbage', version: 2 }, 1)
      expect(await system.sessions.users.list('ada')).toEqual([])
      await work(system, id)
      expect(await allRecords(system)).toEqual(new Map())
    }
  })

  it('but whose facts can be read shows whose it was when it is ended', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 }, 'ada')
    const { id, root } = await system.sessions.open(token)
    const { key, record } = await recordOf(system, token)
    const parsed = parsePayload(record?.payload ?? '')
    if (record === null || parsed?.kind !== 'session') throw new Error('nothing stored')
    const payload = writePayload(parsed.facts, '', 'w', 'garbage')
    await system.records.replace(key, { ...record, payload, version: 2 }, 1)
    expect(await system.sessions.users.revoke('ada', root)).toBe(true)
    expect(told(system, 'destroyed')).toEqual([{ id, root, userId: 'ada', reason: 'revoke' }])
  })
})
