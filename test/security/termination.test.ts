import { CookieJar } from 'tough-cookie'
import { describe, expect, it } from 'vitest'
import { createSessions, type Outcome, type Session, SessionError, type SessionEvents } from '../../src/index.ts'
import { faultyStore, manualClock, memoryStore } from '../../src/testing/index.ts'
import { exchangeWith } from '../fixtures/exchange.ts'
import { itOn } from '../fixtures/store-tests.ts'
import { commitAll, errorOf, shown, tokenAfter, tokenWith, visit } from '../fixtures/visits.ts'

const minute = 60_000

/** What a slow request may have done, or do yet, to a session that another one ends meanwhile. */
const slow: Record<string, (session: Session) => unknown> = {
  set: (session) => session.set('late', true),
  increment: (session) => session.increment('count'),
  'in-place change': (session) => (session.get('box') as string[]).push('late'),
  delete: (session) => session.delete('name'),
  clear: (session) => session.clear(),
  touch: (session) => session.touch(),
  regenerate: (session) => session.regenerate(),
  'regenerate and set': (session) => {
    session.regenerate()
    session.set('late', true)
  },
  'flash.set': (session) => session.flash.set('notice', 'late'),
  'flash.get': (session) => session.flash.get('present'),
  'flash.take': (session) => session.flash.take('present'),
  destroy: (session) => session.destroy(),
}

/** What the commit of such a request says when the session was ended meanwhile, so many ms later. */
function outcomeOf(what: string, wait: number): Outcome {
  // Whoever signs out is signed out.
  if (what === 'destroy') return 'ended'
  // There is nothing to extend while the clock stands still, and the message was taken before the end.
  if (wait === 0 && (what === 'touch' || what === 'flash.take')) return 'nothing'
  return 'gone'
}

describe('an ended session', () => {
  for (const [what, work] of Object.entries(slow)) {
    itOn('two stores', `SEC-40 SEC-41 a late ${what} does not bring it back, and sets no cookie`, async (stage) => {
      const gone: unknown[] = []
      let reported = 0
      const nodes = [stage.sessions({ on: { gone: (event) => gone.push(event) } }), stage.sessions()]
      const [sessions = stage.sessions(), other = sessions] = nodes
      // The end comes from the same process, or from another; the clock stands still, or passes renewAfter.
      for (const [ender, wait] of [
        [sessions, 0],
        [other, 0],
        [other, 5 * minute],
      ] as const) {
        const token = await tokenWith(sessions, { name: 'Ada', box: ['hat'], count: 1 })
        await visit(sessions, token, (session) => session.flash.set('present', 'once'))
        const cookie = `__Host-sid=${token}`
        const exchange = exchangeWith({ cookie })
        const late = await sessions.open(exchange)
        late.get('box')
        if (wait === 0) await work(late)
        await visit(ender, token, (session) => session.destroy())
        stage.clock.advance(wait)
        if (wait > 0) await work(late)
        const { outcome, token: issued } = await sessions.commit(late)
        const expected = outcomeOf(what, wait)
        if (expected === 'gone') reported++
        expect(outcome).toBe(expected)
        expect(issued).toBeNull()
        const cookies = exchange.sent.filter(([name, value]) => name === 'set-cookie' && !value.includes('Max-Age=0'))
        expect(cookies).toEqual([])
        expect(await stage.records()).toEqual([])
        expect(await shown(sessions, token)).toBeNull()
      }
      expect(gone).toHaveLength(reported)
    })
  }

  itOn('two stores', 'SEC-40 stays ended when many slow requests finish in the midst of it', async (stage) => {
    const nodes = [stage.sessions(), stage.sessions()]
    const [sessions = stage.sessions()] = nodes
    for (let round = 0; round < 10; round++) {
      const token = await tokenWith(sessions, { name: 'Ada', box: [] })
      const works = [...Object.values(slow), (session: Session) => session.destroy()]
      const opened = await Promise.all(
        works.map(async (work, at) => {
          const node = nodes[(at + round) % 2] ?? sessions
          const session = await node.open(token)
          session.get('box')
          await work(session)
          return { node, session }
        }),
      )
      // Whoever signs out in one of them is signed out, however they overlap.
      await commitAll(opened)
      expect(await shown(sessions, token)).toBeNull()
      expect((await sessions.list()).sessions).toEqual([])
    }
  })

  itOn(
    'two stores',
    'SEC-40 a sign-out that overlaps with a new token ends the session under that token',
    async (stage) => {
      const nodes = [stage.sessions(), stage.sessions()]
      const [sessions = stage.sessions(), other = sessions] = nodes
      for (const move of [(session: Session) => session.regenerate(), (session: Session) => session.login('ada')]) {
        const token = await tokenWith(sessions, { name: 'Ada' })
        const logout = await other.open(token)
        const { token: next } = await visit(sessions, token, move)
        logout.logout()
        expect((await other.commit(logout)).outcome).toBe('ended')
        expect(await shown(sessions, next)).toBeNull()
        expect((await sessions.list()).sessions).toEqual([])
      }
    },
  )

  itOn('two stores', 'SEC-41 save() says so, and the response of the request sets no cookie', async (stage) => {
    const sessions = stage.sessions()
    const token = await tokenWith(sessions, { name: 'Ada' })
    const exchange = exchangeWith({ cookie: `__Host-sid=${token}` })
    const late = await sessions.open(exchange)
    await visit(sessions, token, (session) => session.destroy())
    late.set('late', true)
    const error = await errorOf(() => late.save())
    expect(error).toBeInstanceOf(SessionError)
    expect(error).toMatchObject({ code: 'SESSION_GONE', status: 409 })
    expect((await sessions.commit(late)).token).toBeNull()
    expect(exchange.sent.filter(([name]) => name === 'set-cookie')).toEqual([])
    expect(await stage.records()).toEqual([])
  })

  itOn(
    'two stores',
    'SEC-42 looked up again it is a new session with another id, never an empty one with the old',
    async (stage) => {
      const sessions = stage.sessions()
      const token = await tokenWith(sessions, { name: 'Ada' })
      const { id } = await sessions.open(token)
      await visit(sessions, token, (session) => session.destroy())
      const again = await sessions.open(token)
      expect([again.isNew, again.keys()]).toEqual([true, []])
      expect(again.id).not.toBe(id)
      expect(await sessions.find(id)).toBeNull()
      expect(await sessions.revoke(id)).toBe(false)
    },
  )

  itOn(
    'two stores',
    'SEC-40 what is written in the same request after destroy() belongs to another session',
    async (stage) => {
      const sessions = stage.sessions()
      const token = await tokenWith(sessions, { name: 'Ada', box: ['hat'] })
      const session = await sessions.open(token)
      const held = session.get('box') as string[]
      session.login('ada')
      session.destroy()
      held.push('late')
      expect([session.userId, session.keys(), session.flash.peek('present')]).toEqual([undefined, [], undefined])
      session.set('notice', 'signed out')
      const next = await tokenAfter(sessions, session)
      expect(next).not.toBe(token)
      expect(await shown(sessions, next)).toEqual({ notice: 'signed out' })
      expect((await sessions.open(next)).userId).toBeUndefined()
      expect(await shown(sessions, token)).toBeNull()
      expect(await stage.records()).toHaveLength(1)
    },
  )

  itOn(
    'two stores',
    'SEC-40 an end is stored although the handler fails, and one that the store refused is tried again',
    async (stage) => {
      const sessions = stage.sessions()
      const token = await tokenWith(sessions, { name: 'Ada' })
      const session = await sessions.open(token)
      session.destroy()
      stage.store.faults.fail('replace', { times: 1 })
      await expect(sessions.commit(session, { status: 200 })).rejects.toMatchObject({ code: 'STORE_FAILED' })
      expect(await shown(sessions, token)).toEqual({ name: 'Ada' })
      expect((await sessions.commit(session, { error: new Error('failed') })).outcome).toBe('ended')
      expect(await shown(sessions, token)).toBeNull()
    },
  )

  const underWay: [what: string, work: (session: Session) => unknown, at: 'create' | 'replace' | 'touch'][] = [
    ['a first write', (session) => session.set('name', 'Ada'), 'create'],
    ['a write', (session) => session.set('name', 'Bob'), 'replace'],
    ['a new token, before it is stored', (session) => session.regenerate(), 'create'],
    ['a new token, after it was stored', (session) => session.regenerate(), 'replace'],
    ['a sign-in', (session) => session.login('ada'), 'replace'],
    ['an extension', (session) => session.touch(), 'touch'],
    ['a message that is taken', (session) => session.flash.take('present'), 'replace'],
  ]
  const next: [what: string, work: (session: Session) => unknown, data: object | null][] = [
    ['nothing', () => undefined, null],
    ['a write', (session) => session.set('next', true), { next: true }],
    [
      'a sign-in',
      (session) => {
        session.set('next', true)
        session.login('bob')
      },
      { next: true },
    ],
  ]
  for (const [what, work, at] of underWay) {
    it.each(next)(
      `SEC-40 destroy() while ${what} is under way ends that too, and then comes %s`,
      async (_, then, data) => {
        for (const fault of ['none', 'fail', 'conflict'] as const) {
          const clock = manualClock()
          const store = faultyStore(memoryStore({ clock }))
          const [sessions, other] = [createSessions({ store, clock }), createSessions({ store, clock })]
          const token = what === 'a first write' ? null : await tokenWith(sessions, { name: 'Ada' })
          if (token !== null) await visit(sessions, token, (session) => session.flash.set('present', 'once'))
          clock.advance(5 * minute)
          const exchange = exchangeWith(token === null ? {} : { cookie: `__Host-sid=${token}` })
          const session = await sessions.open(exchange)
          const held = store.faults.hold(at, { times: 1 })
          if (fault === 'fail') store.faults.fail(at, { times: 1 })
          // A message that is taken is stored at once; the rest with the next save.
          const taking = work(session)
          const saving = (taking instanceof Promise ? taking : session.save()).catch(({ code }: SessionError) => code)
          await held.reached
          if (fault === 'conflict' && token !== null) await visit(other, token, (each) => each.set('meanwhile', true))
          session.destroy()
          expect([session.isNew, session.keys()]).toEqual([true, []])
          then(session)
          held.release()
          expect([undefined, 'once', 'SESSION_GONE', 'STORE_FAILED']).toContain(await saving)
          store.faults.clear()
          expect(session.isNew).toBe(true)
          const { token: issued } = await sessions.commit(session)
          const live = (await sessions.list()).sessions.map((each) => each.data)
          // Nor does a move that failed half-way leave a record that nobody has a token for.
          expect(live, fault).toEqual(data === null ? [] : [data])
          expect(await shown(sessions, token)).toBeNull()
          expect(issued === null).toBe(data === null)
          if (issued !== null) expect(await shown(sessions, issued)).toEqual(data)
          const cookies = exchange.sent.filter(([name]) => name === 'set-cookie')
          expect(cookies).toHaveLength(token === null && data === null ? 0 : 1)
        }
      },
    )
  }

  it('SEC-40 a lost answer of the store to the deletion leaves nothing that opens', async () => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store })
    for (const operation of ['replace', 'delete'] as const) {
      for (const fault of ['fail', 'loseReply'] as const) {
        const token = await tokenWith(sessions, { name: 'Ada' })
        const [session, late] = [await sessions.open(token), await sessions.open(token)]
        session.destroy()
        store.faults[fault](operation, { times: 1 })
        // A tombstone that was stored is found, though its acknowledgement was lost.
        const found = operation === 'replace' && fault === 'loseReply'
        const ending = sessions.commit(session)
        if (found) expect((await ending).outcome).toBe('ended')
        else await expect(ending).rejects.toMatchObject({ code: 'STORE_FAILED' })
        late.set('late', true)
        const { outcome } = await sessions.commit(late)
        const nothingDone = operation === 'replace' && fault === 'fail'
        expect(outcome, `${operation} ${fault}`).toBe(nothingDone ? 'saved' : 'gone')
        expect((await sessions.open(token)).isNew).toBe(!nothingDone)
      }
    }
  })
})

describe('deadlines', () => {
  it('SEC-46 the absolute deadline holds although the record claims to live on', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock: () => 0 })
    const events: SessionEvents['expired'][] = []
    const sessions = createSessions({
      store,
      clock,
      idleTimeout: '1h',
      absoluteTimeout: '2h',
      on: { expired: (event) => events.push(event) },
    })
    const token = await tokenWith(sessions, { name: 'Ada' })
    const { id } = await sessions.open(token)
    const [entry] = (await store.list({ limit: 1 })).entries
    if (entry === undefined) throw new Error('nothing was stored')
    for (const forever of [clock() + 365 * 86_400_000, 8.64e15]) {
      await store.touch(entry.key, forever, entry.record.version)
      clock.set(entry.record.expiresAt + 60 * minute - 1)
      expect(await shown(sessions, token)).toEqual({ name: 'Ada' })
      clock.advance(1)
      expect(await shown(sessions, token)).toBeNull()
      expect([await sessions.find(id), (await sessions.list()).sessions]).toEqual([null, []])
    }
    expect(events).toHaveLength(2)
    expect(events[0]).toMatchObject({ type: 'expired', id, at: clock() })
  })

  it('SEC-46 a record without a usable deadline is expired, not eternal', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock: () => Number.NEGATIVE_INFINITY })
    const sessions = createSessions({ store, clock })
    const token = await tokenWith(sessions, { name: 'Ada' })
    const [entry] = (await store.list({ limit: 1 })).entries
    if (entry === undefined) throw new Error('nothing was stored')
    const odd = { ...store, read: async () => ({ ...entry.record, expiresAt: deadline as number }) }
    let deadline: unknown
    const onOdd = createSessions({ store: odd, clock })
    deadline = entry.record.expiresAt
    expect(await shown(onOdd, token)).toEqual({ name: 'Ada' })
    for (deadline of [Number.NaN, undefined, null, 'never', 0, -1, clock()]) {
      expect(await shown(onOdd, token), String(deadline)).toBeNull()
    }
  })

  it('SEC-45 both deadlines are on by default, and finite', async () => {
    const clock = manualClock()
    const sessions = createSessions({ clock })
    const token = await tokenWith(sessions, { name: 'Ada' })
    const { createdAt, expiresAt } = await sessions.open(token)
    expect(expiresAt - createdAt).toBe(30 * minute)
    while ((await shown(sessions, token)) !== null) {
      await visit(sessions, token, (session) => session.touch())
      clock.advance(15 * minute)
    }
    expect(clock() - createdAt).toBe(12 * 60 * minute)
    for (const never of [0, -1, Infinity, Number.NaN, '', 'never', '0s', null as never]) {
      for (const option of ['idleTimeout', 'absoluteTimeout'] as const) {
        if (never === null) continue
        expect(() => createSessions({ [option]: never })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
      }
    }
  })
})

describe('signing out', () => {
  itOn('two stores', 'SEC-49 a real jar is empty afterwards, whatever the attributes of the cookie', async (stage) => {
    for (const cookie of [
      {},
      { domain: 'example.org' },
      { path: '/app' },
      { maxAge: '1h' as const },
      { partitioned: true, sameSite: 'none' as const },
      { name: 'sid', secure: false },
      { name: 'sid', secure: 'auto' as const },
    ]) {
      const sessions = stage.sessions({ cookie })
      const jar = new CookieJar()
      const url = 'https://www.example.org/app/page'
      const send = async (work: (session: Session) => unknown) => {
        const exchange = exchangeWith({ cookie: await jar.getCookieString(url) })
        const session = await sessions.open(exchange)
        await work(session)
        await sessions.commit(session)
        const lines = exchange.sent.flatMap(([name, value]) => (name === 'set-cookie' ? [value] : []))
        for (const line of lines) await jar.setCookie(line, url)
        return lines
      }
      const [set = ''] = await send((session) => session.login('ada'))
      expect(await jar.getCookieString(url)).not.toBe('')
      const [removed = ''] = await send((session) => session.logout())
      expect(await jar.getCookieString(url)).toBe('')
      const attributes = (line: string) =>
        line.split('; ').filter((part) => !/^(Max-Age|Expires)=|^[^;=]*sid=/.test(part))
      expect(attributes(removed)).toEqual(attributes(set))
    }
  })

  it('SEC-49 Clear-Site-Data is sent if asked for, and not otherwise', async () => {
    const sessions = createSessions()
    for (const [options, expected] of [
      [undefined, []],
      [{ clearSiteData: false }, []],
      [{ clearSiteData: true }, [['clear-site-data', '"cache", "cookies", "storage"']]],
    ] as const) {
      const exchange = exchangeWith({ cookie: `__Host-sid=${await tokenWith(sessions, { name: 'Ada' })}` })
      const session = await sessions.open(exchange)
      session.logout(options)
      await sessions.commit(session)
      expect(exchange.sent.filter(([name]) => name === 'clear-site-data')).toEqual(expected)
    }
  })

  it('SEC-49 a sign-out that was not stored clears nothing', async () => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store })
    const exchange = exchangeWith({ cookie: `__Host-sid=${await tokenWith(sessions, { name: 'Ada' })}` })
    const session = await sessions.open(exchange)
    session.logout({ clearSiteData: true })
    store.faults.fail('*')
    await expect(sessions.commit(session)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    expect(exchange.sent).toEqual([])
  })

  itOn(
    'two stores',
    'SEC-50 ten thousand sign-outs of strangers create nothing and ask the store for nothing',
    async (stage) => {
      const destroyed: unknown[] = []
      const sessions = stage.sessions({ on: { destroyed: (event) => destroyed.push(event) } })
      for (let count = 0; count < 10_000; count++) {
        const session = await sessions.open(null)
        if (count % 2 === 0) session.logout()
        else session.destroy()
        expect(await sessions.commit(session)).toEqual({ outcome: 'nothing', headers: [], token: null })
      }
      expect([[...stage.store.calls], destroyed, await stage.records()]).toEqual([[], [], []])
    },
  )

  itOn('two stores', 'SEC-50 nor do those with a token that is unknown, expired or ended', async (stage) => {
    const sessions = stage.sessions()
    const ended = await tokenWith(sessions, { name: 'Ada' })
    await visit(sessions, ended, (session) => session.destroy())
    const expired = await tokenWith(sessions, { name: 'Ada' })
    stage.clock.advance(30 * minute)
    await sessions.sweep()
    stage.store.calls.length = 0
    for (const token of ['A'.repeat(43), ended, expired]) {
      const exchange = exchangeWith({ cookie: `__Host-sid=${token}` })
      const session = await sessions.open(exchange)
      session.destroy()
      expect(await sessions.commit(session)).toMatchObject({ token: null })
      expect(exchange.sent[0]).toEqual(['set-cookie', expect.stringContaining('__Host-sid=; Max-Age=0')])
    }
    expect(new Set(stage.store.calls.map(({ operation }) => operation))).toEqual(new Set(['read']))
    expect(await stage.records()).toEqual([])
  })
})
