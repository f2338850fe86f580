import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LiveSession } from '../../../../src/core/session.ts'
import { idOf } from '../../../../src/core/token.ts'
import type { Session } from '../../../../src/index.ts'
import {
  allRecords,
  browserRequest,
  codeOf,
  dataOf,
  type Kind,
  recordOf,
  type System,
  settle,
  systemOf,
  tokenOf,
  told,
  visit,
} from '../system.ts'

const kinds: readonly Kind[] = ['keyed', 'sealed', 'sealed, nothing remembered']

/** What takes time while a session is stored, so that a test can do something meanwhile. */
function heldSave(system: System, kind: Kind) {
  return system.store.faults.hold(kind === 'keyed' ? 'replace' : 'read', { times: 1 })
}

describe.each(kinds.slice(0, 2))('while save() is under way: %s', (kind) => {
  /** A request that is being saved, and what it does meanwhile. */
  async function saving(meanwhile: (session: Session) => unknown) {
    const system = await systemOf({ kind })
    const token = await tokenOf(system, { a: 1, n: 0, list: ['first'] })
    const session = await system.sessions.open(token)
    session.set('saved', 1)
    const held = heldSave(system, kind)
    const saved = session.save()
    await held.reached
    meanwhile(session)
    held.release()
    await saved
    return { system, token, session }
  }

  it('a login lands on a new token, and nothing of it under the old one', async () => {
    const { system, token, session } = await saving((it) => it.login('victim'))
    if (kind === 'keyed') expect((await system.sessions.open(token)).userId).toBeUndefined()
    const { outcome, token: next } = await system.sessions.commit(session)
    expect([outcome, next === token]).toEqual(['moved', false])
    expect((await system.sessions.open(token)).userId).toBeUndefined()
    expect((await system.sessions.open(next)).userId).toBe('victim')
    expect(await dataOf(system, next ?? '')).toMatchObject({ a: 1, saved: 1 })
  })

  it('what is done by a handler that fails then is kept neither under the old token nor under another', async () => {
    const { system, token, session } = await saving((it) => {
      it.login('victim')
      it.set('half', 'written')
      it.increment('n')
    })
    const { token: sent } = await system.sessions.commit(session, { status: 500 })
    for (const each of [token, sent ?? token]) {
      expect((await system.sessions.open(each)).userId).toBeUndefined()
      expect(await dataOf(system, each)).not.toHaveProperty('half')
    }
    expect(await dataOf(system, sent ?? token)).toEqual({ a: 1, n: 0, list: ['first'], saved: 1 })
  })

  it('increments and pushes are counted once', async () => {
    const { system, token, session } = await saving((it) => {
      it.increment('n')
      it.push('list', 'second')
      it.update('list', (list: unknown) => [...(list as string[]), 'third'])
    })
    expect([session.get('n'), session.get('list')]).toEqual([1, ['first', 'second', 'third']])
    const { token: next } = await system.sessions.commit(session)
    expect(await dataOf(system, next ?? token)).toEqual({ a: 1, n: 1, list: ['first', 'second', 'third'], saved: 1 })
  })

  it('an object that was changed in place is stored by the next commit as it is then', async () => {
    const job = { step: 1 }
    const system = await systemOf({ kind })
    const token = await tokenOf(system, { a: 1 })
    const session = await system.sessions.open(token)
    session.set('job', job)
    const held = heldSave(system, kind)
    const saved = session.save()
    await held.reached
    job.step = 2
    held.release()
    await saved
    expect(session.isChanged).toBe(true)
    const { token: next } = await system.sessions.commit(session)
    expect(await dataOf(system, next ?? token)).toEqual({ a: 1, job: { step: 2 } })
  })

  it('a message that is left waits for the next commit, and one that is read is removed by it', async () => {
    const system = await systemOf({ kind })
    const { carried } = await visit(system, null, (it) => it.flash.set('hello', 'read me'))
    const session = await system.sessions.open(carried)
    session.set('saved', 1)
    const held = heldSave(system, kind)
    const saved = session.save()
    await held.reached
    session.flash.set('note', 'later')
    expect(session.flash.get('hello')).toBe('read me')
    held.release()
    await saved
    const { token } = await system.sessions.commit(session)
    const next = await system.sessions.open(token ?? carried)
    expect(next.flash.all()).toEqual({ note: 'later' })
  })

  it('a regenerate moves the session by the next commit', async () => {
    const { system, token, session } = await saving((it) => it.regenerate())
    const { outcome, token: next } = await system.sessions.commit(session)
    expect(outcome).toBe('moved')
    expect(await dataOf(system, token)).toBeNull()
    expect(await dataOf(system, next ?? '')).toMatchObject({ a: 1, saved: 1 })
  })

  it('a clear empties what was saved', async () => {
    const { system, token, session } = await saving((it) => {
      it.clear()
      it.set('after', 1)
    })
    const { token: next } = await system.sessions.commit(session)
    expect(await dataOf(system, next ?? token)).toEqual({ after: 1 })
  })

  it('a second save() waits, and stores what came in between', async () => {
    const system = await systemOf({ kind })
    const token = await tokenOf(system, { n: 0 })
    const session = await system.sessions.open(token)
    session.increment('n')
    const held = heldSave(system, kind)
    const first = session.save()
    await held.reached
    session.increment('n')
    const second = session.save()
    held.release()
    await Promise.all([first, second])
    expect(session.isChanged).toBe(false)
    const { token: next } = await system.sessions.commit(session)
    expect(await dataOf(system, next ?? token)).toEqual({ n: 2 })
  })
})

describe('while a schema takes its time', () => {
  it.each(kinds)('a login lands on a new token, and a failed handler leaves nothing: %s', async (kind) => {
    let checking: (() => void) | null = null
    const system = await systemOf({
      kind,
      schema: {
        '~standard': {
          version: 1,
          vendor: 'test',
          async validate(value) {
            if (checking !== null) await new Promise<void>((resolve) => (checking = resolve))
            return { value: value as Record<string, unknown> }
          },
        },
      },
    })
    for (const status of [200, 500]) {
      const token = await tokenOf(system, { a: 1 })
      const session = await system.sessions.open(token)
      session.set('saved', 1)
      checking = () => undefined
      const saved = session.save()
      session.login('victim')
      session.increment('n')
      await settle()
      const release: () => void = checking
      checking = null
      release()
      await saved
      const { token: next } = await system.sessions.commit(session, { status })
      const reached = await system.sessions.open(next ?? token)
      expect([reached.userId, reached.get('saved'), reached.get('n')]).toEqual(
        status === 200 ? ['victim', 1, 1] : [undefined, 1, undefined],
      )
      // Nothing remembers the old token of a session that is kept in its token alone.
      if (kind !== 'sealed, nothing remembered') {
        expect((await system.sessions.open(token)).userId).toBeUndefined()
      }
    }
  })
})

describe('among other requests', () => {
  it('one increment and one push beside a save() that waits for its turn are counted once', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { n: 0 })
    const [mine, other, before] = await Promise.all([1, 2, 3].map(() => system.sessions.open(token)))
    if (mine === undefined || other === undefined || before === undefined) throw new Error('not opened')
    const held = system.store.faults.hold('replace', { times: 1 })
    before.set('c', 1)
    const first = system.sessions.commit(before)
    await held.reached
    mine.set('a', 1)
    const saved = mine.save()
    mine.increment('n')
    mine.push('list', 'apple')
    held.release()
    await saved
    other.set('b', 1)
    await system.sessions.commit(other)
    await system.sessions.commit(mine)
    await first
    expect(await dataOf(system, token)).toEqual({ n: 1, c: 1, a: 1, b: 1, list: ['apple'] })
  })

  it('of any number of overlapping requests in two processes no step is lost and none is counted twice', async () => {
    const one = await systemOf()
    const other = await one.another()
    const token = await tokenOf(one, { n: 0, list: [] })
    const many = Array.from({ length: 40 }, async (_, at) => {
      const system = at % 2 === 0 ? one : other
      const session = await system.sessions.open(token)
      session.increment('n')
      session.push('list', at)
      if (at % 3 === 0) await session.save()
      session.increment('n')
      return system.sessions.commit(session)
    })
    await Promise.all(many)
    const { n, list } = (await dataOf(one, token)) ?? {}
    expect(n).toBe(80)
    expect(Array.from(list as number[]).sort((a, b) => a - b)).toEqual(many.map((_, at) => at))
  })

  it('an object that the application holds is the session’s own still after a commit that met another request', async () => {
    const one = await systemOf()
    const other = await one.another()
    const token = await tokenOf(one, { cart: ['a'], n: 0 })
    const session = await one.sessions.open(token)
    const cart = session.get('cart') as string[]
    session.increment('n')
    await visit(other, token, (it) => it.increment('n'))
    await session.save()
    expect(told(one, 'conflict')).toHaveLength(1)
    expect([session.get('n'), session.get('cart') === cart]).toEqual([2, true])
    cart.push('b')
    ;(session.get('cart') as string[]).push('c')
    await one.sessions.commit(session)
    expect(await dataOf(one, token)).toEqual({ cart: ['a', 'b', 'c'], n: 2 })
  })

  it('what it does to an object in whose place another request has put something is not lost without a word', async () => {
    const one = await systemOf()
    const other = await one.another()
    const token = await tokenOf(one, { cart: ['a'] })
    const session = await one.sessions.open(token)
    const cart = session.get('cart') as string[]
    session.set('mine', 1)
    await visit(other, token, (it) => it.set('cart', ['theirs']))
    await session.save()
    expect(session.get('cart')).toEqual(['theirs'])
    cart.push('b')
    await one.sessions.commit(session)
    expect(await dataOf(one, token)).toEqual({ cart: ['a', 'b'], mine: 1 })
  })
})

describe('a save() whose acknowledgement is lost', () => {
  const lost = new Error('connection reset')

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  async function counting() {
    const system = await systemOf({ storeTimeout: '2s' })
    const token = await tokenOf(system, { n: 0, list: [] })
    const session = await system.sessions.open(token)
    session.increment('n')
    session.push('list', 'mine')
    session.flash.set('note', 'hello')
    return { system, token, session }
  }

  const counted = { n: 1, list: ['mine'] }

  async function timedOut(work: Promise<unknown>): Promise<unknown> {
    const code = codeOf(() => work)
    await vi.advanceTimersByTimeAsync(2000)
    return code
  }

  it('is found at once, and has succeeded', async () => {
    const { system, token, session } = await counting()
    system.store.faults.loseReply('replace', { times: 1, error: lost })
    await session.save()
    expect([session.isChanged, (await system.sessions.commit(session)).outcome]).toEqual([false, 'nothing'])
    expect(await dataOf(system, token)).toEqual(counted)
  })

  it('and cannot be looked for either is found by the next commit, and not counted twice', async () => {
    const { system, token, session } = await counting()
    system.store.faults.loseReply('replace', { times: 1, error: lost })
    system.store.faults.fail('read', { times: 1, error: lost })
    expect(await codeOf(() => session.save())).toBe('STORE_FAILED')
    session.increment('n')
    session.push('list', 'more')
    expect((await system.sessions.commit(session)).outcome).toBe('saved')
    expect(await dataOf(system, token)).toEqual({ n: 2, list: ['mine', 'more'] })
    expect((await system.sessions.open(token)).flash.all()).toEqual({ note: 'hello' })
  })

  it('because the store took too long is found by the next commit', async () => {
    const { system, token, session } = await counting()
    system.store.faults.hang('replace', { times: 1, applied: true })
    expect(await timedOut(session.save())).toBe('STORE_TIMEOUT')
    expect(session.isChanged).toBe(true)
    expect((await system.sessions.commit(session)).outcome).toBe('saved')
    expect(await dataOf(system, token)).toEqual(counted)
    expect(session.toJSON().data).toEqual(counted)
  })

  it('and that is applied only after the store was given up is found as well', async () => {
    const { system, token, session } = await counting()
    const held = system.store.faults.hold('replace', { times: 1 })
    expect(await timedOut(session.save())).toBe('STORE_TIMEOUT')
    held.release()
    await settle()
    session.increment('n')
    expect((await system.sessions.commit(session)).outcome).toBe('saved')
    expect(await dataOf(system, token)).toEqual({ n: 2, list: ['mine'] })
  })

  it('and that was never applied is made by the next commit', async () => {
    const { system, token, session } = await counting()
    system.store.faults.hang('replace', { times: 1 })
    expect(await timedOut(session.save())).toBe('STORE_TIMEOUT')
    expect((await system.sessions.commit(session)).outcome).toBe('saved')
    expect(await dataOf(system, token)).toEqual(counted)
  })

  it('twice in a row is counted once: the last one that was stored is found', async () => {
    for (const applied of [
      [true, true],
      [false, true],
      [true, false],
    ]) {
      const { system, token, session } = await counting()
      for (const each of applied) {
        system.store.faults.hang('replace', { times: 1, applied: each })
        expect(await timedOut(session.save())).toBe('STORE_TIMEOUT')
        session.increment('n')
      }
      const work = system.sessions.commit(session)
      await vi.advanceTimersByTimeAsync(100)
      expect((await work).outcome).toBe('saved')
      expect(await dataOf(system, token)).toEqual({ n: 3, list: ['mine'] })
    }
  })

  it('is not counted twice by a commit that moves the session either', async () => {
    const { system, session } = await counting()
    system.store.faults.hang('replace', { times: 1, applied: true })
    expect(await timedOut(session.save())).toBe('STORE_TIMEOUT')
    session.regenerate()
    const { outcome, token } = await system.sessions.commit(session)
    expect(outcome).toBe('moved')
    expect(await dataOf(system, token ?? '')).toEqual(counted)
  })

  it('leaves a message that somebody has taken since alone', async () => {
    const { system, token, session } = await counting()
    system.store.faults.hang('replace', { times: 1, applied: true })
    expect(await timedOut(session.save())).toBe('STORE_TIMEOUT')
    const other = await system.sessions.open(token)
    expect(other.flash.peek('note')).toBe('hello')
    expect((await system.sessions.commit(session)).outcome).toBe('saved')
    expect(await (await system.sessions.open(token)).flash.take('note')).toBe('hello')
    expect((await system.sessions.open(token)).flash.peek('note')).toBeUndefined()
  })

  it('is not counted twice after a reload()', async () => {
    const { system, token, session } = await counting()
    system.store.faults.hang('replace', { times: 1, applied: true })
    expect(await timedOut(session.save())).toBe('STORE_TIMEOUT')
    await session.reload()
    expect(session.toJSON().data).toEqual(counted)
    await system.sessions.commit(session)
    expect(await dataOf(system, token)).toEqual(counted)
  })

  it('is not counted twice after a message was taken', async () => {
    const { system, token } = await counting()
    await visit(system, token, (it) => it.flash.set('hi', 'hi'))
    const session = await system.sessions.open(token)
    session.increment('n')
    system.store.faults.hang('replace', { times: 1, applied: true })
    expect(await timedOut(session.save())).toBe('STORE_TIMEOUT')
    expect(await session.flash.take('hi')).toBe('hi')
    await system.sessions.commit(session)
    expect(await dataOf(system, token)).toMatchObject({ n: 1 })
  })
})

describe.each(kinds)('destroy: %s', (kind) => {
  const remembers = kind !== 'sealed, nothing remembered'

  it('while a save is under way ends what it stored', async () => {
    if (!remembers) return
    const system = await systemOf({ kind })
    const token = await tokenOf(system, { a: 1 }, 'ada')
    const session = await system.sessions.open(token)
    session.set('b', 1)
    const held = heldSave(system, kind)
    const saved = session.save()
    await held.reached
    session.destroy()
    held.release()
    await saved
    const { outcome, token: next } = await system.sessions.commit(session)
    expect([outcome, next]).toEqual(['ended', null])
    expect(await dataOf(system, token)).toBeNull()
    expect(told(system, 'destroyed')).toEqual([
      { id: expect.any(String), root: expect.any(String), userId: 'ada', reason: 'destroy', by: 'ada' },
    ])
  })

  it('while the first save is under way ends what it stored', async () => {
    const system = await systemOf({ kind })
    const session = await system.sessions.open(null)
    session.set('a', 1)
    session.login('ada')
    const held = system.store.faults.hold(kind === 'keyed' ? 'create' : 'read', { times: 1 })
    const saved = session.save()
    if (remembers) await held.reached
    session.destroy()
    held.release()
    await saved
    const { outcome, token } = await system.sessions.commit(session)
    expect([outcome, token]).toEqual(['ended', null])
    if (kind === 'keyed') expect(await allRecords(system)).toEqual(new Map())
    expect(told(system, 'destroyed')).toHaveLength(1)
  })

  it('while a move is under way ends the session under its new token too', async () => {
    const system = await systemOf({ kind })
    const token = await tokenOf(system, { a: 1 }, 'ada')
    const session = await system.sessions.open(token)
    session.regenerate()
    const held = system.store.faults.hold(kind === 'keyed' ? 'replace' : 'create', { times: 1 })
    const saved = session.save()
    if (remembers) await held.reached
    else await settle()
    session.logout()
    session.set('new', 1)
    held.release()
    await saved
    const { outcome, token: next } = await system.sessions.commit(session)
    expect(outcome).toBe('created')
    expect(await dataOf(system, next ?? '')).toEqual({ new: 1 })
    if (remembers) expect(await dataOf(system, token)).toBeNull()
    if (kind !== 'keyed') return
    expect(await system.sessions.users.list('ada')).toEqual([])
    expect((await system.sessions.list()).sessions).toHaveLength(1)
  })

  it('and what is written after it belongs to a session of its own', async () => {
    const system = await systemOf({ kind })
    const token = await tokenOf(system, { a: 1 }, 'ada')
    const session = await system.sessions.open(token)
    const { id, root } = session
    session.destroy()
    expect([session.isNew, session.userId, session.get('a'), session.root === root]).toEqual([
      true,
      undefined,
      undefined,
      false,
    ])
    session.set('b', 1)
    const { outcome, token: next } = await system.sessions.commit(session)
    expect([outcome, next === token, session.id === id]).toEqual(['created', false, false])
    expect(await dataOf(system, next ?? '')).toEqual({ b: 1 })
    if (remembers) expect(await dataOf(system, token)).toBeNull()
  })

  it('that fails is due again', async () => {
    if (!remembers) return
    const system = await systemOf({ kind })
    const token = await tokenOf(system, { a: 1 })
    const session = await system.sessions.open(token)
    session.destroy()
    system.store.faults.fail('*')
    expect(await codeOf(() => session.save())).toBe('STORE_FAILED')
    system.store.faults.clear()
    expect(session.isChanged).toBe(true)
    expect((await system.sessions.commit(session, { status: 500 })).outcome).toBe('ended')
    expect(await dataOf(system, token)).toBeNull()
  })
})

describe.each(kinds.slice(0, 2))('the cookie of an acknowledged move: %s', (kind) => {
  const spoils: ReadonlyArray<readonly [string, (system: System, session: Session) => unknown]> = [
    [
      'the store fails',
      (system, session) => {
        session.set('b', 1)
        system.store.faults.fail('*')
      },
    ],
    ['a value cannot be stored', (_, session) => session.set('b', () => 1)],
  ]

  it.each(spoils)('is put on the answer although %s then', async (_, spoil) => {
    for (const move of [(it: Session) => it.regenerate(), (it: Session) => it.login('ada')]) {
      const system = await systemOf({ kind })
      const token = await tokenOf(system, { cart: ['a'] })
      const request = browserRequest(token)
      const session = await system.sessions.open(request)
      move(session)
      await session.save()
      spoil(system, session)
      await expect(system.sessions.commit(session)).rejects.toThrow()
      system.store.faults.clear()
      expect(request.cookies).toHaveLength(1)
      const [next] = request.cookies
      expect(await dataOf(system, next ?? '')).toEqual({ cart: ['a'] })
      expect(await dataOf(system, token)).toBeNull()
    }
  })

  it('is put on the answer of a handler that fails by its status', async () => {
    const system = await systemOf({ kind })
    const request = browserRequest(await tokenOf(system, { cart: ['a'] }))
    const session = await system.sessions.open(request)
    session.regenerate()
    await session.save()
    session.set('half', 1)
    await system.sessions.commit(session, { status: 500 })
    expect(await dataOf(system, request.cookies[0] ?? '')).toEqual({ cart: ['a'] })
  })

  it('is not put on a second answer', async () => {
    const system = await systemOf({ kind })
    const request = browserRequest(await tokenOf(system, { cart: ['a'] }))
    const session = await system.sessions.open(request)
    session.regenerate()
    await system.sessions.commit(session)
    await system.sessions.commit(session)
    expect(request.cookies).toHaveLength(1)
  })

  it('none is put on the answer of a move that failed', async () => {
    const system = await systemOf({ kind })
    const token = await tokenOf(system, { cart: ['a'] })
    const request = browserRequest(token)
    const session = await system.sessions.open(request)
    session.regenerate()
    system.store.faults.fail('*')
    expect(await codeOf(() => system.sessions.commit(session))).toBe('STORE_FAILED')
    system.store.faults.clear()
    await settle()
    expect(request.cookies).toEqual([])
    expect(await dataOf(system, token)).toEqual({ cart: ['a'] })
  })
})

describe.each(kinds.slice(0, 2))('the cookie of a successor that a slow request was told of: %s', (kind) => {
  /** A request with the token from before a rotation, which has followed it. */
  async function slowRequest() {
    const system = await systemOf({ kind, rotateEvery: '5m', idleTimeout: '1h' })
    const token = await tokenOf(system, { cart: ['a'] }, 'ada')
    system.clock.advance(6 * 60_000)
    const { carried } = await visit(system, token)
    const request = browserRequest(token)
    const slow = await system.sessions.open(request)
    slow.get('cart')
    return { system, token, carried, request, slow }
  }

  it('is sent again if it still is the newest', async () => {
    const { system, carried, request, slow } = await slowRequest()
    await system.sessions.commit(slow)
    expect(request.cookies).toHaveLength(1)
    const [next] = request.cookies
    if (kind === 'keyed') expect(next).toBe(carried)
    expect(await dataOf(system, next ?? '')).toEqual({ cart: ['a'] })
  })

  const moves: ReadonlyArray<readonly [string, (session: Session) => void]> = [
    ['a sign-in', (it) => it.login('ada')],
    ['a regenerate', (it) => it.regenerate()],
    ['an end', (it) => it.destroy()],
  ]

  it.each(moves)('is withdrawn when %s has come in between', async (_, move) => {
    const { system, carried, request, slow } = await slowRequest()
    await visit(system, carried, move)
    await system.sessions.commit(slow)
    expect(request.cookies).toEqual([])
  })

  it.each(moves)('is withdrawn from a failure too when %s has come in between', async (_, move) => {
    const { system, carried, request, slow } = await slowRequest()
    await visit(system, carried, move)
    slow.set('b', () => 1)
    await expect(system.sessions.commit(slow)).rejects.toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }))
    expect(request.cookies).toEqual([])
  })

  it.each(moves)('is withdrawn from a request that writes: %s', async (_, move) => {
    const { system, carried, request, slow } = await slowRequest()
    await visit(system, carried, move)
    slow.set('b', 1)
    expect((await system.sessions.commit(slow)).outcome).toBe('gone')
    expect(request.cookies).toEqual([])
  })

  it('is kept when the store cannot say', async () => {
    const { system, request, slow } = await slowRequest()
    system.store.faults.fail('read')
    await system.sessions.commit(slow)
    expect(request.cookies).toHaveLength(1)
  })

  it('costs a request that was told of none no look at the store', async () => {
    const system = await systemOf({ kind })
    const token = await tokenOf(system, { cart: ['a'] })
    const session = await system.sessions.open(browserRequest(token))
    session.get('cart')
    system.store.calls.length = 0
    await system.sessions.commit(session)
    expect(system.store.calls).toEqual([])
  })
})

describe('a request with nothing to store', () => {
  it('is finished at once, without the store', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: [1] })
    for (const each of [null, token]) {
      const session = await system.sessions.open(each)
      session.get('a')
      system.store.calls.length = 0
      const finished = system.sessions.adapter.finish(session)
      expect(finished).toEqual({ outcome: 'nothing', headers: [], token: null })
      await session.save()
      expect(system.store.calls).toEqual([])
    }
  })

  it('is a new session that ends up empty', async () => {
    const system = await systemOf()
    const session = await system.sessions.open(null)
    session.set('a', 1)
    session.delete('a')
    session.regenerate()
    expect((await system.sessions.commit(session)).outcome).toBe('nothing')
    expect(await allRecords(system)).toEqual(new Map())
  })

  it('waits for a save() that is under way', async () => {
    const system = await systemOf()
    const session = await system.sessions.open(await tokenOf(system, { a: 1 }))
    session.set('a', 2)
    const held = system.store.faults.hold('replace')
    const saved = session.save()
    await held.reached
    let finished = false
    const commit = system.sessions.commit(session).then(() => {
      finished = true
    })
    await settle()
    expect(finished).toBe(false)
    held.release()
    await Promise.all([saved, commit])
  })
})

describe('once the response has begun', () => {
  it.each(kinds)('what would need a cookie is refused, and not carried out: %s', async (kind) => {
    const system = await systemOf({ kind })
    const token = await tokenOf(system, { a: 1 })
    for (const [from, work] of [
      [null, (it: Session) => it.set('b', 1)],
      [token, (it: Session) => it.regenerate()],
      [token, (it: Session) => it.login('ada')],
      [null, (it: Session) => it.login('ada')],
      ...(kind === 'keyed' ? [] : [[token, (it: Session) => it.set('b', 1)] as const]),
    ] as const) {
      const request = browserRequest(from, { headersSent: true })
      const session = await system.sessions.open(request)
      expect(await codeOf(() => work(session))).toBe('HEADERS_SENT')
      await system.sessions.commit(session)
      expect(request.cookies).toEqual([])
    }
    expect(await dataOf(system, token)).toEqual({ a: 1 })
    expect((await system.sessions.open(token)).userId).toBeUndefined()
  })

  it.each(kinds)('what was asked for before is refused by the commit: %s', async (kind) => {
    const system = await systemOf({ kind })
    const token = await tokenOf(system, { a: 1 })
    for (const [from, work] of [
      [null, (it: Session) => it.set('b', 1)],
      [token, (it: Session) => it.regenerate()],
    ] as const) {
      const request = browserRequest(from)
      const session = await system.sessions.open(request)
      work(session)
      request.sent = true
      expect(await codeOf(() => system.sessions.commit(session))).toBe('HEADERS_SENT')
    }
    expect(await dataOf(system, token)).toEqual({ a: 1 })
  })

  it('a stored session can be written to, and be ended', async () => {
    const system = await systemOf()
    const token = await tokenOf(system, { a: 1 })
    const session = await system.sessions.open(browserRequest(token, { headersSent: true }))
    session.set('b', 1)
    expect((await system.sessions.commit(session)).outcome).toBe('saved')
    session.destroy()
    expect((await system.sessions.commit(session)).outcome).toBe('ended')
    expect(await dataOf(system, token)).toBeNull()
  })

  it('a rotation that is due waits for another request', async () => {
    const system = await systemOf({ rotateEvery: '5m' })
    const token = await tokenOf(system, { a: 1 })
    system.clock.advance(6 * 60_000)
    const session = await system.sessions.open(browserRequest(token, { headersSent: true }))
    session.set('b', 1)
    expect((await system.sessions.commit(session)).outcome).toBe('saved')
    expect((await visit(system, token)).outcome).toBe('moved')
  })
})

describe('what is gone', () => {
  it('SESSION_GONE to save(), an outcome and an event to a commit; the changes are dropped', async () => {
    for (const move of [(it: Session) => it.destroy(), (it: Session) => it.regenerate()]) {
      const system = await systemOf()
      const token = await tokenOf(system, { a: 1 })
      const { key } = await recordOf(system, token)
      const [first, second] = [await system.sessions.open(token), await system.sessions.open(token)]
      await visit(system, token, move)
      first.set('b', 1)
      first.flash.set('note', 1)
      expect(await codeOf(() => first.save())).toBe('SESSION_GONE')
      expect([first.isChanged, (await system.sessions.commit(first)).outcome]).toEqual([false, 'nothing'])
      second.set('b', 1)
      expect((await system.sessions.commit(second)).outcome).toBe('gone')
      const gone = { id: idOf(key), root: first.root }
      expect(told(system, 'gone')).toEqual([gone, gone])
    }
  })

  it('a sign-in succeeds all the same, in a session of its own, with what the request has', async () => {
    for (const move of [(it: Session) => it.destroy(), (it: Session) => it.regenerate()]) {
      const system = await systemOf()
      const token = await tokenOf(system, { old: 1 })
      const request = browserRequest(token)
      const session = await system.sessions.open(request)
      const { root } = session
      session.set('theme', 'dark')
      session.login('ada')
      session.set('welcome', 1)
      session.flash.set('note', 'hello')
      await visit(system, token, move)
      expect((await system.sessions.commit(session)).outcome).toBe('created')
      const [next] = request.cookies
      const reached = await system.sessions.open(next ?? '')
      // Nothing of what was ended or moved away comes back.
      expect([reached.userId, reached.toJSON().data]).toEqual(['ada', { theme: 'dark', welcome: 1 }])
      expect([reached.flash.get('note'), reached.root === root]).toEqual(['hello', false])
      expect(session.toJSON().data).toEqual({ theme: 'dark', welcome: 1 })
      expect(LiveSession.stateOf(session)?.isChanged).toBe(false)
    }
  })
})
