import { existsSync } from 'node:fs'
import { join } from 'node:path'
import express from 'express'
import { describe, expect, it } from 'vitest'
import { expressSession } from '../../src/adapters/express.ts'
import { nodeSession } from '../../src/adapters/node.ts'
import { webSession } from '../../src/adapters/web.ts'
import {
  type CookieOptions,
  createSessions,
  type Listing,
  type Store,
  type StoredRecord,
  type Sweeping,
} from '../../src/index.ts'
import { fileStore } from '../../src/stores/file/index.ts'
import { openStore, registerStore } from '../../src/stores/index.ts'
import { manualClock, memoryStore, storeCases } from '../../src/testing/index.ts'
import { cookieTransport, firstOf, headerTransport, queryTransport } from '../../src/transports/index.ts'
import { partsOf } from '../fixtures/cookie-jar.ts'
import { type Routes, visitorOf } from '../fixtures/express-app.ts'
import { serveFetch } from '../fixtures/fetch-server.ts'
import { gate } from '../fixtures/gate.ts'
import { type Running, serveHttp } from '../fixtures/servers.ts'
import { itOn, type Stage } from '../fixtures/store-tests.ts'
import { begin, errorOf } from '../fixtures/visits.ts'
import { withTimers } from './timers.ts'

const minute = 60_000
const secrets = ['Zr4u7x!A%D*G-KaPdSgVkYp3s6v9y$B?', 'mZq4t7w!z%C*F-JaNdRgUkXp2s5v8x/A']

const usual: Routes<Record<string, unknown>, Record<string, unknown>> = {
  '/write': (session, req) => session.set('name', String(req.query['name'] ?? 'Ada')),
  '/read': (session) => session.get('name'),
  '/regenerate': (session) => session.regenerate(),
  '/destroy': (session) => session.destroy(),
}

describe('where there are sessions', () => {
  itOn('two stores', 'B2 they are switched off for all routes', async (stage) => {
    const sessions = stage.sessions()
    const app = express()
    app.use(expressSession(sessions, { when: () => false }))
    app.get('/', (req, res) => {
      const error = errorOf(() => sessions.of(req).set('name', 'Ada'))
      error.then((each) => res.json((each as { code?: string }).code)).catch(() => res.status(500).end())
    })
    const server = stage.use(await serveHttp(app))
    expect(await visitorOf(server).get('/')).toMatchObject({ value: 'NO_SESSION', cookies: [] })
    expect(stage.store.calls).toEqual([])
  })

  itOn('two stores', 'B2 they are switched on and off route by route', async (stage) => {
    const sessions = stage.sessions()
    const app = express()
    app.use('/shop', expressSession(sessions, { when: (req) => req.path !== '/logo' }))
    app.get(['/', '/shop', '/shop/logo'], (req, res) => {
      try {
        res.json(sessions.of(req).increment('count'))
      } catch (error) {
        res.json((error as { code?: string }).code)
      }
    })
    const visitor = visitorOf(stage.use(await serveHttp(app)))
    expect((await visitor.get('/shop')).value).toBe(1)
    stage.store.calls.length = 0
    expect((await visitor.get('/')).value).toBe('NO_SESSION')
    expect((await visitor.get('/shop/logo')).value).toBe('NO_SESSION')
    expect(stage.store.calls).toEqual([])
    expect((await visitor.get('/shop')).value).toBe(2)
  })
})

describe('the cookie', () => {
  /** What comes when a session is begun, regenerated and destroyed. */
  const lines = async (stage: Stage, cookie: CookieOptions) => {
    const visitor = (await stage.site(stage.sessions({ cookie }), usual)).visitor()
    const all = [await visitor.get('/write'), await visitor.get('/regenerate'), await visitor.get('/destroy')]
    return all.map(({ cookies }) => {
      expect(cookies).toHaveLength(1)
      return partsOf(cookies[0] ?? '').attributes
    })
  }

  itOn('two stores', 'B3 a lifetime above 0 emits Max-Age and Expires; without one there is neither', async (stage) => {
    const [written, regenerated] = await lines(stage, { maxAge: 3600_000 })
    const expiry = ['Max-Age=3600', 'Expires=Tue, 01 Jan 2030 01:00:00 GMT']
    expect(written?.slice(0, 2)).toEqual(expiry)
    expect(regenerated?.slice(0, 2)).toEqual(expiry)
    expect((await lines(stage, {}))[0]?.join()).not.toMatch(/max-age|expires/i)
    expect(await errorOf(() => stage.sessions({ cookie: { maxAge: 0 } }))).toMatchObject({ code: 'CONFIG_INVALID' })
  })

  itOn('two stores', 'B4 domain and same-site are there on set, regenerate and destroy', async (stage) => {
    const all = await lines(stage, { domain: 'shop.example', sameSite: 'none' })
    const attributes = ['Domain=shop.example', 'Path=/', 'Secure', 'HttpOnly', 'SameSite=None']
    const cleared = ['Max-Age=0', 'Expires=Thu, 01 Jan 1970 00:00:00 GMT', ...attributes]
    expect(all).toEqual([attributes, attributes, cleared])
  })

  itOn('two stores', 'B5 Secure is forced, or goes by the connection that a trusted proxy tells of', async (stage) => {
    const isSecure = async (secure: boolean | 'auto', trustProxy: boolean | number, forwarded?: string) => {
      const sessions = stage.sessions({ cookie: { name: 'visit', secure }, trustProxy })
      const visitor = (await stage.site(sessions, usual)).visitor()
      const { cookies } = await visitor.get('/write', forwarded === undefined ? {} : { 'x-forwarded-proto': forwarded })
      return partsOf(cookies[0] ?? '').attributes.includes('Secure')
    }
    expect(await isSecure(true, false)).toBe(true)
    expect(await isSecure(true, true, 'http')).toBe(true)
    expect(await isSecure('auto', false)).toBe(false)
    expect(await isSecure('auto', false, 'https')).toBe(false)
    expect(await isSecure('auto', true)).toBe(false)
    expect(await isSecure('auto', true, 'http')).toBe(false)
    expect(await isSecure('auto', true, 'https')).toBe(true)
    // What stands left of the trusted hops is the client's own invention.
    expect(await isSecure('auto', true, 'https, http')).toBe(false)
    expect(await isSecure('auto', 2, 'https, http')).toBe(true)
    expect(await isSecure('auto', 2, 'https')).toBe(false)
    const sessions = stage.sessions({ cookie: { name: 'visit', secure: 'auto' } })
    const handler = webSession(sessions, (request) => {
      sessions.of(request).set('name', 'Ada')
      return new Response()
    })
    const overTls = await handler(new Request('https://shop.example/'))
    expect(overTls.headers.getSetCookie()).toEqual([expect.stringContaining('; Secure; ')])
  })

  itOn('two stores', 'B6 with the cookie switched off none is emitted', async (stage) => {
    const site = await stage.site(stage.sessions({ cookie: false, transport: headerTransport() }), usual)
    const visitor = site.visitor()
    const first = await visitor.get('/write')
    const token = first.headers['x-session-token'] ?? ''
    const second = await visitor.get('/regenerate', { 'x-session-token': token })
    const third = await visitor.get('/destroy', { 'x-session-token': second.headers['x-session-token'] ?? '' })
    expect([first, second, third].flatMap(({ cookies }) => cookies)).toEqual([])
    expect(await stage.store.count()).toBe(1)
    expect(await errorOf(() => stage.sessions({ cookie: false }))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('transport'),
    })
  })

  itOn(
    'two stores',
    'B22 Secure can be switched off, and a session is reachable by its id and by its token',
    async (stage) => {
      const [written] = await lines(stage, { secure: false })
      expect(written).toEqual(['Path=/', 'HttpOnly', 'SameSite=Lax'])
      const sessions = stage.sessions()
      const { token, id } = await begin(sessions)
      expect(await sessions.find(id)).toMatchObject({ id, data: { name: 'Ada' }, createdAt: stage.clock() })
      expect((await sessions.open(token)).get('name')).toBe('Ada')
      expect((await sessions.open(id)).has('name')).toBe(false)
    },
  )
})

describe('the session id', () => {
  itOn('two stores', 'B7 it is a prefix and random characters of the configured length', async (stage) => {
    const sessions = stage.sessions({ id: { prefix: 'shop-', bytes: 24 } })
    const tokens = [await begin(sessions), await begin(sessions)].map(({ token }) => token)
    for (const token of tokens) {
      expect(token).toMatch(/^shop-[\w-]{32}$/)
      expect((await sessions.open(token)).get('name')).toBe('Ada')
    }
    expect(new Set(tokens).size).toBe(2)
  })

  itOn('two stores', 'B7 the generator is pluggable', async (stage) => {
    let count = 0
    const sessions = stage.sessions({ id: { generate: () => `mine_${String(++count).padStart(40, '0')}` } })
    const { token } = await begin(sessions)
    expect(token).toMatch(/^mine_0{39}\d$/)
    expect((await sessions.open(token)).get('name')).toBe('Ada')
  })

  itOn('two stores', 'B7 the hash has a key, which can be replaced without ending a session', async (stage) => {
    const [fresh = '', old = ''] = secrets
    const { token } = await begin(stage.sessions({ secret: old }))
    const name = async (secret?: string | string[]) => (await stage.sessions({ secret }).open(token)).get('name')
    expect(await name(old)).toBe('Ada')
    expect(await name([fresh, old])).toBe('Ada')
    expect(await name(fresh)).toBeUndefined()
    expect(await name()).toBeUndefined()
  })

  itOn(
    'two stores',
    'B8 it is looked for in the cookie, then in the query, then in the header, where these are enabled',
    async (stage) => {
      const transport = firstOf(
        cookieTransport(),
        queryTransport({ tokenLeaksIntoLogsAndReferrers: true }),
        headerTransport(),
      )
      const sessions = stage.sessions({ transport })
      const site = await stage.site(sessions, usual)
      const [cookie, query, header] = [
        (await begin(sessions, 'by cookie')).token,
        (await begin(sessions, 'by query')).token,
        (await begin(sessions, 'by header')).token,
      ]
      const inCookie = { cookie: `__Host-sid=${cookie}` }
      const inHeader = { 'x-session-token': header }
      const read = async (path: string, headers: Record<string, string>) =>
        (await site.visitor().get(path, headers)).value
      expect(await read(`/read?sid=${query}`, { ...inCookie, ...inHeader })).toBe('by cookie')
      expect(await read(`/read?sid=${query}`, inHeader)).toBe('by query')
      expect(await read('/read', inHeader)).toBe('by header')
      expect(await read('/read', {})).toBeNull()
    },
  )

  itOn(
    'two stores',
    'B8 the query is off by default, and the option that switches it on says that it leaks',
    async (stage) => {
      const sessions = stage.sessions()
      const site = await stage.site(sessions, usual)
      const { token } = await begin(sessions)
      for (const name of ['sid', '__Host-sid', 'token']) {
        expect((await site.visitor().get(`/read?${name}=${token}`, { 'x-session-token': token })).value).toBeNull()
      }
      for (const options of [{}, { tokenLeaksIntoLogsAndReferrers: false }]) {
        expect(await errorOf(() => queryTransport(options as never))).toMatchObject({
          code: 'CONFIG_INVALID',
          message: expect.stringMatching(/leaks into access logs/),
        })
      }
    },
  )

  itOn('two stores', 'B9 in header mode the answer carries the header, of any name', async (stage) => {
    const transport = headerTransport({ name: 'Authorization' })
    const visitor = (await stage.site(stage.sessions({ transport }), usual)).visitor()
    const { headers, cookies } = await visitor.get('/write')
    const { authorization = '' } = headers
    expect(authorization).toMatch(/^Bearer [\w-]{43}$/)
    expect(cookies).toEqual([])
    expect((await visitor.get('/read', { authorization })).value).toBe('Ada')
    const moved = (await visitor.get('/regenerate', { authorization })).headers['authorization'] ?? ''
    expect(moved).toMatch(/^Bearer [\w-]{43}$/)
    expect((await visitor.get('/read', { authorization })).value).toBeNull()
    expect((await visitor.get('/read', { authorization: moved })).value).toBe('Ada')
  })

  itOn('two stores', 'B10 a malformed one never makes an error, whatever is done with the session', async (stage) => {
    const transport = firstOf(
      cookieTransport(),
      queryTransport({ tokenLeaksIntoLogsAndReferrers: true }),
      headerTransport(),
    )
    const site = await stage.site(stage.sessions({ transport }), usual)
    const malformed = [
      ...['', '.', '..', '/', 'x', '%', '%00', '%zz', '"', "'", '=', '==', '*', '$Version', '__proto__', 'constructor'],
      ...[
        'j:{}',
        's:abc.def',
        '../../../../etc/passwd',
        'A'.repeat(42),
        'A'.repeat(44),
        'A'.repeat(4000),
        'é'.repeat(43),
      ],
      ...[
        `${'A'.repeat(42)}\u00a0`,
        `${'A'.repeat(43)} `.padEnd(60, 'A'),
        'undefined',
        'null',
        'NaN',
        '[object Object]',
      ],
    ]
    for (const path of ['/read', '/regenerate', '/destroy']) {
      for (const value of malformed) {
        const replies = [
          await site.visitor().get(path, { cookie: `__Host-sid=${value}` }),
          await site.visitor().get(`${path}?sid=${encodeURIComponent(value)}&sid=%E0%A4%A`),
          await site.visitor().get(path, { 'x-session-token': value }),
        ]
        expect(
          replies.map(({ status }) => status),
          `${path} ${value}`,
        ).toEqual([200, 200, 200])
      }
    }
    expect(stage.store.calls).toEqual([])
    const visitor = site.visitor()
    visitor.jar.set('__Host-sid', 'x')
    await visitor.get('/write')
    expect((await visitor.get('/read')).value).toBe('Ada')
  })
})

describe('in a handler', () => {
  itOn('two stores', 'B11 a controller sets, gets, deletes, regenerates and destroys', async (stage) => {
    const sessions = stage.sessions<{ name?: string }>()
    const controller = {
      set: () => sessions.current().set('name', 'Ada'),
      get: () => sessions.current().get('name') ?? null,
      delete: () => sessions.current().delete('name') ?? null,
      regenerate: () => sessions.current().regenerate(),
      destroy: () => sessions.current().destroy(),
    }
    const site = await stage.site(sessions, {
      '/:action': (_, req) => controller[String(req.params['action']) as keyof typeof controller](),
    })
    const visitor = site.visitor()
    await visitor.get('/set')
    expect((await visitor.get('/get')).value).toBe('Ada')
    const before = visitor.jar.get('__Host-sid')
    await visitor.get('/regenerate')
    expect(visitor.jar.get('__Host-sid')).not.toBe(before)
    expect((await visitor.get('/delete')).value).toBe('Ada')
    expect((await visitor.get('/get')).value).toBeNull()
    await visitor.get('/destroy')
    expect(visitor.jar.size).toBe(0)
    expect((await sessions.list()).sessions).toEqual([])
  })

  itOn('two stores', 'B12 flush, the session id, and release', async (stage) => {
    const sessions = stage.sessions()
    const { token, id } = await begin(sessions)
    const session = await sessions.open(token)
    expect(session.id).toBe(id)
    expect(session.id).toMatch(/^[\w-]{16}$/)
    expect(token).not.toContain(session.id)
    session.clear()
    expect((await sessions.open(token)).get('name')).toBe('Ada')
    expect(await sessions.commit(session)).toEqual({ outcome: 'saved', headers: [], token: null })
    const flushed = await sessions.open(token)
    expect(flushed).toMatchObject({ id, isNew: false })
    expect(flushed.keys()).toEqual([])
  })

  itOn('two stores', 'B18 regenerate keeps the data, kills the old id and sends one Set-Cookie', async (stage) => {
    const sessions = stage.sessions()
    const site = await stage.site(sessions, {
      ...usual,
      '/twice': (session, _, res) => {
        res.cookie('theme', 'dark')
        session.regenerate()
        session.set('name', 'Augusta')
        session.regenerate()
        res.cookie('tab', '1')
      },
    })
    const visitor = site.visitor()
    await visitor.get('/write')
    const old = visitor.jar.get('__Host-sid') ?? ''
    const { cookies } = await visitor.get('/twice')
    expect(cookies.map((line) => partsOf(line).name).sort()).toEqual(['__Host-sid', 'tab', 'theme'])
    expect((await visitor.get('/read')).value).toBe('Augusta')
    expect((await site.visitor().get('/read', { cookie: `__Host-sid=${old}` })).value).toBeNull()
    expect((await sessions.list()).sessions).toHaveLength(1)
  })

  itOn(
    'two stores',
    'B19 destroy removes record and cookie, and a late release does not bring them back',
    async (stage) => {
      const [reached, destroyed] = [gate(), gate()]
      const site = await stage.site(stage.sessions(), {
        ...usual,
        '/slow': async (session) => {
          reached.open()
          await destroyed.promise
          session.set('late', true)
        },
      })
      const visitor = site.visitor()
      await visitor.get('/write')
      const cookie = `__Host-sid=${visitor.jar.get('__Host-sid')}`
      const slow = site.visitor().get('/slow', { cookie })
      await reached.promise
      const { cookies } = await visitor.get('/destroy')
      expect(cookies).toEqual([expect.stringContaining('Max-Age=0')])
      expect(await stage.records()).toEqual([])
      destroyed.open()
      expect(await slow).toMatchObject({ cookies: [] })
      expect(await stage.records()).toEqual([])
      expect((await site.visitor().get('/read', { cookie })).value).toBeNull()
    },
  )

  itOn(
    'two stores',
    'B25 what a handler changed is not lost for want of a release: the adapters release',
    async (stage) => {
      const sessions = stage.sessions<{ count?: number }>()
      const app = express()
      app.use(expressSession(sessions))
      app.get('/', (req, res) => {
        res.json(sessions.of(req).increment('count'))
      })
      const web = webSession(sessions, (request) => Response.json(sessions.of(request).increment('count')))
      const node = nodeSession(sessions, (req, res) => {
        const count = sessions.of(req).increment('count')
        res.setHeader('content-type', 'application/json').end(String(count))
      })
      const servers: Running[] = [await serveHttp(app), await serveFetch(web), await serveHttp(node)]
      for (const server of servers) {
        const visitor = visitorOf(stage.use(server))
        const counts = [await visitor.get('/'), await visitor.get('/'), await visitor.get('/')]
        expect(counts.map(({ value }) => value)).toEqual([1, 2, 3])
      }
      expect((await sessions.list()).sessions.map(({ data }) => data)).toEqual([
        { count: 3 },
        { count: 3 },
        { count: 3 },
      ])
    },
  )

  itOn('two stores', 'B24 none of it needs a web framework', async (stage) => {
    const sessions = stage.sessions()
    const first = await sessions.open(null)
    first.set('name', 'Ada')
    const { outcome, token } = await sessions.commit(first)
    expect(outcome).toBe('created')
    const second = await sessions.open(token)
    second.regenerate()
    const moved = await sessions.commit(second)
    expect(moved.outcome).toBe('moved')
    expect((await sessions.open(token)).has('name')).toBe(false)
    const request = (cookie?: string) => new Request('https://shop.example/', cookie ? { headers: { cookie } } : {})
    const third = await sessions.open(request(`__Host-sid=${moved.token}`))
    expect(third.get('name')).toBe('Ada')
    third.destroy()
    const { headers } = await sessions.commit(third)
    expect(new Response(null, { headers: [...headers] }).headers.getSetCookie()).toEqual([
      '__Host-sid=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; Secure; HttpOnly; SameSite=Lax',
    ])
    expect((await sessions.open(moved.token)).has('name')).toBe(false)
    expect((await sessions.open(request())).isNew).toBe(true)
  })
})

/** A store of your own that can also list, count and clean up. */
function ownStore(clock: () => number): Store & Listing & Sweeping {
  const records = new Map<string, StoredRecord>()
  const isLive = (record: StoredRecord | undefined, now = clock()) => record !== undefined && record.expiresAt > now
  const live = (key: string) => {
    const record = records.get(key)
    return record !== undefined && isLive(record) ? { ...record } : null
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
    async list({ cursor, limit, prefix = '' }) {
      const keys = [...records.keys()].filter((key) => key.startsWith(prefix) && key > (cursor ?? '')).sort()
      const entries = keys.slice(0, limit).flatMap((key) => {
        const record = live(key)
        return record === null ? [] : [{ key, record }]
      })
      return { entries, cursor: keys.length > limit ? (keys[limit - 1] ?? null) : null }
    },
    count: async () => [...records.values()].filter((record) => isLive(record)).length,
    async sweep(now, { limit }) {
      const expired = [...records].filter(([, record]) => !isLive(record, now)).slice(0, limit)
      for (const [key] of expired) records.delete(key)
      return expired.length
    },
  }
}

describe('providers', () => {
  for (const { title, run } of storeCases(({ clock }) => ownStore(clock))) it(`B13 one of your own: ${title}`, run)

  it('B13 one of your own counts and cleans up', async () => {
    const clock = manualClock()
    const sessions = createSessions({ store: ownStore(clock), clock })
    await begin(sessions)
    await begin(sessions)
    expect(await sessions.count()).toBe(2)
    clock.advance(20 * minute)
    await begin(sessions)
    clock.advance(10 * minute)
    expect(await sessions.count()).toBe(1)
    expect(await sessions.sweep()).toBe(2)
    expect(await sessions.sweep()).toBe(0)
  })

  it('B14 a store is registered by name and opened by it', async () => {
    const clock = manualClock()
    const opened: string[] = []
    registerStore('parity', (text) => {
      opened.push(text)
      return ownStore(clock)
    })
    const store = await openStore('parity:anything you like')
    expect(opened).toEqual(['parity:anything you like'])
    const sessions = createSessions({ store, clock })
    const { token } = await begin(sessions)
    expect((await sessions.open(token)).get('name')).toBe('Ada')
    expect(await errorOf(() => registerStore('parity', () => ownStore(clock)))).toMatchObject({
      code: 'CONFIG_INVALID',
    })
  })

  it('B14 null is refused, and so is an unknown name, by name', async () => {
    expect(await errorOf(() => registerStore('nothing', null as never))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/"nothing:".*null/),
    })
    expect(await errorOf(() => openStore('nosuch://user:pass@host/db'))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/"nosuch:".*"memory:", "file:"/),
    })
    registerStore('parity-null', () => null as never)
    expect(await errorOf(() => openStore('parity-null:'))).toMatchObject({ code: 'CONFIG_INVALID' })
  })

  itOn('file', 'B16 files lie as ./tmp/x/s/xs..., from the working directory', async ({ folder, clock }) => {
    const home = process.cwd()
    process.chdir(folder)
    try {
      for (const [store, directory] of [
        [fileStore({ directory: './tmp', clock }), 'tmp'],
        [await openStore('file:./other'), 'other'],
      ] as const) {
        const sessions = createSessions({ store })
        await begin(sessions)
        const [key = ''] = (await (store as Store & Listing).list({ limit: 2 })).entries.map((entry) => entry.key)
        const [x = '', s = ''] = key
        expect(existsSync(join(folder, directory, x, s, key))).toBe(true)
      }
    } finally {
      process.chdir(home)
    }
  })

  itOn(
    'every store',
    'B20 the number of active sessions is real',
    async (stage) => {
      const sessions = stage.sessions({ idleTimeout: '30m' })
      const site = await stage.site(sessions, usual)
      expect(await sessions.count()).toBe(0)
      const [ada, bob, cy] = [site.visitor(), site.visitor(), site.visitor()]
      for (const visitor of [ada, bob]) await visitor.get('/write')
      await cy.get('/read')
      expect(await sessions.count()).toBe(2)
      stage.clock.advance(20 * minute)
      await cy.get('/write')
      await ada.get('/regenerate')
      expect((await sessions.list()).sessions).toHaveLength(3)
      stage.clock.advance(minute)
      expect(await sessions.count()).toBe(3)
      await cy.get('/destroy')
      expect(await sessions.count()).toBe(2)
      stage.clock.advance(9 * minute)
      expect(await sessions.count()).toBe(1)
    },
    { needs: ['list'] },
  )

  it('B20 a store that cannot count refuses, with a code and its name', async () => {
    const { read, create, replace, touch, delete: remove } = memoryStore()
    const sessions = createSessions({ store: { name: 'plain', read, create, replace, touch, delete: remove } })
    for (const ask of [() => sessions.count(), () => sessions.sweep(), () => sessions.startSweeper({ every: '1h' })]) {
      expect(await errorOf(ask)).toMatchObject({ code: 'UNSUPPORTED', message: expect.stringContaining('"plain"') })
    }
  })

  itOn(
    'two stores',
    'B21 cleaning up happens at its interval, until it is stopped or the sessions are closed',
    async (stage) => {
      let sweeps = 0
      const sessions = stage.sessions({ on: { swept: () => void sweeps++ } })
      await withTimers(async (pass) => {
        const first = await sessions.startSweeper({ every: '10m' })
        for (const expected of [1, 2, 3]) {
          await pass(11 * minute, () => sweeps === expected)
          expect(sweeps).toBe(expected)
        }
        first.stop()
        await pass(60 * minute)
        expect(sweeps).toBe(3)
        await sessions.startSweeper({ every: 10 * minute })
        await pass(11 * minute, () => sweeps > 3)
        expect(sweeps).toBe(4)
        await sessions.close()
        await pass(60 * minute)
        expect(sweeps).toBe(4)
      })
    },
  )
})
