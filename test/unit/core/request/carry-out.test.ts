import { describe, expect, it } from 'vitest'
import { planOf } from '../../../../src/core/request/carry-out.ts'
import { LiveSession } from '../../../../src/core/session.ts'
import type { Session } from '../../../../src/index.ts'
import { allRecords, codeOf, dataOf, type System, settle, systemOf, tokenOf, told, visit } from '../system.ts'

const minute = 60_000

async function planned(
  system: System,
  token: string | null,
  work: (session: Session) => unknown,
  failed = false,
): Promise<string> {
  const session = await system.sessions.open(token)
  await work(session)
  const state = LiveSession.stateOf(session)
  if (state === undefined) throw new Error('no session')
  const { end, step } = planOf(system.engine, state, failed)
  return end ? `end, ${step}` : step
}

describe('what there is to do', () => {
  const nothing = () => undefined
  const cases: ReadonlyArray<readonly [string, boolean, (session: Session) => unknown, string]> = [
    ['a visitor who did nothing', false, nothing, 'nothing'],
    ['one who reads', false, (it) => [it.get('a'), it.id, it.userId, it.flash.all()], 'nothing'],
    ['one who writes', false, (it) => it.set('a', 1), 'create'],
    ['one who leaves a message', false, (it) => it.flash.set('note', 1), 'create'],
    ['one who shows a message', false, (it) => it.flash.now('note', 1), 'nothing'],
    ['one who signs in', false, (it) => it.login('ada'), 'create'],
    ['one who only asks for a new token', false, (it) => it.regenerate(), 'nothing'],
    ['one who destroys what is not there', false, (it) => it.destroy(), 'nothing'],
    ['a session that is read', true, (it) => [it.get('list'), it.entries(), it.toJSON()], 'nothing'],
    ['a session that is written', true, (it) => it.set('a', 1), 'replace'],
    ['one that is written what it holds', true, (it) => it.set('a', 1), 'replace'],
    ['one of which an object is changed', true, (it) => (it.get('list') as number[]).push(2), 'replace'],
    ['one of which a key is removed', true, (it) => it.delete('a'), 'replace'],
    ['one of which a key is removed that it has not', true, (it) => it.delete('none'), 'nothing'],
    ['one that is emptied', true, (it) => it.clear(), 'replace'],
    ['one whose message is read', true, (it) => it.flash.get('note'), 'replace'],
    ['one whose message is looked at', true, (it) => it.flash.peek('note'), 'nothing'],
    ['one that is touched', true, (it) => it.touch(), 'touch'],
    ['one that is touched and written', true, (it) => [it.touch(), it.set('a', 1)], 'replace'],
    ['one that gets a new token', true, (it) => it.regenerate(), 'move'],
    ['one that signs in', true, (it) => it.login('ada'), 'move'],
    ['one that is ended', true, (it) => it.destroy(), 'end, nothing'],
    ['one that is ended and begun anew', true, (it) => [it.logout(), it.set('a', 1)], 'end, create'],
    ['one that is written and ended', true, (it) => [it.set('a', 1), it.destroy()], 'end, nothing'],
  ]

  it.each(cases)('%s', async (_, stored, work, expected) => {
    const system = await systemOf()
    let token: string | null = null
    if (stored) {
      const { carried } = await visit(system, null, (it) => {
        it.set('a', 1)
        it.set('list', [1])
        it.flash.set('note', 'hello')
      })
      token = carried
    }
    expect(await planned(system, token, work)).toBe(expected)
    expect(await planned(system, token, work, true)).toBe(expected.startsWith('end') ? 'end, nothing' : 'nothing')
  })

  it('a deadline that is due is extended, by a change without a second call', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    system.clock.advance(10 * minute)
    expect(await planned(system, token, nothing)).toBe('touch')
    expect(await planned(system, token, (it) => it.set('a', 2))).toBe('replace')
  })

  it('a rotation that is due is made with whatever else there is', async () => {
    const system = await systemOf({ rotateEvery: '5m' })
    const token = await tokenOf(system, { a: 1 })
    system.clock.advance(5 * minute - 1)
    expect(await planned(system, token, nothing)).not.toBe('move')
    system.clock.advance(1)
    expect(await planned(system, token, nothing)).toBe('move')
    expect(await planned(system, token, (it) => it.set('a', 2))).toBe('move')
    const { carried } = await visit(system, token)
    expect(await planned(system, carried, nothing)).toBe('nothing')
  })
})

describe('an end and what comes after it', () => {
  it('are done one after the other: should the second fail, the first has happened', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    const session = await system.sessions.open(token)
    session.destroy()
    session.set('b', 1)
    system.store.faults.fail('create', { times: 1 })
    expect(await codeOf(() => session.save())).toBe('STORE_FAILED')
    expect(await dataOf(system, token)).toBeNull()
    const { outcome, token: next } = await system.sessions.commit(session)
    expect([outcome, await dataOf(system, next ?? '')]).toEqual(['created', { b: 1 }])
    expect(told(system, 'destroyed')).toHaveLength(1)
  })

  it('several sessions that one request has begun and left are all ended', async () => {
    const system = await systemOf()
    const session = await system.sessions.open(await tokenOf(system, { n: 0 }))
    for (let n = 1; n < 4; n++) {
      session.destroy()
      session.set('n', n)
      await session.save()
    }
    expect((await allRecords(system)).size).toBe(1)
    const { token } = await system.sessions.commit(session)
    expect(await dataOf(system, token ?? '')).toEqual({ n: 3 })
  })

  it('an end that the store fails stops what comes after it', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    const session = await system.sessions.open(token)
    session.destroy()
    session.set('b', 1)
    system.store.faults.fail('replace', { times: 1 })
    system.store.faults.fail('read', { times: 1 })
    expect(await codeOf(() => session.save())).toBe('STORE_FAILED')
    expect((await allRecords(system)).size).toBe(1)
    expect((await system.sessions.commit(session)).outcome).toBe('created')
    expect(await dataOf(system, token)).toBeNull()
  })
})

describe('a sign-in whose session another request has ended', () => {
  it('brings nothing of it back, also when the store fails it at first', async () => {
    for (const failing of [false, true]) {
      const system = await systemOf()
      const token = await tokenOf(system, { ended: 1 })
      const session = await system.sessions.open(token)
      session.set('mine', 1)
      session.login('ada')
      await visit(await system.another(), token, (it) => it.destroy())
      if (failing) {
        system.store.faults.fail('create', { when: () => ++creates === 2 })
        let creates = 0
        expect(await codeOf(() => session.save())).toBe('STORE_FAILED')
        system.store.faults.clear()
      }
      const { outcome, token: next } = await system.sessions.commit(session)
      expect([outcome, await dataOf(system, next ?? '')]).toEqual(['created', { mine: 1 }])
      await settle()
      expect(await system.sessions.users.list('ada')).toHaveLength(1)
    }
  })

  it('is refused by limits.create like any other new session', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    const other = await system.another({ limits: { create: () => false } })
    const session = await other.sessions.open(token)
    session.login('ada')
    await visit(system, token, (it) => it.destroy())
    expect(await codeOf(() => session.save())).toBe('LIMIT_REACHED')
    expect((await allRecords(system)).size).toBe(0)
  })
})

describe('a request that may not set a cookie', () => {
  it('drops what it wrote and says so, and signs in all the same', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    await visit(system, token, (it) => it.regenerate())
    const before = await allRecords(system)
    expect((await visit(system, token, (it) => it.set('b', 1))).outcome).toBe('gone')
    expect(await allRecords(system)).toEqual(before)
    expect(told(system, 'gone')).toHaveLength(1)
    expect((await visit(system, token, (it) => it.login('ada'))).outcome).toBe('created')
  })

  it('because the store was down when it came saves nothing, and is told why', async () => {
    const system = await systemOf({ onStoreError: 'anonymous' })
    const token = await tokenOf(system, { a: 1 })
    system.store.faults.fail('read', { times: 1 })
    const session = await system.sessions.open(token)
    expect(session.isNew).toBe(true)
    session.set('b', 1)
    expect(await codeOf(() => session.save())).toBe('STORE_FAILED')
    expect(await codeOf(() => session.destroy())).toBe('STORE_FAILED')
    expect((await system.sessions.commit(session)).outcome).toBe('gone')
    // The store's fault was told as such; nobody has ended or moved the session.
    expect(told(system, 'gone')).toEqual([])
    expect(await dataOf(system, token)).toEqual({ a: 1 })
  })
})
