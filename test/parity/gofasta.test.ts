import { describe, expect } from 'vitest'
import { SessionError, type SessionsOptions } from '../../src/index.ts'
import { partsOf } from '../fixtures/cookie-jar.ts'
import { meetingOf } from '../fixtures/gate.ts'
import { itOn } from '../fixtures/store-tests.ts'
import { errorOf } from '../fixtures/visits.ts'

const minute = 60_000

describe('a session and its record', () => {
  itOn(
    'two stores',
    'F6 a session shows {id, data, created_at, expires_at} as JSON, and never whether it is modified',
    async (stage) => {
      const sessions = stage.sessions({ idleTimeout: '30m' })
      const site = await stage.site(sessions, {
        '/write': (session) => {
          session.set('cart', ['tea'])
          return { shown: session, isChanged: session.isChanged }
        },
        '/read': (session) => session,
      })
      const visitor = site.visitor()
      const now = new Date(stage.clock()).toISOString()
      const later = new Date(stage.clock() + 30 * minute).toISOString()
      const id = expect.stringMatching(/^[\w-]{16}$/)
      const expected = { id, data: { cart: ['tea'] }, created_at: now, expires_at: later }
      const { value } = await visitor.get('/write')
      expect(value).toEqual({ shown: expected, isChanged: true })
      const { key, record } = await stage.onlyRecord()
      expect(record.payload).not.toMatch(/modified|changed/i)
      expect((await visitor.get('/read')).value).toEqual({ ...expected, id: key.slice(0, 16) })
    },
  )

  itOn('every store', 'F7 reading what is unknown or expired answers null', async (stage) => {
    const sessions = stage.sessions({ idleTimeout: '30m' })
    const session = await sessions.open(null)
    session.set('name', 'Ada')
    const { token } = await sessions.commit(session)
    const { key } = await stage.onlyRecord()
    const find = async (id: string) => (stage.can('list') ? sessions.find(id) : null)
    if (stage.can('list')) expect(await find(session.id)).toMatchObject({ data: { name: 'Ada' } })
    else expect(await errorOf(() => sessions.find(session.id))).toMatchObject({ code: 'UNSUPPORTED' })
    expect(await find('A'.repeat(16))).toBeNull()
    expect(await sessions.store.read('A'.repeat(43))).toBeNull()
    stage.clock.advance(30 * minute)
    expect(await find(session.id)).toBeNull()
    expect(await sessions.store.read(key)).toBeNull()
    expect(await sessions.open(token)).toMatchObject({ isNew: true })
  })

  itOn('every store', 'F7 a failure of the system is an error, not an absence', async (stage) => {
    const sessions = stage.sessions()
    const site = await stage.site(sessions, {
      '/write': (session) => session.set('name', 'Ada'),
      '/read': (session) => session.get('name'),
    })
    const visitor = site.visitor()
    await visitor.get('/write')
    const cause = new Error('connection reset')
    stage.store.faults.fail('*', { error: cause })
    expect(await errorOf(() => sessions.store.read('A'.repeat(43)))).toMatchObject({ code: 'STORE_FAILED', cause })
    if (stage.can('list')) {
      expect(await errorOf(() => sessions.find('A'.repeat(16)))).toMatchObject({ code: 'STORE_FAILED', cause })
    }
    expect(await visitor.get('/read')).toMatchObject({ status: 503, cookies: [] })
    stage.store.faults.clear()
    expect(await visitor.get('/read')).toMatchObject({ status: 200, value: 'Ada' })
  })

  itOn('every store', 'F8 saving sets the deadline of the record, each time anew', async (stage) => {
    const sessions = stage.sessions({ idleTimeout: '30m', absoluteTimeout: '40m' })
    const site = await stage.site(sessions, { '/add': (session) => session.increment('count') })
    const visitor = site.visitor()
    const began = stage.clock()
    await visitor.get('/add')
    expect((await stage.onlyRecord()).record.expiresAt).toBe(began + 30 * minute)
    stage.clock.advance(minute)
    await visitor.get('/add')
    expect((await stage.onlyRecord()).record.expiresAt).toBe(began + 31 * minute)
    stage.clock.advance(19 * minute)
    await visitor.get('/add')
    expect((await stage.onlyRecord()).record.expiresAt).toBe(began + 40 * minute)
  })

  itOn('every store', 'F9 ending a session twice is no error, by every way', async (stage) => {
    const sessions = stage.sessions()
    const session = await sessions.open(null)
    session.set('name', 'Ada')
    const { token } = await sessions.commit(session)
    const { key } = await stage.onlyRecord()
    const [first, second] = [await sessions.open(token), await sessions.open(token)]
    first.destroy()
    first.destroy()
    second.destroy()
    expect((await sessions.commit(first)).outcome).toBe('ended')
    expect((await sessions.commit(second)).outcome).toBe('ended')
    if (stage.can('list')) expect(await sessions.revoke(session.id)).toBe(false)
    await sessions.store.delete(key)
    await sessions.store.delete(key)
    expect(await stage.records()).toEqual([])
  })

  itOn(
    'every store',
    'F10 cleaning up removes what is expired, and nothing else',
    async (stage) => {
      const sessions = stage.sessions({ idleTimeout: '30m' })
      const begin = async (name: string) => {
        const session = await sessions.open(null)
        session.set('name', name)
        return sessions.commit(session)
      }
      const began = stage.clock()
      await begin('Ada')
      await begin('Bob')
      stage.clock.advance(20 * minute)
      const { token } = await begin('Cy')
      stage.clock.set(began + 30 * minute)
      expect(await sessions.sweep()).toBe(2)
      expect(await sessions.sweep()).toBe(0)
      expect((await sessions.open(token)).get('name')).toBe('Cy')
      // Were they only hidden, they would show again.
      stage.clock.set(began)
      expect(await stage.records()).toHaveLength(1)
    },
    { needs: ['sweep'] },
  )
})

describe('the middleware', () => {
  itOn(
    'two stores',
    'F11 it loads before the handler and saves afterwards, and that only what is modified',
    async (stage) => {
      const sessions = stage.sessions()
      const site = await stage.site(sessions, {
        '/write': (session) => session.set('name', 'Ada'),
        '/read': (session) => session.get('name'),
        '/nothing': () => 'nothing',
      })
      const visitor = site.visitor()
      await visitor.get('/write')
      expect(stage.store.calls.map(({ operation }) => operation)).toEqual(['create'])
      stage.store.calls.length = 0
      expect((await visitor.get('/read')).value).toBe('Ada')
      await visitor.get('/nothing')
      expect(stage.store.calls.map(({ operation }) => operation)).toEqual(['read', 'read'])
      stage.store.calls.length = 0
      await visitor.get('/write')
      expect(stage.store.calls.map(({ operation }) => operation)).toEqual(['read', 'replace'])
      stage.store.calls.length = 0
      expect(await site.visitor().get('/read')).toMatchObject({ value: null, cookies: [] })
      expect(stage.store.calls).toEqual([])
    },
  )

  itOn('two stores', 'F11 every attribute of the cookie is emitted', async (stage) => {
    const cookie: SessionsOptions['cookie'] = {
      name: '__Secure-visit',
      domain: 'shop.example',
      path: '/shop',
      sameSite: 'none',
      secure: true,
      httpOnly: true,
      maxAge: '1h',
      partitioned: true,
      priority: 'high',
    }
    const site = await stage.site(stage.sessions({ cookie }), { '/write': (session) => session.set('name', 'Ada') })
    const { cookies } = await site.visitor().get('/write')
    const [line = '', ...others] = cookies
    expect(others).toEqual([])
    expect(partsOf(line)).toEqual({
      name: '__Secure-visit',
      value: expect.stringMatching(/^[\w-]{43}$/),
      attributes: [
        'Max-Age=3600',
        'Expires=Tue, 01 Jan 2030 01:00:00 GMT',
        'Domain=shop.example',
        'Path=/shop',
        'Secure',
        'HttpOnly',
        'SameSite=None',
        'Partitioned',
        'Priority=High',
      ],
    })
  })

  itOn(
    'two stores',
    'F12 the current session is there without being passed along, each request its own',
    async (stage) => {
      const sessions = stage.sessions<{ name?: string }>()
      const nameNow = async () => {
        await new Promise((resolve) => setImmediate(resolve))
        return sessions.current().get('name')
      }
      const meet = meetingOf(2)
      const site = await stage.site(sessions, {
        '/write': (session, req) => session.set('name', String(req.query['name'])),
        '/overlapping': async () => {
          await meet()
          return nameNow()
        },
      })
      const [ada, bob] = [site.visitor(), site.visitor()]
      await ada.get('/write?name=Ada')
      await bob.get('/write?name=Bob')
      const replies = await Promise.all([ada.get('/overlapping'), bob.get('/overlapping')])
      expect(replies.map(({ value }) => value)).toEqual(['Ada', 'Bob'])
    },
  )

  itOn(
    'two stores',
    'F12 outside of a request there is no current session: an error with a code, or undefined',
    async (stage) => {
      const sessions = stage.sessions()
      const error = await errorOf(() => sessions.current())
      expect(error).toBeInstanceOf(SessionError)
      expect(error).toMatchObject({ code: 'NO_SESSION' })
      expect(sessions.tryCurrent()).toBeUndefined()
    },
  )
})

describe('the data', () => {
  itOn('two stores', 'F13 get, set, delete, clear and the modified flag', async (stage) => {
    const sessions = stage.sessions()
    const site = await stage.site(sessions, {
      '/set': (session) => {
        const before = session.isChanged
        session.set('name', 'Ada')
        session.set('age', 36)
        return [before, session.isChanged, session.get('name'), session.has('age')]
      },
      '/delete': (session) => {
        const before = session.isChanged
        return [before, session.delete('age'), session.delete('age'), session.isChanged, session.keys()]
      },
      '/clear': (session) => {
        session.clear()
        return [session.isChanged, session.keys()]
      },
      '/read': (session) => [session.keys(), session.get('name'), session.isChanged],
    })
    const visitor = site.visitor()
    expect((await visitor.get('/set')).value).toEqual([false, true, 'Ada', true])
    expect((await visitor.get('/read')).value).toEqual([['name', 'age'], 'Ada', false])
    expect((await visitor.get('/delete')).value).toEqual([false, 36, null, true, ['name']])
    expect((await visitor.get('/read')).value).toEqual([['name'], 'Ada', false])
    expect((await visitor.get('/clear')).value).toEqual([true, []])
    expect((await visitor.get('/read')).value).toEqual([[], null, false])
  })

  itOn('two stores', 'F14 isExpired goes by the clock that was handed in, to the millisecond', async (stage) => {
    const sessions = stage.sessions({ idleTimeout: '30m' })
    const session = await sessions.open(null)
    session.set('name', 'Ada')
    const { token } = await sessions.commit(session)
    const opened = await sessions.open(token)
    expect(opened.expiresAt).toBe(stage.clock() + 30 * minute)
    stage.clock.advance(30 * minute - 1)
    expect(opened.isExpired()).toBe(false)
    stage.clock.advance(1)
    expect(opened.isExpired()).toBe(true)
  })

  itOn('two stores', 'F15 clear and save leave no data behind', async (stage) => {
    const sessions = stage.sessions()
    const site = await stage.site(sessions, {
      '/write': (session) => session.set('name', 'Ada Lovelace'),
      '/clear': async (session) => {
        session.clear()
        await session.save()
      },
      '/read': (session) => session.toJSON().data,
    })
    const visitor = site.visitor()
    await visitor.get('/write')
    await visitor.get('/clear')
    expect((await visitor.get('/read')).value).toEqual({})
    expect((await stage.onlyRecord()).record.payload).not.toContain('Lovelace')
  })

  itOn('two stores', 'F15 logging out removes the record and expires the cookie', async (stage) => {
    const sessions = stage.sessions({ cookie: { sameSite: 'strict' } })
    const site = await stage.site(sessions, {
      '/login': (session) => session.login('ada'),
      '/logout': (session) => session.logout(),
      '/who': (session) => session.userId,
    })
    const visitor = site.visitor()
    await visitor.get('/login')
    const kept = new Map(visitor.jar)
    expect((await visitor.get('/who')).value).toBe('ada')
    const { cookies } = await visitor.get('/logout')
    expect(cookies).toEqual([
      '__Host-sid=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; Secure; HttpOnly; SameSite=Strict',
    ])
    expect(visitor.jar.size).toBe(0)
    expect(await stage.records()).toEqual([])
    for (const [name, value] of kept) visitor.jar.set(name, value)
    expect((await visitor.get('/who')).value).toBeNull()
  })

  itOn('every store', 'F16 a tampered cookie is a new, empty session, not an error', async (stage) => {
    const reasons: string[] = []
    const sessions = stage.sessions({ on: { invalid: ({ reason }) => void reasons.push(reason) } })
    const site = await stage.site(sessions, {
      '/write': (session) => session.set('name', 'Ada'),
      '/read': (session) => ({ isNew: session.isNew, data: session.toJSON().data }),
    })
    const visitor = site.visitor()
    await visitor.get('/write')
    const token = visitor.jar.get('__Host-sid') ?? ''
    const other = (letter: string | undefined) => (letter === 'A' ? 'B' : 'A')
    const tampered: Record<string, string> = {
      'one letter changed': token.slice(0, 20) + other(token[20]) + token.slice(21),
      'cut short': token.slice(0, -1),
      'made longer': `${token}A`,
      'another alphabet': `${token.slice(0, -1)}%`,
      empty: '',
    }
    for (const [how, value] of Object.entries(tampered)) {
      const forger = site.visitor()
      forger.jar.set('__Host-sid', value)
      const reply = await forger.get('/read')
      expect(reply, how).toMatchObject({ status: 200, value: { isNew: true, data: {} }, cookies: [] })
      await forger.get('/write')
      expect([value, token], how).not.toContain(forger.jar.get('__Host-sid'))
    }
    expect(reasons.filter((_, index) => index % 2 === 0)).toEqual(['unknown', ...Array(4).fill('malformed')])
    expect((await visitor.get('/read')).value).toEqual({ isNew: false, data: { name: 'Ada' } })
  })
})
