import { describe, expect, it } from 'vitest'
import { idOf } from '../../../../src/core/token.ts'
import { browserRequest, dataOf, recordOf, secret, systemOf, tokenOf, told, visit } from '../system.ts'

const minute = 60_000
const older = 'an older secret of 32 bytes at the least, as well'

describe('a token', () => {
  it('that was never issued, has expired or was ended is unknown; one that could not be is not asked about', async () => {
    const system = await systemOf()
    const [ended, expired] = [await tokenOf(system, { a: 1 }), await tokenOf(system, { a: 1 })]
    await visit(system, ended, (session) => session.destroy())
    system.clock.advance(30 * minute)
    for (const token of [ended, expired, system.engine.tokens.draw()]) expect(await dataOf(system, token)).toBeNull()
    expect(told(system, 'invalid')).toEqual([{ reason: 'unknown' }, { reason: 'unknown' }, { reason: 'unknown' }])
    system.store.calls.length = 0
    expect(await dataOf(system, 'x'.repeat(42))).toBeNull()
    expect([told(system, 'invalid').at(-1), system.store.calls]).toEqual([{ reason: 'malformed' }, []])
  })

  it('is looked for under each secret, the newest first, and its session stays where it is', async () => {
    const before = await systemOf({ secret: older })
    const token = await tokenOf(before, { a: 1 })
    const system = await before.another({ secret: [secret, older] })
    expect(await dataOf(system, token)).toEqual({ a: 1 })
    expect(system.store.calls.map(({ operation }) => operation)).toEqual(['read', 'read'])
    expect((await visit(system, token, (session) => session.set('b', 1))).outcome).toBe('saved')
    expect(await dataOf(before, token)).toEqual({ a: 1, b: 1 })
    const { carried } = await visit(system, token, (session) => session.regenerate())
    expect(await dataOf(await before.another({ secret }), carried)).toEqual({ a: 1, b: 1 })
    expect(await dataOf(system, token)).toBeNull()
  })
})

describe('a token that was retired on purpose', () => {
  async function retired() {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 }, 'ada')
    await visit(system, token, (session) => session.regenerate())
    return { system, token }
  }

  it('is nobody’s at once, and for ten seconds gets no cookie that could take the place of the newer one', async () => {
    const { system, token } = await retired()
    for (const [later, outcome, cookies] of [
      [0, 'gone', 0],
      [9999, 'gone', 0],
      [1, 'created', 1],
    ] as const) {
      system.clock.advance(later)
      const request = browserRequest(token)
      const session = await system.sessions.open(request)
      expect([session.isNew, session.userId]).toEqual([true, undefined])
      session.set('b', 1)
      expect((await system.sessions.commit(session)).outcome).toBe(outcome)
      expect(request.cookies).toHaveLength(cookies)
    }
    expect(told(system, 'invalid').map(({ reason }) => reason)).toEqual(['retired', 'retired', 'unknown'])
  })

  it('may sign in all the same', async () => {
    const { system, token } = await retired()
    const { outcome, carried } = await visit(system, token, (session) => session.login('bob'))
    expect([outcome, (await system.sessions.open(carried)).userId]).toEqual(['created', 'bob'])
  })
})

describe('a token that was retired by a rotation', () => {
  async function rotated() {
    const system = await systemOf({ rotateEvery: '5m' })
    const token = await tokenOf(system, { a: 1 }, 'ada')
    system.clock.advance(6 * minute)
    const { carried } = await visit(system, token)
    return { system, token, carried }
  }

  it('leads to the session for half a minute, and its answer brings the new one', async () => {
    const { system, token, carried } = await rotated()
    system.clock.advance(29_999)
    const request = browserRequest(token)
    const session = await system.sessions.open(request)
    expect([session.userId, session.toJSON().data]).toEqual(['ada', { a: 1 }])
    await system.sessions.commit(session)
    expect(request.cookies).toEqual([carried])
  })

  it('after that is a sign of theft: it gets nothing, and is told with what the session can be ended by', async () => {
    const { system, token, carried } = await rotated()
    const { root } = await system.sessions.open(carried)
    system.clock.advance(30_000)
    expect(await dataOf(system, token)).toBeNull()
    expect(told(system, 'token-reuse')).toEqual([{ id: idOf((await recordOf(system, carried)).key), root }])
    expect(await dataOf(system, carried)).toEqual({ a: 1 })
    const moved = await visit(system, carried, (session) => session.regenerate())
    expect(await system.sessions.revoke(root)).toBe(true)
    expect(await dataOf(system, moved.carried)).toBeNull()
  })

  it('leads nowhere once its successor has been moved on purpose or ended', async () => {
    for (const work of [(it: { regenerate(): void }) => it.regenerate(), (it: { destroy(): void }) => it.destroy()]) {
      const { system, token, carried } = await rotated()
      await visit(system, carried, work)
      expect(await dataOf(system, token)).toBeNull()
    }
  })

  it('leads on over several rotations', async () => {
    const system = await systemOf({ rotateEvery: '2s' })
    const token = await tokenOf(system, { a: 1 })
    let carried = token
    for (let moves = 0; moves < 4; moves++) {
      system.clock.advance(2000)
      carried = (await visit(system, carried)).carried
    }
    expect((await visit(system, token)).token).toBe(carried)
  })

  it('is of no use to somebody who has only the store', async () => {
    const { system, token, carried } = await rotated()
    const { record } = await recordOf(system, token)
    expect(record?.payload).not.toContain(carried)
    expect(record?.payload).not.toContain(token)
  })
})

describe('two cookies of one name', () => {
  it('of which one leads to a session are that session; of two sessions they are nobody', async () => {
    const system = await systemOf()
    const [one, other] = [await tokenOf(system, { a: 1 }), await tokenOf(system, { a: 2 })]
    const both = (first: string, second: string) => {
      const request = browserRequest(first)
      const { header } = request
      return {
        ...request,
        header: (name: string) => (name === 'cookie' ? `${header(name)}; __Host-sid=${second}` : null),
      }
    }
    const unknown = system.engine.tokens.draw()
    for (const request of [both(one, unknown), both(unknown, one), both(one, one), both('malformed', one)]) {
      expect((await system.sessions.open(request)).get('a')).toBe(1)
    }
    expect((await system.sessions.open(both(one, other))).isNew).toBe(true)
    expect(told(system, 'token-conflict')).toEqual([{ candidates: 2 }])
  })
})
