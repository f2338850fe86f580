import { describe, expect, it } from 'vitest'
import { parsePayload } from '../../../../src/core/record/wire.ts'
import {
  allRecords,
  browserRequest,
  codeOf,
  dataOf,
  type System,
  systemOf,
  tokenOf,
  told,
  visit,
} from '../../core/system.ts'

const minute = 60_000
const writes = ['create', 'replace', 'touch', 'delete']

const written = ({ store }: System) => store.calls.filter(({ operation }) => writes.includes(operation)).length

describe('the idle deadline of a session that is remembered on the server', () => {
  it('is extended there: a reader gets no cookie, and there is exactly one write per renewAfter', async () => {
    const system = await systemOf({ kind: 'sealed', idleTimeout: '30m', renewAfter: '3m' })
    const token = await tokenOf(system, { a: 1 })
    const outcomes: string[] = []
    const writesEach: number[] = []
    for (let minutes = 0; minutes < 12; minutes++) {
      system.clock.advance(minute)
      system.store.calls.length = 0
      const request = browserRequest(token)
      const session = await system.sessions.open(request)
      expect(session.get('a')).toBe(1)
      outcomes.push((await system.sessions.commit(session)).outcome)
      writesEach.push(written(system))
      expect(request.cookies).toEqual([])
    }
    const [no, yes] = ['nothing', 'touched']
    expect(outcomes).toEqual([no, no, yes, no, no, yes, no, no, yes, no, no, yes])
    expect(writesEach).toEqual([0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1])
  })

  it('lets the session live on under its first cookie, and not beyond the absolute deadline', async () => {
    const system = await systemOf({ kind: 'sealed', idleTimeout: '30m', absoluteTimeout: '2h' })
    const token = await tokenOf(system, { a: 1 })
    for (let minutes = 0; minutes < 100; minutes += 20) {
      system.clock.advance(20 * minute)
      expect(await visit(system, token)).toMatchObject({ outcome: 'touched', token: null })
    }
    expect((await system.sessions.open(token)).expiresAt).toBe(system.clock() + 20 * minute)
    system.clock.advance(20 * minute)
    expect(await dataOf(system, token)).toBeNull()
  })

  it('passes like any other when nobody comes', async () => {
    const system = await systemOf({ kind: 'sealed' })
    const token = await tokenOf(system, { a: 1 })
    system.clock.advance(20 * minute)
    await visit(system, token)
    system.clock.advance(30 * minute)
    expect(await dataOf(system, token)).toBeNull()
    expect(told(system, 'expired')).toHaveLength(1)
    // The note goes with it.
    expect(await allRecords(system)).toEqual(new Map())
  })

  it('is extended once by readers that were opened together and answer one after the other', async () => {
    const system = await systemOf({ kind: 'sealed' })
    const token = await tokenOf(system, { a: 1 })
    for (let round = 0; round < 3; round++) {
      system.clock.advance(10 * minute)
      const sessions = await Promise.all(Array.from({ length: 10 }, () => system.sessions.open(token)))
      system.store.calls.length = 0
      const outcomes: string[] = []
      for (const session of sessions) outcomes.push((await system.sessions.commit(session)).outcome)
      expect([written(system), outcomes.filter((outcome) => outcome === 'touched').length]).toEqual([1, 1])
    }
  })

  it('is one note, however many readers extend it at once', async () => {
    const system = await systemOf({ kind: 'sealed' })
    const token = await tokenOf(system, { a: 1 })
    for (let round = 0; round < 2; round++) {
      system.clock.advance(10 * minute)
      const sessions = await Promise.all(Array.from({ length: 10 }, () => system.sessions.open(token)))
      await Promise.all(sessions.map((session) => system.sessions.commit(session)))
      const [note, ...others] = [...(await allRecords(system)).values()]
      expect([note?.expiresAt, others]).toEqual([system.clock() + 30 * minute, []])
    }
  })

  it('a touch that is asked for is one within renewAfter too', async () => {
    const system = await systemOf({ kind: 'sealed' })
    const token = await tokenOf(system, { a: 1 })
    system.clock.advance(1)
    const { outcome, token: sent } = await visit(system, token, (session) => session.touch())
    expect([outcome, sent]).toEqual(['touched', null])
    const again = await visit(system, token, (session) => session.touch())
    expect(again.outcome).toBe('nothing')
    system.clock.advance(1)
    expect((await visit(system, token, (session) => session.touch())).outcome).toBe('touched')
  })

  it('while nobody is signed in is extended in proportion to the shorter timeout', async () => {
    const system = await systemOf({
      kind: 'sealed',
      idleTimeout: '30m',
      limits: { anonymousIdleTimeout: '3m' },
    })
    const token = await tokenOf(system, { a: 1 })
    let touches = 0
    for (let visits = 0; visits < 30; visits++) {
      system.clock.advance(minute / 4)
      if ((await visit(system, token)).outcome === 'touched') touches++
    }
    expect([touches, await dataOf(system, token)]).toEqual([15, { a: 1 }])
  })

  it('does not bring back a session that was ended or moved', async () => {
    for (const work of [(it: { destroy(): void }) => it.destroy(), (it: { regenerate(): void }) => it.regenerate()]) {
      const system = await systemOf({ kind: 'sealed' })
      const token = await tokenOf(system, { a: 1 })
      system.clock.advance(10 * minute)
      const slow = await system.sessions.open(token)
      await visit(system, token, work)
      expect((await system.sessions.commit(slow)).outcome).toBe('gone')
      expect(await dataOf(system, token)).toBeNull()
    }
  })

  it('that cannot be extended takes nothing from the request', async () => {
    const system = await systemOf({ kind: 'sealed' })
    const token = await tokenOf(system, { a: 1 })
    system.clock.advance(10 * minute)
    const session = await system.sessions.open(token)
    system.store.faults.fail('create')
    expect((await system.sessions.commit(session)).outcome).toBe('nothing')
    expect(await dataOf(system, token)).toEqual({ a: 1 })
  })
})

describe('an end', () => {
  it('is remembered for as long as a token of the session could live, wherever it has moved to', async () => {
    const system = await systemOf({ kind: 'sealed', rotateEvery: '5m', idleTimeout: '1h' })
    const other = await system.another()
    const first = await tokenOf(system, { a: 1 }, 'ada')
    const slow = await system.sessions.open(first)
    system.clock.advance(6 * minute)
    const rotated = await visit(system, first)
    const moved = await visit(system, rotated.carried, (session) => session.regenerate())
    slow.logout()
    expect((await system.sessions.commit(slow)).outcome).toBe('ended')
    for (const later of [0, 20 * minute, 30 * minute]) {
      system.clock.advance(later)
      for (const token of [first, rotated.carried, moved.carried]) {
        expect([await dataOf(system, token), await dataOf(other, token)]).toEqual([null, null])
      }
    }
  })

  it('of which the acknowledgement is lost has happened', async () => {
    const system = await systemOf({ kind: 'sealed' })
    const token = await tokenOf(system, { a: 1 })
    system.store.faults.loseReply('create', { times: 1 })
    expect((await visit(system, token, (session) => session.destroy())).outcome).toBe('ended')
    expect(await dataOf(await system.another(), token)).toBeNull()
  })

  it('tells nothing of the session to whoever has the store', async () => {
    const system = await systemOf({ kind: 'sealed', rotateEvery: '5m' })
    const token = await tokenOf(system, { secret: 'hunter2' }, 'ada')
    system.clock.advance(6 * minute)
    const { carried } = await visit(system, token)
    await visit(system, carried, (session) => session.destroy())
    await system.sessions.users.revokeAll('ada')
    const all = JSON.stringify([...(await allRecords(system))])
    for (const secret of ['hunter2', token, carried, 'ada']) expect(all).not.toContain(secret)
  })
})

describe('a move', () => {
  it('that another process was faster with is gone; of two rotations the later one follows', async () => {
    for (const automatic of [false, true]) {
      const system = await systemOf({ kind: 'sealed', rotateEvery: '5m' })
      const other = await system.another()
      const token = await tokenOf(system, { n: 0 })
      system.clock.advance(automatic ? 6 * minute : 0)
      const late = await system.sessions.open(token)
      late.increment('n')
      if (!automatic) late.regenerate()
      const held = system.store.faults.hold('create', { times: 1 })
      const moving = system.sessions.commit(late)
      await held.reached
      const won = await visit(other, token, (session) => {
        session.increment('n')
        if (!automatic) session.regenerate()
      })
      held.release()
      const { outcome, token: next } = await moving
      expect(outcome).toBe(automatic ? 'saved' : 'gone')
      expect(await dataOf(system, next ?? won.carried)).toEqual({ n: automatic ? 2 : 1 })
    }
  })

  it('of which the acknowledgement is lost has happened, and the client gets its token', async () => {
    for (const work of [
      () => undefined,
      (session: { regenerate(): void }) => session.regenerate(),
      (session: { login(userId: string): void }) => session.login('ada'),
    ]) {
      const system = await systemOf({ kind: 'sealed', rotateEvery: '5m' })
      const token = await tokenOf(system, { a: 1 }, 'ada')
      system.clock.advance(6 * minute)
      system.store.faults.loseReply('create', { times: 1 })
      const { outcome, carried } = await visit(system, token, work)
      expect([outcome, carried === token]).toEqual(['moved', false])
      system.clock.advance(minute)
      expect(await dataOf(system, carried)).toEqual({ a: 1 })
      expect(await dataOf(system, token)).toBeNull()
    }
  })

  it('of which the call fails has not happened, and the session stays', async () => {
    const system = await systemOf({ kind: 'sealed' })
    const token = await tokenOf(system, { a: 1 })
    const session = await system.sessions.open(token)
    session.regenerate()
    system.store.faults.fail('create', { times: 1 })
    expect(await codeOf(() => session.save())).toBe('STORE_FAILED')
    expect(await dataOf(system, token)).toEqual({ a: 1 })
    expect((await system.sessions.commit(session)).outcome).toBe('moved')
  })

  it('the old token leads on for half a minute after a rotation, and is a sign of theft later', async () => {
    const system = await systemOf({ kind: 'sealed', rotateEvery: '5m' })
    const token = await tokenOf(system, { a: 1 })
    system.clock.advance(6 * minute)
    const { carried } = await visit(system, token)
    system.clock.advance(29_999)
    expect((await visit(system, token)).token).toBe(carried)
    system.clock.advance(1)
    expect(await dataOf(system, token)).toBeNull()
    const { id, root } = await system.sessions.open(carried)
    expect(told(system, 'token-reuse')).toEqual([{ id, root }])
  })
})

describe('revokeAll', () => {
  it('ends the tokens of one user in all processes, and not those that are issued later', async () => {
    const system = await systemOf({ kind: 'sealed' })
    const other = await system.another()
    const tokens = await Promise.all([1, 2].map((n) => tokenOf(system, { n }, 'ada')))
    const bob = await tokenOf(system, { n: 3 }, 'bob')
    await system.sessions.users.revokeAll('ada')
    for (const token of tokens) expect(await dataOf(other, token)).toBeNull()
    expect(await dataOf(other, bob)).toEqual({ n: 3 })
    expect(await dataOf(other, await tokenOf(other, { n: 4 }, 'ada'))).toEqual({ n: 4 })
  })

  it('leaves the session that it names by id, root or an id that it had, wherever that has moved to', async () => {
    for (const pick of ['id', 'root', 'former'] as const) {
      const system = await systemOf({ kind: 'sealed' })
      const [mine, other] = [await tokenOf(system, { n: 1 }, 'ada'), await tokenOf(system, { n: 2 }, 'ada')]
      const before = await system.sessions.open(mine)
      const { carried } = await visit(system, mine, (session) => session.regenerate())
      const { id, root } = await system.sessions.open(carried)
      await system.sessions.users.revokeAll('ada', { except: { id, root, former: before.id }[pick] })
      expect([await dataOf(system, carried), await dataOf(system, other)]).toEqual([{ n: 1 }, null])
      // What it goes on to be is of the new epoch.
      const next = await visit(system, carried, (session) => session.set('n', 5))
      expect(await dataOf(await system.another(), next.carried)).toEqual({ n: 5 })
    }
  })

  it('ends a request that was under way: it cannot answer with a token of the new epoch', async () => {
    const system = await systemOf({ kind: 'sealed' })
    const token = await tokenOf(system, { n: 1 }, 'ada')
    const [writing, moving] = [await system.sessions.open(token), await system.sessions.open(token)]
    writing.set('late', 1)
    moving.regenerate()
    await system.sessions.users.revokeAll('ada')
    expect((await system.sessions.commit(writing)).outcome).toBe('gone')
    expect((await system.sessions.commit(moving)).outcome).toBe('gone')
  })

  it('does not bring back with its exception what an earlier one has ended', async () => {
    const system = await systemOf({ kind: 'sealed' })
    const token = await tokenOf(system, { n: 1 }, 'ada')
    const { root } = await system.sessions.open(token)
    await system.sessions.users.revokeAll('ada')
    await system.sessions.users.revokeAll('ada', { except: root })
    expect(await dataOf(system, token)).toBeNull()
  })

  it('that cannot read the epoch lets nobody in, and signs nobody in', async () => {
    const system = await systemOf({ kind: 'sealed' })
    const token = await tokenOf(system, { n: 1 }, 'ada')
    await system.sessions.users.revokeAll('ada', { except: (await system.sessions.open(token)).root })
    expect(await dataOf(system, token)).toEqual({ n: 1 })
    for (const [key, record] of await allRecords(system)) {
      if (parsePayload(record.payload)?.kind !== 'note') continue
      await system.records.replace(key, { ...record, payload: 'garbage', version: record.version + 1 }, record.version)
    }
    expect(await dataOf(system, token)).toBeNull()
    expect(await codeOf(() => tokenOf(system, { n: 2 }, 'ada'))).toBe('STORE_FAILED')
    expect(await dataOf(system, await tokenOf(system, { n: 3 }, 'bob'))).toEqual({ n: 3 })
  })
})
