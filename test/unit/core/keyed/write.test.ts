import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { mostAttempts } from '../../../../src/core/keyed/conflict.ts'
import { idOf } from '../../../../src/core/token.ts'
import type { StoredRecord } from '../../../../src/index.ts'
import { codeOf, dataOf, recordOf, type System, settle, systemOf, tokenOf, told, visit } from '../system.ts'

/** Lets something else overwrite the record before each of the next `times` replaces of this process. */
function overtaken(system: System, key: string, times: number): void {
  let left = times
  const { replace } = system.records
  system.store.faults.fail('replace', {
    error: new Error('never'),
    when(call) {
      if (call.key !== key || left === 0) return false
      left--
      const present = system.records.read(key) as StoredRecord
      void replace(key, { ...present, version: present.version + 1 }, present.version)
      return false
    },
  })
}

describe('a write', () => {
  it('is one call on the version that was read, and one more version', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    const { key, record } = await recordOf(system, token)
    system.store.calls.length = 0
    expect((await visit(system, token, (session) => session.set('b', 1))).outcome).toBe('saved')
    expect(system.store.calls).toEqual([
      { operation: 'read', key },
      { operation: 'replace', key },
    ])
    expect((await recordOf(system, token)).record?.version).toBe((record?.version ?? 0) + 1)
  })

  it('of many requests in one process meets no conflict: each is handed what the one before has stored', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { n: 0 })
    const sessions = await Promise.all(Array.from({ length: 20 }, () => system.sessions.open(token)))
    system.store.calls.length = 0
    await Promise.all(
      sessions.map((session) => {
        session.increment('n')
        return system.sessions.commit(session)
      }),
    )
    expect(system.store.calls.map(({ operation }) => operation)).toEqual(new Array(20).fill('replace'))
    expect([told(system, 'conflict'), await dataOf(system, token)]).toEqual([[], { n: 20 }])
  })

  it('that waited for one that ended the session is gone, without a call', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    const [ending, writing] = [await system.sessions.open(token), await system.sessions.open(token)]
    ending.destroy()
    writing.set('b', 1)
    const held = system.store.faults.hold('replace', { times: 1 })
    const ended = system.sessions.commit(ending)
    await held.reached
    const written = system.sessions.commit(writing)
    system.store.calls.length = 0
    held.release()
    expect([(await ended).outcome, (await written).outcome]).toEqual(['ended', 'gone'])
    expect(system.store.calls.map(({ operation }) => operation)).toEqual(['delete'])
  })

  it('that waited for one that the store failed fails alike, and is due again', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { n: 0 })
    const sessions = await Promise.all([1, 2, 3].map(() => system.sessions.open(token)))
    for (const session of sessions) session.increment('n')
    system.store.faults.fail('*')
    const codes = await Promise.all(sessions.map((session) => codeOf(() => session.save())))
    expect(codes).toEqual(['STORE_FAILED', 'STORE_FAILED', 'STORE_FAILED'])
    system.store.faults.clear()
    for (const session of sessions) await session.save()
    expect(await dataOf(system, token)).toEqual({ n: 3 })
  })

  it('on a session whose deadline has passed is gone', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    const session = await system.sessions.open(token)
    session.set('b', 1)
    system.clock.advance(30 * 60_000)
    expect((await system.sessions.commit(session)).outcome).toBe('gone')
    expect(await dataOf(system, token)).toBeNull()
  })

  it('follows a rotation that came in between, with its changes, and the answer gets the new token', async () => {
    const system = await systemOf({ rotateEvery: '5m' })
    const token = await tokenOf(system, { n: 1 })
    const late = await system.sessions.open(token)
    system.clock.advance(6 * 60_000)
    const { carried } = await visit(await system.another(), token, (session) => session.increment('n'))
    late.increment('n')
    const { outcome, token: next } = await system.sessions.commit(late)
    expect([outcome, next, await dataOf(system, carried)]).toEqual(['saved', carried, { n: 3 }])
    late.increment('n')
    await system.sessions.commit(late)
    expect(await dataOf(system, carried)).toEqual({ n: 4 })
  })
})

describe('a write that meets writes of other processes', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  async function meeting(times: number) {
    const system = await systemOf({ storeTimeout: '1h' })
    const token = await tokenOf(system, { n: 0, list: ['a'] })
    const { key } = await recordOf(system, token)
    const session = await system.sessions.open(token)
    let runs = 0
    session.update('n', (n) => {
      runs++
      return Number(n) + 1
    })
    session.push('list', 'b')
    overtaken(system, key, times)
    let done = false
    const result = codeOf(() => session.save()).finally(() => {
      done = true
    })
    while (!done) {
      await settle(1)
      await vi.advanceTimersByTimeAsync(64)
    }
    return { system, token, key, session, code: await result, runs }
  }

  it('tries again on what they have stored, and counts each step once', async () => {
    for (const times of [1, 2, 5, mostAttempts - 1]) {
      const { system, token, key, code, runs } = await meeting(times)
      expect([code, runs]).toEqual([undefined, times + 1])
      expect(await dataOf(system, token)).toEqual({ n: 1, list: ['a', 'b'] })
      const attempts = told(system, 'conflict')
      expect(attempts).toEqual(Array.from({ length: times }, (_, at) => ({ attempts: at + 1, id: idOf(key) })))
    }
  })

  it('gives up after so many tries, has stored nothing, and is due again', async () => {
    const { system, token, session, code } = await meeting(mostAttempts)
    expect(code).toBe('SESSION_CONFLICT')
    expect(await dataOf(system, token)).toEqual({ n: 0, list: ['a'] })
    expect(session.isChanged).toBe(true)
    const saved = session.save()
    await vi.advanceTimersByTimeAsync(100)
    await saved
    expect(await dataOf(system, token)).toEqual({ n: 1, list: ['a', 'b'] })
  })

  it('fails with what its update throws on what another has stored, and the session goes on', async () => {
    const system = await systemOf({ storeTimeout: '1h' })
    const other = await system.another()
    const token = await tokenOf(system, { n: 0 })
    const session = await system.sessions.open(token)
    session.increment('n')
    await visit(other, token, (it) => it.set('n', 'no number'))
    expect(await codeOf(() => session.save())).toBe('VALUE_INVALID')
    expect(await dataOf(system, token)).toEqual({ n: 'no number' })
    await visit(other, token, (it) => it.set('n', 7))
    await session.save()
    expect(await dataOf(system, token)).toEqual({ n: 8 })
  })
})
