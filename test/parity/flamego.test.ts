import { closeSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { nodeSession } from '../../src/adapters/node.ts'
import { type CookieOptions, createSessions, jsonCodec, richCodec, type Transport } from '../../src/index.ts'
import { headerTransport } from '../../src/transports/index.ts'
import { partsOf } from '../fixtures/cookie-jar.ts'
import { visitorOf } from '../fixtures/express-app.ts'
import { gate } from '../fixtures/gate.ts'
import { openRaw, serveHttp } from '../fixtures/servers.ts'
import { itOn, type Stage } from '../fixtures/store-tests.ts'
import { errorOf } from '../fixtures/visits.ts'
import { withTimers } from './timers.ts'

const minute = 60_000

/** How many calls of the store there were of one kind. */
function countOf({ store }: Stage, operation: string): number {
  return store.calls.filter((call) => call.operation === operation).length
}

describe('options', () => {
  it('L1 without any option there are sessions, in memory and in a cookie', async () => {
    const sessions = createSessions()
    const server = await serveHttp(
      nodeSession(sessions, (req, res) => {
        const count = sessions.of(req).increment('count')
        res.setHeader('content-type', 'application/json').end(String(count))
      }),
    )
    try {
      const visitor = visitorOf(server)
      expect((await visitor.get('/')).value).toBe(1)
      expect((await visitor.get('/')).value).toBe(2)
      expect((await visitorOf(server).get('/')).value).toBe(1)
      expect([...visitor.jar.keys()]).toEqual(['__Host-sid'])
      expect(sessions.store.name).toBe('memory')
      expect(await sessions.count()).toBe(2)
    } finally {
      await server.close()
      await sessions.close()
    }
  })

  itOn(
    'two stores',
    'L3 the cookie, the length of the id, the interval of the cleaning and an error function',
    async (stage) => {
      const errors: string[] = []
      let sweeps = 0
      await withTimers(async (pass) => {
        const sessions = stage.sessions({
          cookie: { name: 'visit', secure: false },
          id: { bytes: 48 },
          on: { 'store-error': ({ operation }) => void errors.push(operation), swept: () => void sweeps++ },
        })
        const site = await stage.site(sessions, { '/write': (session) => session.set('name', 'Ada') })
        const visitor = site.visitor()
        await visitor.get('/write')
        expect([...visitor.jar]).toEqual([['visit', expect.stringMatching(/^[\w-]{64}$/)]])
        await sessions.startSweeper({ every: '10m' })
        await pass(11 * minute, () => sweeps > 0)
        expect(sweeps).toBe(1)
        stage.store.faults.fail('read')
        expect((await visitor.get('/write')).status).toBe(503)
        expect(errors).toEqual(['read'])
      })
    },
  )

  itOn(
    'two stores',
    'L3 functions that read and write the id: a transport of your own, told whether it was created',
    async (stage) => {
      const written: boolean[] = []
      const transport: Transport = {
        name: 'ticket',
        vary: 'x-ticket',
        read: (exchange) => exchange.header('x-ticket')?.split(' ').slice(1) ?? [],
        write(exchange, token, { created }) {
          written.push(created)
          exchange.setHeader('x-ticket', `Ticket ${token}`)
        },
        clear: (exchange) => exchange.setHeader('x-ticket', 'none'),
      }
      const site = await stage.site(stage.sessions({ transport }), {
        '/write': (session) => session.set('name', 'Ada'),
        '/read': (session) => session.get('name'),
        '/regenerate': (session) => session.regenerate(),
        '/destroy': (session) => session.destroy(),
      })
      const visitor = site.visitor()
      const first = await visitor.get('/write')
      const ticket = first.headers['x-ticket'] ?? ''
      expect(ticket).toMatch(/^Ticket [\w-]{43}$/)
      expect(first.headers['vary']).toBe('x-ticket')
      expect((await visitor.get('/read', { 'x-ticket': ticket })).value).toBe('Ada')
      const moved = (await visitor.get('/regenerate', { 'x-ticket': ticket })).headers['x-ticket'] ?? ''
      expect(moved).not.toBe(ticket)
      expect((await visitor.get('/read', { 'x-ticket': moved })).value).toBe('Ada')
      expect(written).toEqual([true, false])
      expect((await visitor.get('/destroy', { 'x-ticket': moved })).headers['x-ticket']).toBe('none')
      expect(visitor.jar.size).toBe(0)
    },
  )
})

describe('the cookie', () => {
  const set = async (stage: Stage, cookie: CookieOptions) => {
    const site = await stage.site(stage.sessions({ cookie }), { '/write': (session) => session.set('name', 'Ada') })
    const { cookies } = await site.visitor().get('/write')
    expect(cookies).toHaveLength(1)
    return partsOf(cookies[0] ?? '')
  }

  itOn('two stores', 'L4 HttpOnly stays on whatever else is set, unless it is switched off', async (stage) => {
    const others: CookieOptions[] = [
      {},
      { secure: true },
      { secure: false },
      { sameSite: 'strict' },
      { path: '/shop' },
      { domain: 'shop.example' },
      { maxAge: '1h' },
      { name: 'visit' },
      { partitioned: true, priority: 'low' },
      { httpOnly: undefined },
    ]
    for (const cookie of others)
      expect((await set(stage, cookie)).attributes, JSON.stringify(cookie)).toContain('HttpOnly')
    expect((await set(stage, { httpOnly: false })).attributes).toEqual(['Path=/', 'Secure', 'SameSite=Lax'])
  })

  itOn(
    'two stores',
    'L5 name, path, domain, max-age, secure, http-only and same-site are emitted exactly',
    async (stage) => {
      const cookie: CookieOptions = {
        name: 'visit',
        path: '/shop',
        domain: 'shop.example',
        maxAge: '90m',
        sameSite: 'strict',
      }
      expect(await set(stage, cookie)).toEqual({
        name: 'visit',
        value: expect.stringMatching(/^[\w-]{43}$/),
        attributes: [
          'Max-Age=5400',
          'Expires=Tue, 01 Jan 2030 01:30:00 GMT',
          'Domain=shop.example',
          'Path=/shop',
          'Secure',
          'HttpOnly',
          'SameSite=Strict',
        ],
      })
      const plain = await set(stage, { secure: false, httpOnly: false, sameSite: 'Lax' })
      expect(plain).toMatchObject({ name: 'sid', attributes: ['Path=/', 'SameSite=Lax'] })
    },
  )

  itOn('two stores', 'L6 Set-Cookie is sent for a new session and a new id, and for nothing else', async (stage) => {
    const sessions = stage.sessions({ cookie: { maxAge: '1h' } })
    const site = await stage.site(sessions, {
      '/read': (session) => session.get('name'),
      '/write': (session, req) => session.set('name', String(req.query['name'])),
      '/touch': (session) => session.touch(),
      '/regenerate': (session) => session.regenerate(),
      '/login': (session) => session.login('ada'),
    })
    const visitor = site.visitor()
    const set = async (path: string) => (await visitor.get(path)).cookies.length
    expect(await set('/read')).toBe(0)
    expect(await set('/write?name=Ada')).toBe(1)
    expect(await set('/read')).toBe(0)
    expect(await set('/write?name=Bob')).toBe(0)
    stage.clock.advance(minute)
    expect(await set('/touch')).toBe(0)
    stage.clock.advance(10 * minute)
    expect(await set('/read')).toBe(0)
    expect(await set('/regenerate')).toBe(1)
    expect(await set('/login')).toBe(1)
    expect(await set('/read')).toBe(0)
  })

  itOn('two stores', 'L7 without a max-age it is a cookie of the browser session', async (stage) => {
    const { attributes } = await set(stage, {})
    expect(attributes).toEqual(['Path=/', 'Secure', 'HttpOnly', 'SameSite=Lax'])
  })

  itOn('two stores', 'L8 the token travels in a header, both ways', async (stage) => {
    const site = await stage.site(stage.sessions({ transport: headerTransport() }), {
      '/write': (session) => session.set('name', 'Ada'),
      '/read': (session) => session.get('name'),
      '/destroy': (session) => session.destroy(),
    })
    const visitor = site.visitor()
    const first = await visitor.get('/write')
    const token = first.headers['x-session-token'] ?? ''
    expect(token).toMatch(/^[\w-]{43}$/)
    expect(first.cookies).toEqual([])
    const second = await visitor.get('/read', { 'x-session-token': token })
    expect(second.value).toBe('Ada')
    expect(second.headers).not.toHaveProperty('x-session-token')
    expect((await visitor.get('/read', { cookie: `x-session-token=${token}; __Host-sid=${token}` })).value).toBeNull()
    expect((await visitor.get('/destroy', { 'x-session-token': token })).headers['x-session-token']).toBe('')
    expect((await visitor.get('/read', { 'x-session-token': token })).value).toBeNull()
  })

  itOn('two stores', 'L9 length and alphabet of an id are checked before the store is asked', async (stage) => {
    const site = await stage.site(stage.sessions({ id: { bytes: 24 } }), {
      '/write': (session) => session.set('name', 'Ada'),
      '/read': (session) => session.get('name'),
    })
    const visitor = site.visitor()
    await visitor.get('/write')
    const token = visitor.jar.get('__Host-sid') ?? ''
    expect(token).toMatch(/^[\w-]{32}$/)
    stage.store.calls.length = 0
    for (const bad of [
      token.slice(1),
      `${token}A`,
      `${token.slice(1)}.`,
      `${token.slice(1)}=`,
      `"${token}"`,
      '%00',
      '',
    ]) {
      const stranger = site.visitor()
      stranger.jar.set('__Host-sid', bad)
      expect(await stranger.get('/read'), bad).toMatchObject({ status: 200, value: null })
    }
    expect(stage.store.calls).toEqual([])
    for (const bytes of [15, 129, 16.5, Number.NaN]) {
      expect(await errorOf(() => stage.sessions({ id: { bytes } }))).toMatchObject({ code: 'CONFIG_INVALID' })
    }
  })

  itOn('two stores', 'L9 a well-formed id that was never issued is not adopted', async (stage) => {
    const sessions = stage.sessions()
    const site = await stage.site(sessions, { '/write': (session) => session.set('name', 'Ada') })
    const planted = 'A'.repeat(43)
    const visitor = site.visitor()
    visitor.jar.set('__Host-sid', planted)
    expect((await visitor.get('/write')).cookies).toHaveLength(1)
    expect(visitor.jar.get('__Host-sid')).not.toBe(planted)
    expect(await sessions.open(planted)).toMatchObject({ isNew: true })
    expect(await sessions.open(visitor.jar.get('__Host-sid') ?? '')).toMatchObject({ isNew: false })
    expect(await stage.records()).toHaveLength(1)
  })
})

describe('the data', () => {
  itOn('two stores', 'L10 get, set, delete and flush; what only reads is not changed', async (stage) => {
    const site = await stage.site(stage.sessions(), {
      '/set': (session) => {
        session.set('name', 'Ada')
        session.set('cart', { tea: 1 })
      },
      '/read': (session) => [
        session.get('name'),
        session.get('cart'),
        session.has('no'),
        session.keys(),
        session.entries().length,
        session.isChanged,
      ],
      '/delete': (session) => [session.delete('name'), session.get('name'), session.has('name')],
      '/flush': (session) => session.clear(),
    })
    const visitor = site.visitor()
    await visitor.get('/set')
    stage.store.calls.length = 0
    expect((await visitor.get('/read')).value).toEqual(['Ada', { tea: 1 }, false, ['name', 'cart'], 2, false])
    expect(stage.store.calls.map(({ operation }) => operation)).toEqual(['read'])
    expect((await visitor.get('/delete')).value).toEqual(['Ada', null, false])
    expect((await visitor.get('/read')).value).toEqual([null, { tea: 1 }, false, ['cart'], 1, false])
    await visitor.get('/flush')
    expect((await visitor.get('/read')).value).toEqual([null, null, false, [], 0, false])
  })

  itOn('two stores', 'L11 a flash message arrives on the next access, once and only once', async (stage) => {
    const site = await stage.site(stage.sessions(), {
      '/leave': (session) => session.flash.set('notice', 'Saved'),
      '/elsewhere': () => 'nothing to do with messages',
      '/get': (session) => session.flash.get('notice'),
      '/take': (session) => session.flash.take('notice'),
    })
    for (const path of ['/get', '/take']) {
      const visitor = site.visitor()
      await visitor.get('/leave')
      await visitor.get('/elsewhere')
      expect((await visitor.get(path)).value).toBe('Saved')
      expect((await visitor.get(path)).value).toBeNull()
      expect((await visitor.get(path)).value).toBeNull()
      expect((await site.visitor().get(path)).value).toBeNull()
    }
  })

  itOn('two stores', 'L11 a flash message has any type, and different ones on different routes', async (stage) => {
    const sessions = stage.sessions<
      object,
      { text: string; upload: { name: string; at: Date }; counts: Map<string, bigint> }
    >()
    const at = new Date(1_700_000_000_000)
    const site = await stage.site(sessions, {
      '/text': (session) => session.flash.set('text', 'Saved'),
      '/upload': (session) => session.flash.set('upload', { name: 'tea.png', at }),
      '/counts': (session) => session.flash.set('counts', new Map([['tea', 2n]])),
      '/show': ({ flash }) => {
        const { text, upload, counts } = flash.all()
        return [text, upload?.name, upload?.at instanceof Date && upload.at.getTime(), String(counts?.get('tea'))]
      },
    })
    const visitor = site.visitor()
    await visitor.get('/text')
    await visitor.get('/upload')
    await visitor.get('/counts')
    expect((await visitor.get('/show')).value).toEqual(['Saved', 'tea.png', at.getTime(), '2'])
    expect((await visitor.get('/show')).value).toEqual([null, null, false, 'undefined'])
  })

  itOn(
    'two stores',
    'L12 a flash message is not visible in the request that sets it; one that is shown now is, and only there',
    async (stage) => {
      const site = await stage.site(stage.sessions(), {
        '/set': ({ flash }) => {
          flash.set('notice', 'later')
          return [flash.get('notice'), flash.peek('notice'), flash.all()]
        },
        '/now': ({ flash }) => {
          flash.now('warning', 'at once')
          return [flash.get('warning'), flash.all()]
        },
        '/all': ({ flash }) => flash.all(),
      })
      const visitor = site.visitor()
      expect((await visitor.get('/set')).value).toEqual([null, null, {}])
      expect((await visitor.get('/all')).value).toEqual({ notice: 'later' })
      expect((await visitor.get('/now')).value).toEqual(['at once', { warning: 'at once' }])
      expect((await visitor.get('/all')).value).toEqual({})
    },
  )
})

describe('deadlines', () => {
  itOn('two stores', 'L13 an unchanged request extends the deadline without rewriting the data', async (stage) => {
    const sessions = stage.sessions({ idleTimeout: '30m', renewAfter: '3m' })
    const site = await stage.site(sessions, {
      '/write': (session) => session.set('name', 'Ada'),
      '/read': (session) => session.get('name'),
    })
    const visitor = site.visitor()
    await visitor.get('/write')
    const { record: first } = await stage.onlyRecord()
    stage.store.calls.length = 0
    stage.clock.advance(3 * minute - 1)
    await visitor.get('/read')
    expect((await stage.onlyRecord()).record).toEqual(first)
    expect(countOf(stage, 'touch')).toBe(0)
    stage.clock.advance(1)
    await visitor.get('/read')
    expect((await stage.onlyRecord()).record).toEqual({ ...first, expiresAt: stage.clock() + 30 * minute })
    expect([countOf(stage, 'touch'), countOf(stage, 'replace'), countOf(stage, 'create')]).toEqual([1, 0, 0])
    stage.clock.advance(30 * minute - 1)
    expect((await visitor.get('/read')).value).toBe('Ada')
  })

  itOn('two stores', 'L14 an expired session reads as empty', async (stage) => {
    const site = await stage.site(stage.sessions({ idleTimeout: '30m' }), {
      '/write': (session) => session.set('name', 'Ada'),
      '/read': (session) => [session.get('name'), session.isNew],
    })
    const visitor = site.visitor()
    await visitor.get('/write')
    stage.clock.advance(30 * minute)
    expect((await visitor.get('/read')).value).toEqual([null, true])
  })

  itOn(
    'two stores',
    'L14 cleaning up works at once and at its interval, takes only what is expired, and can be stopped',
    async (stage) => {
      const removed: number[] = []
      const sessions = stage.sessions({
        idleTimeout: '30m',
        on: { swept: (event) => void removed.push(event.removed) },
      })
      const begin = async () => {
        const session = await sessions.open(null)
        session.set('name', 'Ada')
        await sessions.commit(session)
      }
      await begin()
      stage.clock.advance(10 * minute)
      await begin()
      await begin()
      stage.clock.advance(20 * minute)
      expect(await sessions.sweep()).toBe(1)
      expect(await stage.records()).toHaveLength(2)
      await withTimers(async (pass) => {
        const sweeper = await sessions.startSweeper({ every: '10m' })
        await pass(8.9 * minute)
        expect(removed).toEqual([1])
        stage.clock.advance(10 * minute)
        await pass(2.2 * minute, () => removed.length > 1)
        expect(removed).toEqual([1, 2])
        sweeper.stop()
        sweeper.stop()
        await pass(60 * minute)
        expect(removed).toEqual([1, 2])
      })
    },
  )

  itOn(
    'two stores',
    'L15 what goes wrong in the background reaches the error function, and the sweeper goes on',
    async (stage) => {
      const failure = new Error('connection reset')
      const errors: unknown[] = []
      let sweeps = 0
      const sessions = stage.sessions({
        on: {
          'store-error': ({ operation, error, at }) => void errors.push([operation, error, at]),
          swept: () => void sweeps++,
        },
      })
      stage.store.faults.fail('sweep', { error: failure, times: 1 })
      await withTimers(async (pass) => {
        await sessions.startSweeper({ every: '10m' })
        await pass(11 * minute, () => errors.length > 0)
        expect(errors).toEqual([['sweep', failure, stage.clock()]])
        expect(sweeps).toBe(0)
        await pass(11 * minute, () => sweeps > 0)
        expect(sweeps).toBe(1)
        expect(errors).toHaveLength(1)
      })
    },
  )
})

describe('encoding', () => {
  class Money {
    readonly cents: bigint
    constructor(cents: bigint) {
      this.cents = cents
    }
  }
  const money = {
    name: 'Money',
    is: (value: unknown) => value instanceof Money,
    encode: (value: unknown) => (value as Money).cents,
    decode: (plain: unknown) => new Money(plain as bigint),
  }

  itOn('every store', 'L16 the encoder and decoder are pluggable', async (stage) => {
    const inner = jsonCodec()
    const codec = {
      encode: (values: Parameters<typeof inner.encode>[0]) => `mine:${btoa(inner.encode(values))}`,
      decode: (text: string) => (text.startsWith('mine:') ? inner.decode(atob(text.slice(5))) : null),
    }
    const site = await stage.site(stage.sessions({ codec }), {
      '/write': (session) => session.set('name', 'Ada'),
      '/read': (session) => session.get('name'),
    })
    const visitor = site.visitor()
    await visitor.get('/write')
    // The engine's line comes first, whatever the codec writes.
    expect((await stage.onlyRecord()).record.payload).toMatch(/^1 \d{13} [\w-]{22} [\w.-]+\nmine:[\w+/=]+$/)
    expect((await visitor.get('/read')).value).toBe('Ada')
  })

  itOn('every store', 'L16 custom types are registered by name', async (stage) => {
    const sessions = stage.sessions<{ price?: Money }>({ codec: richCodec({ types: [money] }) })
    const site = await stage.site(sessions, {
      '/write': (session) => session.set('price', new Money(1995n)),
      '/read': (session) => {
        const price = session.get('price')
        return [price instanceof Money, String(price?.cents)]
      },
    })
    const visitor = site.visitor()
    await visitor.get('/write')
    expect((await visitor.get('/read')).value).toEqual([true, '1995'])
  })

  itOn('every store', 'L16 a failure to decode or encode tells where, and not what', async (stage) => {
    const invalid: unknown[] = []
    const written = stage.sessions({ codec: richCodec({ types: [money] }) })
    const session = await written.open(null)
    session.set('price', new Money(1995n))
    const { token } = await written.commit(session)
    // The type is unknown to this one.
    const sessions = stage.sessions({ on: { invalid: (event) => void invalid.push(event) } })
    expect((await sessions.open(token)).toJSON().data).toEqual({})
    expect(invalid).toEqual([{ type: 'invalid', at: stage.clock(), reason: 'corrupt', id: session.id }])
    const another = await sessions.open(null)
    another.set('order', { lines: [{ price: new Money(1995n) }] })
    const error = await errorOf(() => sessions.commit(another))
    expect(error).toMatchObject({ code: 'VALUE_INVALID', message: expect.stringMatching(/order.*lines.*0.*price/) })
    expect(String(error)).not.toContain('1995')
  })
})

describe('the life of an id', () => {
  itOn('every store', 'L18 regenerate: new cookie, same data, old id dead', async (stage) => {
    const sessions = stage.sessions()
    const site = await stage.site(sessions, {
      '/write': (session) => session.set('cart', ['tea']),
      '/regenerate': (session) => session.regenerate(),
      '/both': (session) => {
        session.push('cart', 'milk')
        session.regenerate()
      },
      '/read': (session) => session.get('cart'),
    })
    const visitor = site.visitor()
    await visitor.get('/write')
    for (const [path, cart] of [
      ['/regenerate', ['tea']],
      ['/both', ['tea', 'milk']],
    ] as const) {
      const old = visitor.jar.get('__Host-sid') ?? ''
      const { id } = await sessions.open(old)
      const { cookies } = await visitor.get(path)
      expect(cookies).toHaveLength(1)
      expect(visitor.jar.get('__Host-sid')).not.toBe(old)
      expect((await visitor.get('/read')).value).toEqual(cart)
      const thief = site.visitor()
      for (const wait of [0, 30_000, 60_000]) {
        stage.clock.advance(wait)
        thief.jar.set('__Host-sid', old)
        expect((await thief.get('/read')).value, `after ${wait} ms`).toBeNull()
      }
      if (stage.can('list')) expect(await sessions.find(id)).toBeNull()
    }
    if (stage.can('sweep')) await sessions.sweep()
    expect(await stage.records()).toHaveLength(1)
  })

  itOn('file', 'L22 files lie two levels deep, private, and are replaced as a whole', async (stage) => {
    const directory = join(stage.folder, 'sessions')
    const sessions = stage.sessions()
    const session = await sessions.open(null)
    session.set('name', 'Ada')
    const umask = process.umask(0)
    const { token } = await sessions.commit(session).finally(() => process.umask(umask))
    const { key } = await stage.onlyRecord()
    const [first = '', second = ''] = key
    const path = join(directory, first, second, key)
    expect(statSync(path).isFile()).toBe(true)
    const modeOf = (each: string) => statSync(each).mode & 0o777
    expect(modeOf(path)).toBe(0o600)
    for (const folder of [directory, join(directory, first), join(directory, first, second)]) {
      expect(modeOf(folder)).toBe(0o700)
    }
    // Who has the file open while it is replaced goes on reading the old one to its end.
    const before = { text: readFileSync(path, 'utf8'), inode: statSync(path).ino }
    const descriptor = openSync(path, 'r')
    const again = await sessions.open(token)
    again.set('name', 'Augusta Ada King, Countess of Lovelace')
    await sessions.commit(again)
    expect(readFileSync(descriptor, 'utf8')).toBe(before.text)
    closeSync(descriptor)
    expect(statSync(path).ino).not.toBe(before.inode)
    expect(readFileSync(path, 'utf8')).toContain('Countess')
    expect(readdirSync(join(directory, first, second))).toEqual([key])
    expect(readdirSync(join(directory, '.tmp'))).toEqual([])
  })

  itOn('file', 'L22 no id leads out of the directory', async (stage) => {
    const site = await stage.site(stage.sessions(), { '/read': (session) => session.get('name') })
    const hostile = [
      `${'../'.repeat(14)}x`,
      `..%2f${'a'.repeat(38)}`,
      `${'a'.repeat(42)}/`,
      '.'.repeat(43),
      '/etc/passwd',
    ]
    for (const value of hostile) {
      const visitor = site.visitor()
      visitor.jar.set('__Host-sid', value)
      expect(await visitor.get('/read'), value).toMatchObject({ status: 200, value: null })
      for (const call of [
        () => stage.store.read(value),
        () => stage.store.create(value, { payload: '', version: 1, expiresAt: stage.clock() + minute }),
        () => stage.store.touch(value, stage.clock() + minute, 1),
        () => stage.store.delete(value),
      ]) {
        expect(String(await errorOf(call)), value).toContain('a key must be')
      }
    }
    expect(readdirSync(stage.folder)).toEqual(['sessions'])
    expect(readdirSync(join(stage.folder, 'sessions')).sort()).toEqual(['.tmp', '.users'])
  })

  itOn('two stores', 'L23 a handler reaches the store: exists, read, destroy, touch, clean up', async (stage) => {
    const sessions = stage.sessions({ idleTimeout: '30m' })
    const site = await stage.site(sessions, {
      '/write': (session, req) => {
        session.set('name', String(req.query['name']))
        return session.id
      },
      '/exists': async (_, req) => (await sessions.find(String(req.query['id']))) !== null,
      '/read': async (_, req) => (await sessions.find(String(req.query['id'])))?.data,
      '/raw': async (_, req) => {
        const key = (await stage.records()).find((each) => each.key.startsWith(String(req.query['id'])))?.key ?? ''
        const { store } = sessions
        const record = await store.read(key)
        return [
          record?.version,
          await store.touch(key, stage.clock() + 60 * minute, record?.version ?? 0),
          (await store.read(key))?.expiresAt,
        ]
      },
      '/destroy': (_, req) => sessions.revoke(String(req.query['id'])),
      '/touch': (session) => session.touch(),
      '/sweep': () => sessions.sweep(),
    })
    const [ada, bob] = [site.visitor(), site.visitor()]
    const id = (await ada.get('/write?name=Ada')).value
    const idOfBob = (await bob.get('/write?name=Bob')).value
    const ask = async (path: string) => (await ada.get(path)).value
    expect(await ask(`/exists?id=${idOfBob}`)).toBe(true)
    expect(await ask(`/read?id=${idOfBob}`)).toEqual({ name: 'Bob' })
    expect(await ask(`/raw?id=${idOfBob}`)).toEqual([1, true, stage.clock() + 60 * minute])
    expect(await ask(`/destroy?id=${idOfBob}`)).toBe(true)
    expect(await ask(`/exists?id=${idOfBob}`)).toBe(false)
    expect(await ask(`/destroy?id=${idOfBob}`)).toBe(false)
    stage.clock.advance(minute)
    await ada.get('/touch')
    expect((await sessions.find(String(id)))?.expiresAt).toBe(stage.clock() + 30 * minute)
    stage.clock.advance(30 * minute)
    expect(await ask('/sweep')).toBe(1)
    expect(await stage.records()).toEqual([])
  })

  describe('when the client goes away before the answer', () => {
    /** Cuts the connection of a request that has written to its session: its visitor, and what the store has then. */
    const cutShort = async (stage: Stage, goOn: (response: ServerResponse) => void) => {
      const sessions = stage.sessions<{ count?: number }>()
      const [reached, cut, done] = [gate(), gate(), gate()]
      const server = stage.use(
        await serveHttp(
          nodeSession(sessions, async (req, res) => {
            sessions.of(req).increment('count')
            if (req.url !== '/slow') return res.end()
            req.socket.once('close', () => cut.open())
            reached.open()
            await cut.promise
            goOn(res)
            done.open()
          }),
        ),
      )
      const visitor = visitorOf(server)
      await visitor.get('/')
      const cookie = `__Host-sid=${visitor.jar.get('__Host-sid')}`
      const { socket } = openRaw(server.port, `GET /slow HTTP/1.1\r\nhost: localhost\r\ncookie: ${cookie}\r\n\r\n`)
      await reached.promise
      socket.destroy()
      await done.promise
      return { visitor, stored: async () => (await sessions.list()).sessions.map(({ data }) => data) }
    }

    itOn('two stores', 'L24 what a handler did that finishes all the same is stored', async (stage) => {
      const { stored } = await cutShort(stage, (res) => res.end('too late'))
      await vi.waitFor(async () => expect(await stored()).toEqual([{ count: 2 }]), { timeout: 10_000 })
    })

    itOn('two stores', 'L24 what a handler did that never answers is not', async (stage) => {
      const { stored, visitor } = await cutShort(stage, () => undefined)
      // Commits of one session pass one after another: this one comes after any that the end of the connection began.
      await visitor.get('/')
      expect(await stored()).toEqual([{ count: 2 }])
      expect(countOf(stage, 'replace')).toBe(1)
    })
  })
})
