import { describe, expect, it } from 'vitest'
import { codeOf, dataOf, systemOf, tokenOf, told, visit } from '../system.ts'

const minute = 60_000

describe('session.reload', () => {
  it('brings data, owner, deadlines and messages up to what is stored now', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    const socket = await system.sessions.open(token)
    system.clock.advance(minute)
    await visit(await system.another(), token, (session) => {
      session.set('a', 2)
      session.flash.set('note', 'hello')
    })
    await socket.reload()
    expect([socket.get('a'), socket.flash.peek('note'), socket.expiresAt, socket.isChanged]).toEqual([
      2,
      'hello',
      system.clock() + 30 * minute,
      false,
    ])
  })

  it('makes what is not stored yet again on it', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { n: 1, list: ['a'] })
    const socket = await system.sessions.open(token)
    const mine = { step: 1 }
    socket.increment('n')
    socket.push('list', 'mine')
    socket.set('mine', mine)
    await visit(await system.another(), token, (session) => {
      session.increment('n', 10)
      session.push('list', 'theirs')
    })
    await socket.reload()
    mine.step = 2
    expect([socket.toJSON().data, socket.get('mine') === mine, socket.isChanged]).toEqual([
      { n: 12, list: ['a', 'theirs', 'mine'], mine: { step: 2 } },
      true,
      true,
    ])
    await socket.save()
    expect(told(system, 'conflict')).toEqual([])
    expect(await dataOf(system, token)).toEqual({ n: 12, list: ['a', 'theirs', 'mine'], mine: { step: 2 } })
  })

  it('follows rotations, as many as there were, and the client is told the newest token', async () => {
    // A tombstone lives for a minute, or for as long as the time between two rotations.
    const system = await systemOf({ rotateEvery: '15s' })
    const token = await tokenOf(system, { a: 1 })
    const socket = await system.sessions.open(token)
    const { root } = socket
    let carried = token
    for (let moves = 0; moves < 3; moves++) {
      system.clock.advance(minute / 4)
      carried = (await visit(system, carried, (session) => session.set('a', moves))).carried
    }
    await socket.reload()
    expect([socket.get('a'), socket.root]).toEqual([2, root])
    expect((await system.sessions.commit(socket)).token).toBe(carried)
  })

  it('is SESSION_GONE for what was ended or moved on purpose, also the next time', async () => {
    for (const work of [
      (it: { destroy(): void }) => it.destroy(),
      (it: { regenerate(): void }) => it.regenerate(),
      (it: { login(userId: string): void }) => it.login('ada'),
    ]) {
      const system = await systemOf()
      const token = await tokenOf(system, { a: 1 })
      const socket = await system.sessions.open(token)
      await visit(system, token, work)
      expect([await codeOf(() => socket.reload()), await codeOf(() => socket.reload())]).toEqual([
        'SESSION_GONE',
        'SESSION_GONE',
      ])
      expect(told(system, 'gone')).toHaveLength(2)
    }
  })

  it('is SESSION_GONE once the session has expired', async () => {
    const system = await systemOf()
    const socket = await system.sessions.open(await tokenOf(system, { a: 1 }))
    system.clock.advance(30 * minute)
    expect(await codeOf(() => socket.reload())).toBe('SESSION_GONE')
  })

  it('that fails changes nothing', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { n: 1 })
    const socket = await system.sessions.open(token)
    socket.increment('n')
    system.store.faults.fail('read', { times: 1 })
    expect(await codeOf(() => socket.reload())).toBe('STORE_FAILED')
    expect(socket.get('n')).toBe(2)
    await socket.save()
    expect(await dataOf(system, token)).toEqual({ n: 2 })
  })

  it('of a session that was never stored is nothing', async () => {
    const system = await systemOf()
    const session = await system.sessions.open(null)
    session.set('a', 1)
    system.store.calls.length = 0
    await session.reload()
    expect([session.get('a'), session.isNew, system.store.calls]).toEqual([1, true, []])
  })

  it('waits for a save() that is under way, and sees what it stored', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { n: 1 })
    const session = await system.sessions.open(token)
    session.increment('n')
    const held = system.store.faults.hold('replace', { times: 1 })
    const saved = session.save()
    await held.reached
    const reloaded = session.reload()
    held.release()
    await Promise.all([saved, reloaded])
    expect([session.get('n'), session.isChanged]).toEqual([2, false])
  })

  it('after destroy() concerns the session that began then', async () => {
    const system = await systemOf()
    const session = await system.sessions.open(await tokenOf(system, { a: 1 }))
    const held = system.store.faults.hold('read', { times: 1 })
    const reloaded = session.reload()
    await held.reached
    session.destroy()
    session.set('new', 1)
    held.release()
    await reloaded
    expect(session.toJSON().data).toEqual({ new: 1 })
    const { outcome, token } = await system.sessions.commit(session)
    expect([outcome, await dataOf(system, token ?? '')]).toEqual(['created', { new: 1 }])
  })
})
