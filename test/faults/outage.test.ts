import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { nodeSession } from '../../src/adapters/node.ts'
import {
  createSessions,
  type Session,
  SessionError,
  type Sessions,
  type SessionsOptions,
  type Store,
} from '../../src/index.ts'
import { faultyStore, manualClock, memoryStore } from '../../src/testing/index.ts'
import { CookieJar, partsOf } from '../fixtures/cookie-jar.ts'
import { cookiesOf, exchangeWith } from '../fixtures/exchange.ts'
import { visitorOf } from '../fixtures/express-app.ts'
import { gate, settle } from '../fixtures/gate.ts'
import { openRaw, type Running, serveHttp } from '../fixtures/servers.ts'
import { itOn } from '../fixtures/store-tests.ts'
import { commitAll, errorOf, openTimes, shown, tokenAfter, tokenWith, visit } from '../fixtures/visits.ts'

const minute = 60_000
const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of closing.splice(0)) await each.close()
})

type Handler = (session: Session, path: string) => unknown

/** An application over HTTP; what the handler returns is the body. */
async function serve(sessions: Sessions, handle: Handler): Promise<Running> {
  const server = await serveHttp(
    nodeSession(
      sessions,
      async (req, res) => {
        const answer = await handle(sessions.of(req), (req.url ?? '/').slice(1))
        if (answer === 'redirect') res.writeHead(302, { location: '/read' }).end()
        else res.end(JSON.stringify(answer ?? null))
      },
      { onError: () => undefined },
    ),
  )
  closing.push(server)
  return server
}

const act: Handler = (session, path) => {
  if (path === 'write') return session.increment('count')
  if (path === 'login') return session.login('ada')
  if (path === 'regenerate') return session.regenerate()
  if (path === 'destroy') return session.destroy()
  return [session.userId ?? null, session.get('count') ?? null]
}

describe('a store that fails while a session is opened', () => {
  it('SEC-97 is an error for whoever presents a token, and nobody else', async () => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store })
    const token = await tokenWith(sessions, { name: 'Ada' })
    const cause = new Error('no route to host')
    store.faults.fail('*', { error: cause })
    await expect(sessions.open(token)).rejects.toMatchObject({ code: 'STORE_FAILED', status: 503, cause })
    await expect(sessions.open(exchangeWith({ cookie: `__Host-sid=${token}` }))).rejects.toThrow(SessionError)
    await expect(sessions.ready()).rejects.toMatchObject({ code: 'STORE_FAILED' })
    // Strangers who only read need no store.
    for (const source of [null, 'malformed', exchangeWith()]) {
      const session = await sessions.open(source)
      session.get('name')
      expect((await sessions.commit(session)).outcome).toBe('nothing')
    }
    const stranger = await sessions.open(null)
    stranger.set('name', 'Eve')
    await expect(sessions.commit(stranger)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    store.faults.clear()
    await sessions.ready()
    expect(await shown(sessions, token)).toEqual({ name: 'Ada' })
  })

  it("SEC-97 REL-04 with onStoreError 'anonymous' it is an empty session that leaves the cookie and the store alone", async () => {
    const store = faultyStore(memoryStore())
    const gone: unknown[] = []
    const sessions = createSessions({ store, onStoreError: 'anonymous', on: { gone: (event) => gone.push(event) } })
    const server = await serve(sessions, act)
    const visitor = visitorOf(server)
    await visitor.get('/write')
    await visitor.get('/login')
    const before = new CookieJar(visitor.jar)
    for (const fault of ['all', 'the read'] as const) {
      for (const path of ['/read', '/write', '/regenerate', '/destroy']) {
        if (fault === 'all') store.faults.fail('*')
        else store.faults.fail('read', { times: 1 })
        store.calls.length = 0
        const { status, cookies, body } = await visitor.get(path)
        // Nobody may be told that a session has ended which nobody could find.
        expect([status, cookies]).toEqual([path === '/destroy' ? 503 : 200, []])
        if (path === '/read') expect(body).toBe('[null,null]')
        // The request asked once, and what it changed went nowhere, even if the store had come back.
        expect(store.calls.map(({ operation }) => operation)).toEqual(['read'])
        store.faults.clear()
      }
    }
    expect(visitor.jar).toEqual(before)
    expect((await visitor.get('/read')).body).toBe('["ada",1]')
    expect(gone).toEqual([])
  })

  it("REL-04 with 'anonymous', save() and sign-in still tell the truth", async () => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store, onStoreError: 'anonymous' })
    const token = await tokenWith(sessions, { name: 'Ada' })
    const cause = new Error('no route to host')
    store.faults.fail('*', { error: cause })
    const session = await sessions.open(exchangeWith({ cookie: `__Host-sid=${token}` }))
    session.set('name', 'Eve')
    await expect(session.save()).rejects.toMatchObject({ code: 'STORE_FAILED', cause })
    const login = await sessions.open(exchangeWith({ cookie: `__Host-sid=${token}` }))
    login.login('ada')
    await expect(sessions.commit(login)).rejects.toMatchObject({ code: 'STORE_FAILED', cause })
  })

  it('REL-04 there is no third policy', () => {
    for (const onStoreError of ['ignore', true, null, 'Fail']) {
      expect(() => createSessions({ onStoreError: onStoreError as never })).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      )
    }
  })
})

describe('a store that fails while a session is stored', () => {
  const ways: Record<string, (session: Session) => unknown> = {
    create: (session) => session.set('name', 'Eve'),
    replace: (session) => session.set('name', 'Eve'),
    move: (session) => session.regenerate(),
    login: (session) => session.login('eve'),
    end: (session) => session.destroy(),
  }
  for (const [what, work] of Object.entries(ways)) {
    itOn('two stores', `REL-05 ${what}: an error, no cookie, and nothing half-done that opens`, async (stage) => {
      const sessions = stage.sessions()
      const operations = ['create', 'replace', 'delete'] as const
      for (const operation of operations) {
        const token = what === 'create' ? null : await tokenWith(sessions, { name: 'Ada' })
        const exchange = exchangeWith(token === null ? {} : { cookie: `__Host-sid=${token}` })
        const session = await sessions.open(exchange)
        await work(session)
        stage.store.calls.length = 0
        // The tombstone of a move is tried once more, for the first try may have been on its way still.
        const isTombstone = operation === 'replace' && (what === 'move' || what === 'login')
        stage.store.faults.fail(operation, { times: isTombstone ? 2 : 1 })
        const result = await sessions.commit(session).catch((error: unknown) => error)
        stage.store.faults.clear()
        const reached = stage.store.calls.some((call) => call.operation === operation)
        if (reached) {
          expect(result).toMatchObject({ code: 'STORE_FAILED', status: 503 })
          expect(exchange.sent).toEqual([])
          // The end mark is what ends a session; only its removal failed.
          const ended = what === 'end' && operation === 'delete'
          if (token !== null) expect(await shown(sessions, token)).toEqual(ended ? null : { name: 'Ada' })
          // What was asked for is still due, and can be had once the store is back.
          const again = await sessions.commit(session)
          expect(again.outcome).toBe(
            { create: 'created', replace: 'saved', move: 'moved', login: 'moved', end: 'ended' }[what],
          )
          if (what === 'replace') expect(await shown(sessions, token)).toEqual({ name: 'Eve' })
          else if (token !== null) expect(await shown(sessions, token)).toBeNull()
        } else {
          expect(result).toMatchObject({ outcome: expect.any(String) })
        }
        for (const { id } of (await sessions.list()).sessions) await sessions.revoke(id)
      }
    })
  }

  itOn('two stores', 'REL-05 a failed extension of the deadline is an event, and spoils nothing', async (stage) => {
    const events: string[] = []
    const sessions = stage.sessions({ on: { 'store-error': ({ operation }) => events.push(operation) } })
    const token = await tokenWith(sessions, { name: 'Ada' })
    stage.clock.advance(5 * minute)
    stage.store.faults.fail('touch', { times: 1 })
    expect((await visit(sessions, token, (session) => session.get('name'))).outcome).toBe('nothing')
    expect(events).toEqual(['touch'])
    expect((await visit(sessions, token, (session) => session.get('name'))).outcome).toBe('touched')
  })

  it('REL-01 every call has its deadline: whichever hangs, the request ends', async () => {
    for (const operation of ['read', 'create', 'replace', 'touch', 'delete'] as const) {
      const clock = manualClock()
      const store = faultyStore(memoryStore({ clock }))
      const sessions = createSessions({ store, clock, storeTimeout: 30 })
      const token = await tokenWith(sessions, { name: 'Ada' })
      clock.advance(5 * minute)
      store.faults.hang(operation)
      const attempt = visit(sessions, token, (session) => {
        if (operation === 'create') session.regenerate()
        if (operation === 'replace') session.set('name', 'Eve')
        if (operation === 'delete') session.destroy()
      })
      if (operation === 'touch') expect((await attempt).outcome).toBe('nothing')
      else await expect(attempt).rejects.toMatchObject({ code: 'STORE_TIMEOUT', status: 503 })
    }
  })

  it('REL-01 of many requests that wait for one dead call none waits longer than the deadline', async () => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store, storeTimeout: 200 })
    const token = await tokenWith(sessions, { count: 0 })
    const opened = await Promise.all(Array.from({ length: 50 }, () => sessions.open(token)))
    store.faults.hang('replace')
    store.calls.length = 0
    const results = await Promise.allSettled(
      opened.map((session) => {
        session.increment('count')
        return sessions.commit(session)
      }),
    )
    for (const result of results) expect(result).toMatchObject({ reason: { code: 'STORE_TIMEOUT' } })
    // In turn they would have made fifty calls, each with a deadline of its own.
    expect(store.calls).toHaveLength(1)
    store.faults.clear()
    const after = opened.map((session) => sessions.commit(session))
    expect(new Set((await Promise.all(after)).map(({ outcome }) => outcome))).toEqual(new Set(['saved']))
    expect(await shown(sessions, token)).toEqual({ count: 50 })
  })

  const loops = process.env['COATCHECK_LONG'] === '1' ? 50 : 10
  it(`REL-06 ${20 * loops} sign-ins over two nodes and a store of changing pace: every page behind one is signed in`, async () => {
    const inner = memoryStore()
    const pace =
      <Args extends unknown[], Result>(call: (...args: Args) => Result | Promise<Result>) =>
      async (...args: Args): Promise<Result> => {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 5))
        const result = await call(...args)
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 5))
        return result
      }
    const store: Store = {
      name: 'slow',
      read: pace(inner.read),
      create: pace(inner.create),
      replace: pace(inner.replace),
      touch: pace(inner.touch),
      delete: pace(inner.delete),
    }
    const handle: Handler = (session, path) => {
      if (path === 'read') return session.userId ?? null
      session.set('from', path)
      session.login(path)
      return 'redirect'
    }
    const nodes = await Promise.all([1, 2].map(() => serve(createSessions({ store }), handle)))
    let wrong = 0
    const browse = async (user: string) => {
      const jar = new CookieJar()
      for (let loop = 0; loop < loops; loop++) {
        const [here, there] = loop % 2 === 0 ? nodes : [...nodes].reverse()
        if (here === undefined || there === undefined) throw new Error('two nodes are needed')
        const headers = () => ({ cookie: jar.header() ?? '' })
        const login = await here.request(`/${user}-${loop}`, { headers: headers() })
        jar.keep(login.cookies)
        const page = await there.request('/read', { headers: headers() })
        if (login.status !== 302 || page.body !== `"${user}-${loop}"`) wrong++
      }
    }
    await Promise.all(Array.from({ length: 20 }, (_, at) => browse(`user-${at}`)))
    expect(wrong).toBe(0)
  })

  itOn('two stores', 'REL-10 what a client that went away has caused is stored whole or not at all', async (stage) => {
    const sessions = stage.sessions()
    const token = await tokenWith(sessions, { first: 0, second: 0 })
    let [reached, returned] = [gate(), gate()]
    const handlers: Record<string, (session: Session, req: IncomingMessage, res: ServerResponse) => unknown> = {
      async finished(session, req, res) {
        session.set('first', 'finished')
        reached.open()
        await once(req.socket, 'close')
        session.set('second', 'finished')
        res.end()
      },
      async abandoned(session, req) {
        session.set('first', 'abandoned')
        reached.open()
        await once(req.socket, 'close')
        // It never answers.
      },
      saving(session, _, res) {
        session.set('first', 'saving')
        session.set('second', 'saving')
        reached.open()
        res.end()
      },
    }
    const server = stage.use(
      await serveHttp(
        nodeSession(
          sessions,
          async (req, res) => {
            await handlers[req.url?.slice(1) ?? '']?.(sessions.of(req), req, res)
            returned.open()
          },
          { onError: () => undefined },
        ),
      ),
    )
    for (const [path, expected] of [
      ['finished', 'finished'],
      ['abandoned', 'finished'],
      ['saving', 'saving'],
    ] as const) {
      reached = gate()
      returned = gate()
      const held = stage.store.faults.hold('replace', { times: 1 })
      const request = `GET /${path} HTTP/1.1\r\nhost: localhost\r\ncookie: __Host-sid=${token}\r\n\r\n`
      const { socket, ended } = openRaw(server.port, request)
      await reached.promise
      if (path === 'saving') await held.reached
      socket.destroy()
      await Promise.all([ended, returned.promise])
      await settle()
      if (path === 'finished') await held.reached
      held.release()
      stage.store.faults.clear()
      // Commits of one session pass one after another, so that this one comes after whatever was under way.
      await visit(sessions, token, (session) => session.increment('visits'))
      expect(await shown(sessions, token), path).toMatchObject({ first: expected, second: expected })
    }
  })
})

describe('overlapping requests', () => {
  itOn(
    'two stores',
    'REL-12 different keys both survive, the same key has one winner, and counters are exact',
    async (stage) => {
      const nodes = [stage.sessions(), stage.sessions()]
      const [sessions = stage.sessions()] = nodes
      const token = await tokenWith(sessions, { theme: 'none' })
      const opened = await Promise.all(
        Array.from({ length: 40 }, async (_, at) => {
          const node = nodes[at % 2] ?? sessions
          return { node, at, session: await node.open(token) }
        }),
      )
      await Promise.all(
        opened.map(({ node, at, session }) => {
          session.set(`own ${at}`, at)
          session.set('theme', { first: at, second: at })
          session.increment('count')
          session.push('list', at)
          return node.commit(session)
        }),
      )
      const data = (await shown(sessions, token)) as {
        theme: { first: number; second: number }
        count: number
        list: number[]
      }
      for (let at = 0; at < 40; at++) expect(data).toHaveProperty([`own ${at}`], at)
      expect(data.count).toBe(40)
      expect([...data.list].sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, at) => at))
      expect(data.theme).toEqual({ first: expect.any(Number), second: data.theme.first })
    },
  )

  it('REL-12 a session that never comes to rest is a conflict after a bounded number of tries, and the change stays due', async () => {
    const store = memoryStore()
    const conflicts: number[] = []
    let restless = true
    // Another process is faster each time.
    const raced: Store = {
      ...store,
      async replace(key, record, version, options) {
        const present = restless ? await store.read(key) : null
        if (present !== null) await store.replace(key, { ...present, version: present.version + 1 }, present.version)
        return store.replace(key, record, version, options)
      },
    }
    const calm = createSessions({ store })
    const token = await tokenWith(calm, { count: 0 })
    const sessions = createSessions({
      store: raced,
      // The shortest pauses between tries.
      random: () => new Uint8Array(1),
      on: { conflict: ({ attempts }) => conflicts.push(attempts) },
    })
    const session = await sessions.open(token)
    session.increment('count')
    const error = await errorOf(() => sessions.commit(session))
    expect(error).toMatchObject({ code: 'SESSION_CONFLICT', status: 409 })
    expect(conflicts).toEqual(Array.from({ length: 24 }, (_, at) => at + 1))
    expect(await shown(calm, token)).toEqual({ count: 0 })
    restless = false
    expect((await sessions.commit(session)).outcome).toBe('saved')
    expect(await shown(calm, token)).toEqual({ count: 1 })
  })

  itOn(
    'two stores',
    'REL-13 a request that only reads writes nothing back, and one that extends rewrites no data',
    async (stage) => {
      const sessions = stage.sessions({ idleTimeout: '30m' })
      const token = await tokenWith(sessions, { box: { items: ['hat'] }, name: 'Ada' })
      await visit(sessions, token, (session) => session.flash.set('note', 'for later'))
      const { record } = await stage.onlyRecord()
      const callsOf = async (work: (session: Session) => unknown) => {
        stage.store.calls.length = 0
        await visit(sessions, token, work)
        return stage.store.calls.map(({ operation }) => operation)
      }
      const reads: ((session: Session) => unknown)[] = [
        () => undefined,
        (session) => session.get('box'),
        (session) => [session.has('box'), session.keys(), session.entries(), session.toJSON(), session.id],
        (session) => session.flash.peek('note'),
        (session) => session.flash.now('here', 'only'),
        (session) => [session.delete('absent'), session.isChanged, session.isExpired()],
        (session) => session.touch(),
        (session) => session.save(),
      ]
      for (const read of reads) expect(await callsOf(read)).toEqual(['read'])
      expect((await stage.onlyRecord()).record).toEqual(record)
      stage.clock.advance(3 * minute)
      expect(await callsOf((session) => session.get('box'))).toEqual(['read', 'touch'])
      stage.clock.advance(1)
      expect(await callsOf((session) => session.touch())).toEqual(['read', 'touch'])
      expect((await stage.onlyRecord()).record).toEqual({ ...record, expiresAt: stage.clock() + 30 * minute })
    },
  )

  itOn(
    'two stores',
    'REL-14 an extension of a session that was ended meanwhile does not bring it back',
    async (stage) => {
      const sessions = stage.sessions()
      const other = stage.sessions()
      for (const first of ['touch', 'delete'] as const) {
        const token = await tokenWith(sessions, { name: 'Ada' })
        stage.clock.advance(5 * minute)
        const [reading, ending] = [await sessions.open(token), await other.open(token)]
        ending.destroy()
        const held = stage.store.faults.hold(first, { times: 1 })
        const commits = [sessions.commit(reading), other.commit(ending)]
        await held.reached
        await settle()
        held.release()
        await Promise.all(commits)
        stage.store.faults.clear()
        expect(await shown(sessions, token)).toBeNull()
        expect(await stage.records()).toEqual([])
      }
    },
  )

  itOn(
    'two stores',
    'REL-15 of a thousand reads in a day at most one per renewAfter extends, and the promise is kept',
    async (stage) => {
      const sessions = stage.sessions({ idleTimeout: '30m', absoluteTimeout: '48h', renewAfter: '5m' })
      const token = await tokenWith(sessions, { name: 'Ada' })
      stage.store.calls.length = 0
      const day = 24 * 60 * minute
      for (let read = 0; read < 1000; read++) {
        stage.clock.advance(day / 1000)
        const session = await sessions.open(token)
        const { expiresAt } = session
        await sessions.commit(session)
        expect(expiresAt - stage.clock()).toBeGreaterThan(30 * minute - 5 * minute - day / 1000)
      }
      const touches = stage.store.calls.filter(({ operation }) => operation === 'touch').length
      expect(touches).toBeLessThanOrEqual(day / (5 * minute))
      expect(touches).toBeGreaterThan(200)
    },
  )

  itOn('two stores', 'REL-17 fifty ends of one session all succeed, and are one event', async (stage) => {
    const destroyed: unknown[] = []
    const on = { destroyed: (event: unknown) => destroyed.push(event) }
    const nodes = [stage.sessions({ on }), stage.sessions({ on })]
    const [sessions = stage.sessions()] = nodes
    const token = await tokenWith(sessions, { name: 'Ada' })
    const opened = await openTimes(50, nodes, token)
    const { id } = opened[0]?.session ?? { id: '' }
    for (const { session } of opened) session.destroy()
    const done = await commitAll(opened)
    expect(new Set(done.map(({ outcome }) => outcome))).toEqual(new Set(['ended']))
    expect(destroyed).toHaveLength(1)
    expect(await stage.records()).toEqual([])
    // And once more, in the same request and by administration.
    for (const { node, session } of opened) {
      session.destroy()
      await node.commit(session)
    }
    expect([await sessions.revoke(id), destroyed.length]).toEqual([false, 1])
  })

  const rules: [SessionsOptions['commitOn'], { status?: number; error?: unknown }, boolean][] = [
    [undefined, {}, true],
    [undefined, { status: 200 }, true],
    [undefined, { status: 302 }, true],
    [undefined, { status: 404 }, true],
    [undefined, { status: 499 }, true],
    [undefined, { status: 500 }, false],
    [undefined, { status: 503 }, false],
    [undefined, { error: new Error('x') }, false],
    [undefined, { status: 200, error: new Error('x') }, false],
    [undefined, { error: null }, false],
    [undefined, { error: 'text' }, false],
    [undefined, { error: Object.assign(new Error('x'), { status: 404 }) }, true],
    [undefined, { error: Object.assign(new Error('x'), { statusCode: 422 }) }, true],
    [undefined, { error: Object.assign(new Error('x'), { status: 502, statusCode: 200 }) }, false],
    [undefined, { error: { status: '404' } }, false],
    ['success', { status: 500 }, false],
    ['always', { status: 500 }, true],
    ['always', { error: new Error('x') }, true],
    [({ status }) => status === 418, { status: 418 }, true],
    [({ status }) => status === 418, { status: 200 }, false],
  ]
  it.each(rules)('REL-18 commitOn %s, %j: stored %s', async (commitOn, response, stored) => {
    const store = memoryStore()
    const sessions = createSessions(commitOn === undefined ? { store } : { store, commitOn })
    const token = await tokenWith(createSessions({ store }), { name: 'Ada' })
    const exchange = exchangeWith({ cookie: `__Host-sid=${token}` })
    const session = await sessions.open(exchange)
    session.set('name', 'Bob')
    session.regenerate()
    const { token: issued } = await sessions.commit(session, response)
    expect(issued !== null).toBe(stored)
    expect(exchange.sent.some(([name]) => name === 'set-cookie')).toBe(stored)
    expect(await shown(sessions, stored ? issued : token)).toEqual({ name: stored ? 'Bob' : 'Ada' })
    // The end of a session is stored whatever happens.
    const last = await sessions.open(issued ?? token)
    last.destroy()
    expect((await sessions.commit(last, response)).outcome).toBe('ended')
  })

  it('REL-18 commitOn is one of its forms', () => {
    for (const commitOn of ['never', true, 500]) {
      expect(() => createSessions({ commitOn: commitOn as never })).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      )
    }
  })

  it('REL-19 commits and saves of one request that overlap are made one after the other, and create one record', async () => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store })
    store.faults.delay('*', 1)
    const exchange = exchangeWith()
    const session = await sessions.open(exchange)
    session.increment('count')
    const works = [session.save(), session.save(), session.flash.take('none')]
    session.increment('count')
    await Promise.all([...works, session.save(), sessions.commit(session), sessions.commit(session)])
    expect(store.calls.filter(({ operation }) => operation === 'create')).toHaveLength(1)
    expect(cookiesOf(exchange)).toHaveLength(1)
    const token = partsOf(cookiesOf(exchange)[0] ?? '').value
    expect(await shown(sessions, token)).toEqual({ count: 2 })
  })

  it('REL-19 a commit that fails is told to the one who asked for it; the next begins afresh', async () => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store })
    const session = await sessions.open(null)
    session.set('name', 'Ada')
    store.faults.fail('create', { times: 1 })
    const [first, second] = await Promise.allSettled([session.save(), sessions.commit(session)])
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'STORE_FAILED' } })
    expect(second).toMatchObject({ status: 'fulfilled', value: { outcome: 'created' } })
  })

  it('REL-20 what needs a cookie after the header is refused; changes to what is stored are not', async () => {
    const sessions = createSessions()
    const token = await tokenWith(sessions, { name: 'Ada' })
    for (const cookie of ['', `__Host-sid=${token}`]) {
      const exchange = exchangeWith({ cookie })
      const session = await sessions.open(exchange)
      exchange.headersSent = true
      for (const needy of [() => session.regenerate(), () => session.login('ada')]) {
        expect(needy).toThrow(expect.objectContaining({ code: 'HEADERS_SENT', status: 500 }))
      }
      if (cookie === '') {
        for (const first of [
          () => session.set('a', 1),
          () => session.flash.set('a', 1),
          () => session.increment('n'),
        ]) {
          expect(first).toThrow(expect.objectContaining({ code: 'HEADERS_SENT' }))
        }
      } else {
        session.set('name', 'Bob')
        await session.save()
      }
      await sessions.commit(session)
      expect(exchange.sent).toEqual([])
    }
    expect(await shown(sessions, token)).toEqual({ name: 'Bob' })
  })

  it('REL-20 a response that begins while the session is stored waits for it', async () => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store })
    const answered = gate()
    const server = await serve(sessions, async (session) => {
      session.set('name', 'Ada')
      answered.open()
      return 'done'
    })
    const held = store.faults.hold('create')
    let arrived = false
    const request = server.request('/').then((answer) => {
      arrived = true
      return answer
    })
    await Promise.all([answered.promise, held.reached])
    await settle()
    expect(arrived).toBe(false)
    held.release()
    const { status, cookies } = await request
    expect([status, cookies.length]).toEqual([200, 1])
    expect(await shown(sessions, partsOf(cookies[0] ?? '').value)).toEqual({ name: 'Ada' })
  })
})

describe('a token that was issued', () => {
  it('REL-05 leads to the session at once, on every node', async () => {
    const store = memoryStore()
    const [one, two] = [createSessions({ store }), createSessions({ store })]
    for (let round = 0; round < 100; round++) {
      const session = await one.open(null)
      session.set('round', round)
      const token = await tokenAfter(one, session)
      expect(await shown(two, token)).toEqual({ round })
    }
  })
})
