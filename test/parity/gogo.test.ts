import { describe, expect, it } from 'vitest'
import { type CookieOptions, createSessions, type Store, type StoredRecord } from '../../src/index.ts'
import { faultyStore, manualClock, memoryStore, storeCases } from '../../src/testing/index.ts'
import { partsOf } from '../fixtures/cookie-jar.ts'
import { siteOf } from '../fixtures/express-app.ts'
import { itOn, type Stage } from '../fixtures/store-tests.ts'
import { errorOf } from '../fixtures/visits.ts'

const minute = 60_000
const secret = 'Zr4u7x!A%D*G-KaPdSgVkYp3s6v9y$B?'

/** A store of your own: five operations, each in one go because nothing in it waits, and private copies in and out. */
function ownStore(clock: () => number): Store {
  const records = new Map<string, StoredRecord>()
  const live = (key: string) => {
    const record = records.get(key)
    return record !== undefined && record.expiresAt > clock() ? { ...record } : null
  }
  return {
    name: 'own',
    read: async (key) => live(key),
    async create(key, record) {
      if (live(key) !== null) return false
      records.set(key, { ...record })
      return true
    },
    async replace(key, record, expectedVersion) {
      if (live(key)?.version !== expectedVersion) return false
      records.set(key, { ...record })
      return true
    },
    async touch(key, expiresAt, expectedVersion) {
      const record = live(key)
      if (record?.version !== expectedVersion) return false
      records.set(key, { ...record, expiresAt })
      return true
    },
    async delete(key) {
      records.delete(key)
    },
  }
}

describe('a provider of your own', () => {
  for (const { title, run } of storeCases(({ clock }) => ownStore(clock))) it(`D1 in thirty lines: ${title}`, run)

  it('D1 a session is made new, restored, refreshed and destroyed on it', async () => {
    const clock = manualClock()
    const sessions = createSessions({ store: ownStore(clock), clock })
    const site = await siteOf(sessions, {
      '/new': (session) => session.set('name', 'Ada'),
      '/restore': (session) => session.get('name'),
      '/refresh': (session) => session.regenerate(),
      '/destroy': (session) => session.destroy(),
    })
    try {
      const visitor = site.visitor()
      await visitor.get('/new')
      expect((await visitor.get('/restore')).value).toBe('Ada')
      const old = visitor.jar.get('__Host-sid') ?? ''
      await visitor.get('/refresh')
      expect((await visitor.get('/restore')).value).toBe('Ada')
      expect((await sessions.open(old)).has('name')).toBe(false)
      const last = visitor.jar.get('__Host-sid') ?? ''
      await visitor.get('/destroy')
      expect(visitor.jar.size).toBe(0)
      expect((await sessions.open(last)).has('name')).toBe(false)
    } finally {
      await site.close()
    }
  })
})

describe('the start of a session', () => {
  itOn(
    'every store',
    'D3 an empty, short or placeholder secret is refused at construction, and not repeated',
    async (stage) => {
      const bad: (string | string[])[] = [
        '',
        'short',
        secret.slice(0, 31),
        ' '.repeat(32),
        'abc'.repeat(12),
        'keyboard cat keyboard cat keyboard cat',
        'change-me-0123456789-abcdefghijkl',
        [],
        [secret, ''],
        [secret, secret],
      ]
      for (const each of bad) {
        const error = await errorOf(() => stage.sessions({ secret: each }))
        expect(error, JSON.stringify(each)).toMatchObject({ code: 'CONFIG_INVALID' })
        for (const text of [each].flat()) if (text !== '') expect(String(error)).not.toContain(text)
      }
      for (const good of [secret, [secret, `${secret} of last year`], undefined]) {
        expect(await (await stage.sessions({ secret: good }).open(null)).isNew).toBe(true)
      }
    },
  )

  const start = (stage: Stage, idleTimeout = '30m') => {
    const events: string[] = []
    const sessions = stage.sessions({
      idleTimeout,
      absoluteTimeout: '2h',
      on: {
        created: () => void events.push('created'),
        invalid: ({ reason }) => void events.push(`invalid: ${reason}`),
        expired: () => void events.push('expired'),
      },
    })
    const site = stage.site(sessions, {
      '/': (session) => [session.isNew, session.get('name')],
      '/write': (session) => session.set('name', 'Ada'),
    })
    return { sessions, site, events }
  }

  itOn('two stores', 'D4 without a cookie it is new; with a valid one it is restored', async (stage) => {
    const { site, events } = start(stage)
    const visitor = (await site).visitor()
    expect((await visitor.get('/')).value).toEqual([true, null])
    await visitor.get('/write')
    expect((await visitor.get('/')).value).toEqual([false, 'Ada'])
    expect(events).toEqual(['created'])
  })

  itOn('two stores', 'D4 missing in the store it is new, with an event', async (stage) => {
    const { site, events } = start(stage)
    const visitor = (await site).visitor()
    await visitor.get('/write')
    const old = visitor.jar.get('__Host-sid')
    await stage.store.delete((await stage.onlyRecord()).key)
    expect((await visitor.get('/')).value).toEqual([true, null])
    expect(events).toEqual(['created', 'invalid: unknown'])
    await visitor.get('/write')
    expect(visitor.jar.get('__Host-sid')).not.toBe(old)
  })

  itOn('two stores', 'D4 expired it is new, with an event', async (stage) => {
    const { site, events } = start(stage)
    const visitor = (await site).visitor()
    await visitor.get('/write')
    const old = visitor.jar.get('__Host-sid')
    stage.clock.advance(30 * minute)
    expect((await visitor.get('/')).value).toEqual([true, null])
    expect(events).toEqual(['created', 'invalid: unknown'])
    await visitor.get('/write')
    expect(visitor.jar.get('__Host-sid')).not.toBe(old)
  })

  itOn('two stores', 'D4 beyond its absolute deadline it is new, with an event', async (stage) => {
    const { site, events } = start(stage)
    const visitor = (await site).visitor()
    await visitor.get('/write')
    for (let use = 0; use < 5; use++) {
      stage.clock.advance(20 * minute)
      expect((await visitor.get('/')).value).toEqual([false, 'Ada'])
    }
    stage.clock.advance(20 * minute)
    expect((await visitor.get('/')).value).toEqual([true, null])
    expect(events).toEqual(['created', 'invalid: unknown'])
  })

  itOn(
    'two stores',
    'D4 beyond an absolute deadline that its record did not know of it is new, with an event',
    async (stage) => {
      const { sessions } = start(stage)
      const session = await sessions.open(null)
      session.set('name', 'Ada')
      const { token } = await sessions.commit(session)
      stage.clock.advance(20 * minute)
      const expired: unknown[] = []
      const stricter = stage.sessions({ absoluteTimeout: '15m', on: { expired: (event) => void expired.push(event) } })
      expect(await stricter.open(token)).toMatchObject({ isNew: true })
      expect(expired).toEqual([{ type: 'expired', at: stage.clock(), id: session.id, root: session.root }])
    },
  )
})

describe('the cookie', () => {
  itOn(
    'two stores',
    'D6 HttpOnly is always there unless switched off; Secure goes by the configuration',
    async (stage) => {
      const attributes = async (cookie: CookieOptions) => {
        const site = await stage.site(stage.sessions({ cookie }), {
          '/': (session) => session.set('name', 'Ada'),
          '/regenerate': (session) => session.regenerate(),
          '/destroy': (session) => session.destroy(),
        })
        const visitor = site.visitor()
        const lines = [await visitor.get('/'), await visitor.get('/regenerate'), await visitor.get('/destroy')]
        return lines.map(({ cookies }) => {
          const { attributes } = partsOf(cookies[0] ?? '')
          return `${attributes.includes('HttpOnly') ? 'HttpOnly' : ''} ${attributes.includes('Secure') ? 'Secure' : ''}`.trim()
        })
      }
      const three = (text: string) => [text, text, text]
      expect(await attributes({})).toEqual(three('HttpOnly Secure'))
      expect(await attributes({ secure: true })).toEqual(three('HttpOnly Secure'))
      expect(await attributes({ secure: false })).toEqual(three('HttpOnly'))
      expect(await attributes({ secure: 'auto' })).toEqual(three('HttpOnly'))
      expect(await attributes({ httpOnly: false })).toEqual(three('Secure'))
      expect(await attributes({ secure: false, httpOnly: false })).toEqual(three(''))
    },
  )

  itOn(
    'two stores',
    'D7 of several cookies the one that is live counts, wherever it stands; of two live ones neither',
    async (stage) => {
      const conflicts: number[] = []
      const sessions = stage.sessions({ on: { 'token-conflict': ({ candidates }) => void conflicts.push(candidates) } })
      const site = await stage.site(sessions, {
        '/write': (session, req) => session.set('name', String(req.query['name'])),
        '/read': (session) => session.get('name'),
      })
      const tokenOf = async (name: string) => {
        const visitor = site.visitor()
        await visitor.get(`/write?name=${name}`)
        return visitor.jar.get('__Host-sid') ?? ''
      }
      const [ada, bob] = [await tokenOf('Ada'), await tokenOf('Bob')]
      const unknown = 'A'.repeat(43)
      const read = async (...tokens: string[]) => {
        const cookie = tokens.map((token) => `__Host-sid=${token}`).join('; ')
        const { status, value, cookies } = await site.visitor().get('/read', { cookie })
        expect({ status, cookies }).toEqual({ status: 200, cookies: [] })
        return value
      }
      expect(await read(unknown, ada)).toBe('Ada')
      expect(await read(ada, unknown)).toBe('Ada')
      expect(await read('malformed', '', ada, '"')).toBe('Ada')
      expect(await read(ada, ada)).toBe('Ada')
      expect(conflicts).toEqual([])
      expect(await read(ada, bob)).toBeNull()
      expect(await read(bob, unknown, ada)).toBeNull()
      expect(conflicts).toEqual([2, 2])
      expect(await read(ada)).toBe('Ada')
    },
  )
})

describe('the id', () => {
  itOn('two stores', 'D8 it has at least 128 bits, 256 by default', async (stage) => {
    const tokenOf = async (id: { bytes?: number }) => {
      const sessions = stage.sessions({ id })
      const session = await sessions.open(null)
      session.set('name', 'Ada')
      return (await sessions.commit(session)).token ?? ''
    }
    const bits = (token: string) => Buffer.from(token, 'base64url').length * 8
    const tokens = new Set<string>()
    for (let count = 0; count < 50; count++) tokens.add(await tokenOf({}))
    expect(tokens.size).toBe(50)
    for (const token of tokens) expect(bits(token)).toBe(256)
    expect(bits(await tokenOf({ bytes: 16 }))).toBe(128)
    expect(await errorOf(() => tokenOf({ bytes: 15 }))).toMatchObject({ code: 'CONFIG_INVALID' })
    for (const generate of [
      () => 'short',
      () => 'A'.repeat(43),
      () => `${'a'.repeat(42)} `,
      () => undefined as never,
    ]) {
      expect(await errorOf(() => stage.sessions({ id: { generate } }))).toMatchObject({ code: 'ID_INVALID' })
    }
  })

  itOn('every store', 'D9 an id that is taken is drawn again, three times at most', async (stage) => {
    const drawn: string[] = []
    // Two are drawn at construction, to see that they differ.
    const script = ['x', 'y'].map((letter) => letter.repeat(32))
    const generate = () => {
      drawn.push(script.shift() ?? 'w'.repeat(32))
      return drawn.at(-1) ?? ''
    }
    const sessions = stage.sessions({ id: { generate } })
    const begin = async (name: string) => {
      const session = await sessions.open(null)
      session.set('name', name)
      return sessions.commit(session)
    }
    const taken = 'a'.repeat(32)
    const free = 'b'.repeat(32)
    script.push(taken)
    await begin('Ada')
    script.push(taken, taken, free)
    drawn.length = 0
    expect((await begin('Bob')).token).toBe(free)
    expect(drawn).toEqual([taken, taken, free])
    expect((await sessions.open(taken)).get('name')).toBe('Ada')
    expect((await sessions.open(free)).get('name')).toBe('Bob')
    script.push(taken, free, taken, 'c'.repeat(32))
    drawn.length = stage.store.calls.length = 0
    expect(await errorOf(() => begin('Cy'))).toMatchObject({ code: 'ID_COLLISION' })
    expect(drawn).toEqual([taken, free, taken])
    expect(stage.store.calls.map(({ operation }) => operation)).toEqual(['create', 'create', 'create'])
    expect((await sessions.open(taken)).get('name')).toBe('Ada')
  })
})

describe('a session that is there', () => {
  itOn('two stores', 'D10 refresh is regenerate: another id, the same session', async (stage) => {
    const sessions = stage.sessions()
    const site = await stage.site(sessions, {
      '/login': (session) => {
        session.login('ada')
        session.set('cart', ['tea'])
        session.flash.set('notice', 'Welcome')
      },
      '/refresh': (session) => session.regenerate(),
      '/show': (session) => [
        session.userId,
        session.createdAt,
        session.authenticatedAt,
        session.get('cart'),
        session.flash.peek('notice'),
      ],
      '/id': (session) => session.id,
    })
    const visitor = site.visitor()
    await visitor.get('/login')
    const [{ value: before }, { value: id }] = [await visitor.get('/show'), await visitor.get('/id')]
    expect(before).toEqual(['ada', stage.clock(), stage.clock(), ['tea'], 'Welcome'])
    stage.clock.advance(minute)
    const old = visitor.jar.get('__Host-sid') ?? ''
    await visitor.get('/refresh')
    expect((await visitor.get('/show')).value).toEqual(before)
    expect((await visitor.get('/id')).value).not.toBe(id)
    expect(await sessions.open(old)).toMatchObject({ isNew: true, userId: undefined })
  })

  itOn(
    'two stores',
    'D11 destroy removes the record and the cookie; without a cookie it does nothing',
    async (stage) => {
      const site = await stage.site(stage.sessions(), {
        '/write': (session) => session.set('name', 'Ada'),
        '/destroy': (session) => session.destroy(),
      })
      const visitor = site.visitor()
      await visitor.get('/write')
      const { cookies } = await visitor.get('/destroy')
      expect(cookies).toEqual([expect.stringMatching(/^__Host-sid=; Max-Age=0; /)])
      expect(await stage.records()).toEqual([])
      stage.store.calls.length = 0
      const nobody = await site.visitor().get('/destroy')
      expect(nobody).toMatchObject({ status: 200, cookies: [] })
      expect(stage.store.calls).toEqual([])
    },
  )

  itOn('every store', 'D12 touch extends the deadline of the record, however young it is', async (stage) => {
    const site = await stage.site(stage.sessions({ idleTimeout: '30m' }), {
      '/write': (session) => session.set('name', 'Ada'),
      '/read': (session) => session.get('name'),
      '/touch': (session) => session.touch(),
    })
    const visitor = site.visitor()
    await visitor.get('/write')
    const { record } = await stage.onlyRecord()
    stage.clock.advance(1000)
    await visitor.get('/read')
    expect((await stage.onlyRecord()).record).toEqual(record)
    await visitor.get('/touch')
    expect((await stage.onlyRecord()).record).toEqual({ ...record, expiresAt: stage.clock() + 30 * minute })
  })

  itOn('two stores', 'D16 changes persist without a further call, those made in place too', async (stage) => {
    const sessions = stage.sessions<{ name?: string; cart?: { lines: string[] }; seen?: Set<number> }>()
    const site = await stage.site(sessions, {
      '/write': (session) => {
        session.set('name', 'Ada')
        session.set('cart', { lines: ['tea'] })
        session.set('seen', new Set([1]))
      },
      '/in-place': (session) => {
        session.get('cart')?.lines.push('milk')
        session.get('seen')?.add(2)
      },
      '/read': (session) => [session.get('name'), session.get('cart')?.lines, [...(session.get('seen') ?? [])]],
    })
    const visitor = site.visitor()
    await visitor.get('/write')
    expect((await visitor.get('/read')).value).toEqual(['Ada', ['tea'], [1]])
    await visitor.get('/in-place')
    expect((await visitor.get('/read')).value).toEqual(['Ada', ['tea', 'milk'], [1, 2]])
  })

  itOn('two stores', 'D16 save stores at once', async (stage) => {
    const sessions = stage.sessions()
    const site = await stage.site(sessions, {
      '/write': (session) => session.set('step', 1),
      '/save': async (session) => {
        session.set('step', 2)
        await session.save()
        const [stored] = (await sessions.list()).sessions
        session.set('step', 3)
        return [stored?.data, session.isChanged]
      },
      '/first': async (session) => {
        session.set('step', 1)
        await session.save()
        return (await sessions.count()) > 1
      },
      '/read': (session) => session.get('step'),
    })
    const visitor = site.visitor()
    await visitor.get('/write')
    expect((await visitor.get('/save')).value).toEqual([{ step: 2 }, true])
    expect((await visitor.get('/read')).value).toBe(3)
    const another = site.visitor()
    expect(await another.get('/first')).toMatchObject({ value: true, cookies: [expect.any(String)] })
    expect((await another.get('/read')).value).toBe(1)
  })

  it('D18 a store in memory is exported for tests', async () => {
    const clock = manualClock()
    const store = faultyStore(memoryStore({ clock }))
    const sessions = createSessions({ store, clock })
    const session = await sessions.open(null)
    session.set('name', 'Ada')
    const { token } = await sessions.commit(session)
    expect((await sessions.open(token)).get('name')).toBe('Ada')
    expect(await store.count()).toBe(1)
    clock.advance(30 * minute)
    expect((await sessions.open(token)).has('name')).toBe(false)
    expect(await store.count()).toBe(0)
  })
})
