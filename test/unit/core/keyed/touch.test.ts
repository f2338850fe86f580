import { describe, expect, it } from 'vitest'
import { tombstoneIn } from '../../../../src/core/record/read.ts'
import { dataOf, recordOf, systemOf, tokenOf, told, visit } from '../system.ts'

const minute = 60_000

describe('a touch', () => {
  it('extends the deadline and changes nothing else', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    const { key, record } = await recordOf(system, token)
    system.clock.advance(10 * minute)
    system.store.calls.length = 0
    const { outcome, token: sent } = await visit(system, token, (session) => session.get('a'))
    expect([outcome, sent]).toEqual(['touched', null])
    expect((await recordOf(system, token)).record).toEqual({ ...record, expiresAt: system.clock() + 30 * minute })
    expect(system.store.calls).toEqual([
      { operation: 'read', key },
      { operation: 'touch', key },
    ])
  })

  it('is made once per renewAfter, unless it is asked for', async () => {
    const system = await systemOf({ idleTimeout: '30m', renewAfter: '3m' })
    const token = await tokenOf(system, { a: 1 })
    const outcomes: string[] = []
    for (let minutes = 0; minutes < 9; minutes++) {
      system.clock.advance(minute)
      outcomes.push((await visit(system, token)).outcome)
    }
    const [no, yes] = ['nothing', 'touched']
    expect(outcomes).toEqual([no, no, yes, no, no, yes, no, no, yes])
    system.clock.advance(1)
    expect((await visit(system, token, (session) => session.touch())).outcome).toBe('touched')
    expect((await visit(system, token, (session) => session.touch())).outcome).toBe('nothing')
  })

  it('many at once all succeed, each on the version that it has seen', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    system.clock.advance(10 * minute)
    const sessions = await Promise.all(Array.from({ length: 30 }, () => system.sessions.open(token)))
    system.store.calls.length = 0
    const outcomes = await Promise.all(sessions.map((session) => system.sessions.commit(session)))
    expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['touched']))
    expect(system.store.calls.filter(({ operation }) => operation !== 'touch')).toEqual([])
  })

  it('on a version that somebody has overwritten looks again, and brings what is there', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    const session = await system.sessions.open(token)
    await visit(await system.another(), token, (it) => it.set('a', 2))
    system.clock.advance(minute)
    session.touch()
    expect((await system.sessions.commit(session)).outcome).toBe('touched')
    expect([session.get('a'), session.expiresAt]).toEqual([2, system.clock() + 30 * minute])
    session.set('b', 1)
    expect((await system.sessions.commit(session)).outcome).toBe('saved')
    expect(told(system, 'conflict')).toEqual([])
    expect(await dataOf(system, token)).toEqual({ a: 2, b: 1 })
  })

  it('whose deadline another request has extended already is none', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    const session = await system.sessions.open(token)
    system.clock.advance(10 * minute)
    await visit(system, token, (it) => it.set('a', 2))
    system.store.calls.length = 0
    expect((await system.sessions.commit(session)).outcome).toBe('touched')
    expect(system.store.calls.map(({ operation }) => operation)).toEqual(['touch', 'read'])
    expect(session.get('a')).toBe(2)
  })

  it('never keeps a tombstone alive: the session is gone, also for a heartbeat that goes on', async () => {
    for (const [work, left] of [
      [(it: { regenerate(): void }) => it.regenerate(), true],
      [(it: { destroy(): void }) => it.destroy(), false],
    ] as const) {
      const system = await systemOf()
      const token = await tokenOf(system, { a: 1 }, 'ada')
      const socket = await system.sessions.open(token)
      await visit(system, token, work)
      const { record } = await recordOf(system, token)
      expect(tombstoneIn(record) !== null).toBe(left)
      for (let beats = 0; beats < 3; beats++) {
        system.clock.advance(minute / 4)
        socket.touch()
        expect((await system.sessions.commit(socket)).outcome).toBe('gone')
      }
      expect((await recordOf(system, token)).record).toEqual(record)
    }
  })

  it('follows a rotation, and keeps the successor alive', async () => {
    const system = await systemOf({ rotateEvery: '5m' })
    const token = await tokenOf(system, { a: 1 })
    const socket = await system.sessions.open(token)
    system.clock.advance(6 * minute)
    const { carried } = await visit(system, token, (it) => it.set('a', 2))
    system.clock.advance(minute)
    socket.touch()
    const { outcome, token: told } = await system.sessions.commit(socket)
    expect([outcome, told, socket.get('a')]).toEqual(['touched', carried, 2])
    expect((await recordOf(system, carried)).record?.expiresAt).toBe(system.clock() + 30 * minute)
    socket.touch()
    system.clock.advance(minute)
    expect((await system.sessions.commit(socket)).outcome).toBe('touched')
  })

  it('that fails takes nothing from the request, and is told as an event', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    const session = await system.sessions.open(token)
    system.clock.advance(10 * minute)
    system.store.faults.fail('touch')
    expect((await system.sessions.commit(session)).outcome).toBe('nothing')
    expect(told(system, 'store-error')).toMatchObject([{ operation: 'touch' }])
  })

  it('goes no further than the absolute deadline', async () => {
    const system = await systemOf({ idleTimeout: '30m', absoluteTimeout: '40m', renewAfter: '1m' })
    const start = system.clock()
    const token = await tokenOf(system, { a: 1 })
    system.clock.advance(20 * minute)
    expect((await visit(system, token)).outcome).toBe('touched')
    expect((await recordOf(system, token)).record?.expiresAt).toBe(start + 40 * minute)
    system.clock.advance(10 * minute)
    expect((await visit(system, token, (session) => session.touch())).outcome).toBe('nothing')
    system.clock.advance(10 * minute)
    expect(await dataOf(system, token)).toBeNull()
  })
})
