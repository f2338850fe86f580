import { describe, expect, it } from 'vitest'
import { writeTombstone } from '../../../../src/core/record/wire.ts'
import { idOf } from '../../../../src/core/token.ts'
import { allRecords, codeOf, dataOf, recordOf, systemOf, tokenOf, told, visit } from '../system.ts'

const minute = 60_000

describe('an end', () => {
  it('puts a tombstone in the place of the record before it removes it, so that no other request survives it', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 }, 'ada')
    const { key } = await recordOf(system, token)
    const [slow, late] = [await system.sessions.open(token), await (await system.another()).sessions.open(token)]
    system.store.calls.length = 0
    const { root } = slow
    expect((await visit(system, token, (session) => session.destroy())).outcome).toBe('ended')
    expect(system.store.calls.map(({ operation }) => operation)).toEqual(['read', 'replace', 'delete'])
    expect(await allRecords(system)).toEqual(new Map())
    expect(told(system, 'destroyed')).toEqual([{ id: idOf(key), root, userId: 'ada', reason: 'destroy', by: 'ada' }])
    for (const session of [slow, late]) {
      session.set('b', 1)
      expect((await system.sessions.commit(session)).outcome).toBe('gone')
    }
    expect(await allRecords(system)).toEqual(new Map())
  })

  it('follows the session wherever it has moved to since, by rotations and by regenerates', async () => {
    const system = await systemOf({ rotateEvery: '5s' })
    let token = await tokenOf(system, { a: 1 }, 'ada')
    const slow = await system.sessions.open(token)
    for (let moves = 0; moves < 11; moves++) {
      system.clock.advance(5000)
      const { outcome, carried } = await visit(system, token, (it) => (moves % 3 === 0 ? it.regenerate() : undefined))
      expect(outcome).toBe('moved')
      token = carried
    }
    expect(await dataOf(system, token)).toEqual({ a: 1 })
    slow.logout()
    expect((await system.sessions.commit(slow)).outcome).toBe('ended')
    expect(await dataOf(system, token)).toBeNull()
    expect(await system.sessions.users.list('ada')).toEqual([])
    expect(told(system, 'destroyed')).toHaveLength(1)
  })

  it('wins against a move that is under way in another process', async () => {
    const system = await systemOf()
    const other = await system.another()
    const token = await tokenOf(system, { a: 1 }, 'ada')
    const ending = await system.sessions.open(token)
    const held = system.store.faults.hold('replace', { times: 1 })
    ending.destroy()
    const ended = system.sessions.commit(ending)
    await held.reached
    const { carried } = await visit(other, token, (session) => session.regenerate())
    held.release()
    expect((await ended).outcome).toBe('ended')
    expect(await dataOf(system, carried)).toBeNull()
    expect(await system.sessions.users.list('ada')).toEqual([])
  })

  it('wins against any number of writes of another process', async () => {
    const system = await systemOf()
    const other = await system.another()
    const token = await tokenOf(system, { a: 1 })
    const ending = await system.sessions.open(token)
    for (let writes = 0; writes < 3; writes++) await visit(other, token, (session) => session.increment('n'))
    ending.destroy()
    await system.sessions.commit(ending)
    expect(await allRecords(system)).toEqual(new Map())
  })

  it('of what is no longer there is no fault, and no news', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    const [one, other] = [await system.sessions.open(token), await system.sessions.open(token)]
    one.destroy()
    other.destroy()
    expect((await system.sessions.commit(one)).outcome).toBe('ended')
    expect((await system.sessions.commit(other)).outcome).toBe('ended')
    expect(told(system, 'destroyed')).toHaveLength(1)
  })

  it('that loses its acknowledgement has happened', async () => {
    for (const operation of ['replace', 'delete'] as const) {
      const system = await systemOf()
      const token = await tokenOf(system, { a: 1 })
      system.store.faults.loseReply(operation, { times: 1 })
      const failed = await codeOf(() => visit(system, token, (session) => session.destroy()))
      expect(failed).toBe(operation === 'replace' ? undefined : 'STORE_FAILED')
      expect(await dataOf(system, token)).toBeNull()
    }
  })

  it('that failed half-way is due again, nobody gets in meanwhile, and it is told once', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    const session = await system.sessions.open(token)
    session.destroy()
    system.store.faults.fail('delete', { times: 1 })
    expect(await codeOf(() => session.save())).toBe('STORE_FAILED')
    expect(await dataOf(await system.another(), token)).toBeNull()
    expect((await system.sessions.commit(session)).outcome).toBe('ended')
    expect((await system.sessions.list()).sessions).toEqual([])
    expect(told(system, 'destroyed')).toHaveLength(1)
  })

  it('is remembered by the process, should the store bring the record back', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    const { key, record } = await recordOf(system, token)
    await visit(system, token, (session) => session.destroy())
    if (record !== null) await system.records.create(key, record)
    expect(await dataOf(system, token)).toBeNull()
    expect((await system.sessions.list()).sessions).toEqual([])
    expect(await dataOf(await system.another(), token)).toEqual({ a: 1 })
  })

  it('comes to an end also where tombstones lead in a circle', async () => {
    const system = await systemOf()
    const [one, other] = [await tokenOf(system, { a: 1 }), await tokenOf(system, { a: 2 })]
    const session = await system.sessions.open(one)
    const [from, to] = [await recordOf(system, one), await recordOf(system, other)]
    for (const [{ key, record }, next] of [
      [from, to.key],
      [to, from.key],
    ] as const) {
      const payload = writeTombstone({ at: system.clock(), root: 'r', next })
      await system.records.replace(
        key,
        { payload, version: 2, expiresAt: system.clock() + minute },
        record?.version ?? 0,
      )
    }
    let looks = 0
    // Lets the test come to an end whatever happens: nothing else would.
    system.store.faults.fail('read', { when: () => ++looks > 100 })
    session.destroy()
    expect([await codeOf(() => system.sessions.commit(session)), looks > 100]).toEqual([undefined, false])
  })
})
