import { afterEach, describe, expect, it } from 'vitest'
import { createSessions, type SessionsOptions } from '../../src/index.ts'
import { faultyStore, manualClock, memoryStore } from '../../src/testing/index.ts'
import { cookieTransport, firstOf, headerTransport } from '../../src/transports/index.ts'
import { partsOf } from '../fixtures/cookie-jar.ts'
import { exchangeWith } from '../fixtures/exchange.ts'
import { headerValues, rawSite } from '../fixtures/raw-server.ts'
import { itOn } from '../fixtures/store-tests.ts'
import { shown, tokenWith } from '../fixtures/visits.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of closing.splice(0)) await each.close()
})

/** A server whose path says what is done: `/write`, `/read`, `/nothing` and so on, several joined by dots. */
async function stage(options: SessionsOptions = {}) {
  const store = faultyStore(memoryStore(options.clock === undefined ? {} : { clock: options.clock }))
  const sessions = createSessions({ ...options, store })
  const site = await rawSite(sessions, async (session, req, res) => {
    for (const step of (req.url ?? '').split('?')[0]?.slice(1).split('.') ?? []) {
      if (step === 'write') session.increment('count')
      if (step === 'read') session.get('count')
      if (step === 'regenerate') session.regenerate()
      if (step === 'login') session.login('ada')
      if (step === 'destroy') session.destroy()
      if (step === 'save') await session.save()
      if (step === 'public') res.setHeader('cache-control', 'public, max-age=3600')
      if (step === 'private') res.setHeader('cache-control', 'private, max-age=5')
      if (step === 'own') res.setHeader('set-cookie', ['theme=dark; Path=/', '__Host-other=1'])
      if (step === 'vary') res.setHeader('vary', 'Accept, Origin')
    }
    return 'done'
  })
  closing.push(site)
  const ask = async (path: string, ...lines: string[]) => {
    const answer = await site.send(lines, path)
    const [setCookie, cacheControl, vary] = ['set-cookie', 'cache-control', 'vary'].map((each) =>
      headerValues(answer, each),
    )
    return { answer, status: answer.status, setCookie: setCookie ?? [], cacheControl, vary }
  }
  return { store, sessions, ask }
}

describe('configuration', () => {
  it.each<[string, SessionsOptions, RegExp]>([
    ['__Host- with a domain', { cookie: { name: '__Host-a', domain: 'example.org' } }, /__Host-a/],
    ['__HOST- with a path', { cookie: { name: '__HOST-a', path: '/x' } }, /__HOST-a/],
    ['__secure- without Secure', { cookie: { name: '__secure-a', secure: false } }, /__secure-a/],
    ["__Secure- with 'auto'", { cookie: { name: '__Secure-a', secure: 'auto' } }, /__Secure-a/],
    ['__Http- without HttpOnly', { cookie: { name: '__Http-a', httpOnly: false } }, /__Http-a/],
    ['__Host-Http- without HttpOnly', { cookie: { name: '__Host-Http-a', httpOnly: false } }, /__Host-Http-a/],
    ['SameSite=None without Secure', { cookie: { sameSite: 'none', secure: 'auto' } }, /sameSite/],
    ['Partitioned without Secure', { cookie: { partitioned: true, secure: false } }, /partitioned/],
    ['maxAge beyond absoluteTimeout', { cookie: { maxAge: '13h' } }, /absoluteTimeout/],
    ['no way for the token', { cookie: false }, /transport/],
  ])('SEC-13 SEC-14 SEC-25 %s: refused at construction', (_, options, sentence) => {
    expect(() => createSessions(options)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    expect(() => createSessions(options)).toThrow(sentence)
  })

  it('SEC-12 no other option touches the cookie, and cookie options leave each other alone', async () => {
    const plain = '; Path=/; Secure; HttpOnly; SameSite=Lax'
    const rows: [SessionsOptions, string][] = [
      [{}, plain],
      [{ trustProxy: 2 }, plain],
      [{ trustProxy: true, idleTimeout: 1000, absoluteTimeout: 2000, rotateEvery: 500 }, plain],
      [{ secret: 'Zm9yIHRlc3RzIG9ubHk6IDMyIHJhbmRvbSBieXRlcw', onStoreError: 'anonymous', commitOn: 'always' }, plain],
      [{ cookie: {} }, plain],
      [{ cookie: { secure: true } }, plain],
      [{ cookie: { httpOnly: undefined, secure: undefined, sameSite: undefined, path: undefined } }, plain],
      [{ cookie: { sameSite: 'strict' } }, '; Path=/; Secure; HttpOnly; SameSite=Strict'],
      [{ cookie: { priority: 'high' } }, '; Path=/; Secure; HttpOnly; SameSite=Lax; Priority=High'],
      [{ cookie: { partitioned: true } }, '; Path=/; Secure; HttpOnly; SameSite=Lax; Partitioned'],
      [{ cookie: { path: '/a' } }, '; Path=/a; Secure; HttpOnly; SameSite=Lax'],
    ]
    for (const [options, attributes] of rows) {
      const { ask } = await stage(options)
      const { setCookie } = await ask('/write')
      expect(setCookie.map((each) => each.slice(each.indexOf(';')))).toEqual([attributes])
    }
  })
})

describe('what the request cannot change', () => {
  it('SEC-17 SEC-20 neither Host nor a forwarded host becomes a Domain or another path', async () => {
    const { ask } = await stage({ trustProxy: 1 })
    const { setCookie } = await ask(
      '/write',
      'X-Forwarded-Host: evil.example',
      'Forwarded: host=evil.example;proto=https',
      'X-Forwarded-Prefix: /evil',
      'X-Original-URL: /evil',
    )
    expect(setCookie).toEqual([
      expect.stringMatching(/^__Host-sid=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax$/),
    ])
  })

  it('SEC-19 over plain http Secure stays, and it is reported, except to the machine itself', async () => {
    for (const [host, reported] of [
      ['example.org', 1],
      ['192.168.0.7:8080', 1],
      ['localhost.example.org', 1],
      ['127.0.0.1.example.org', 1],
      ['localhost', 0],
      ['LOCALHOST:3000', 0],
      ['127.0.0.1:3000', 0],
      ['127.1.2.3', 0],
      ['[::1]:3000', 0],
    ] as const) {
      const events: unknown[] = []
      const sessions = createSessions({ on: { 'insecure-transport': (event) => events.push(event) } })
      const exchange = exchangeWith({ headers: { host }, secure: false })
      const session = await sessions.open(exchange)
      session.set('name', 'Ada')
      await sessions.commit(session)
      expect(exchange.sent.find(([each]) => each === 'set-cookie')?.[1]).toMatch(/; Secure/)
      expect(events, host).toHaveLength(reported)
    }
  })

  it('SEC-20 X-Forwarded-Proto counts only as far as proxies are trusted, from the right', async () => {
    const rows: [SessionsOptions['trustProxy'], string | null, boolean][] = [
      [undefined, 'https', false],
      [false, 'https', false],
      [0, 'https', false],
      [true, null, false],
      [true, '', false],
      [true, 'http', false],
      [true, 'https', true],
      [true, 'HTTPS', true],
      [true, 'https, http', false],
      [1, 'http, https', true],
      [1, 'http,https', true],
      [2, 'https', false],
      [2, 'https, http', true],
      [2, 'https, http, http', false],
      [2, 'http, https, http', true],
      [3, 'https, http', false],
      [1, 'httpsx', false],
      [1, 'https;', false],
      [1, '"https"', false],
    ]
    for (const [trustProxy, header, secure] of rows) {
      const { ask } = await stage({ cookie: { secure: 'auto' }, ...(trustProxy === undefined ? {} : { trustProxy }) })
      const lines = header === null ? [] : [`X-Forwarded-Proto: ${header}`]
      const { setCookie } = await ask('/write', ...lines, 'X-Forwarded-Ssl: on', 'Front-End-Https: on')
      expect(
        setCookie.map((each) => each.includes('; Secure')),
        `${trustProxy} ${header}`,
      ).toEqual([secure])
    }
    for (const trustProxy of [-1, 1.5, Number.NaN, 'loopback' as never]) {
      expect(() => createSessions({ trustProxy })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    }
  })

  it('SEC-21 the path of the cookie decides in the browser only: no path is skipped or covered by mistake', async () => {
    const { sessions, ask } = await stage({ cookie: { path: '/admin' } })
    const token = await tokenWith(sessions, { count: 1 })
    const paths = ['/admin', '/admin/', '/administrator', '//admin', '/admin%2f..', '/ADMIN', '/', '/admin?a=/admin']
    for (const path of paths) {
      const { status } = await ask(path, `Cookie: __Secure-sid=${token}`)
      expect(status).toBe(200)
    }
    expect((await ask('/write', `Cookie: __Secure-sid=${token}`)).setCookie).toEqual([])
    expect(await shown(sessions, token)).toEqual({ count: 2 })
    expect((await ask('/write')).setCookie).toEqual([expect.stringMatching(/; Path=\/admin; /)])
  })
})

describe('what a response carries', () => {
  it('SEC-22 one Set-Cookie for the session, whatever was done and however often, beside those of the application', async () => {
    const { sessions, ask } = await stage()
    for (const path of [
      '/write',
      '/write.save',
      '/write.save.write.save.write',
      '/write.save.regenerate',
      '/write.save.regenerate.save.regenerate',
      '/write.save.login.save',
      '/login.save.destroy.write',
      '/write.save.destroy.write.save.login',
    ]) {
      for (const token of [null, await tokenWith(sessions, { count: 1 })]) {
        const cookie = token === null ? [] : [`Cookie: __Host-sid=${token}`]
        const { setCookie } = await ask(`/own${path.replace('/', '.')}`, ...cookie)
        const [first, second, ...own] = setCookie
        expect([first, second]).toEqual(['theme=dark; Path=/', '__Host-other=1'])
        const unmoved = token !== null && !/regenerate|login|destroy/.test(path)
        expect(
          own.map((each) => each.split('=')[0]),
          path,
        ).toEqual(unmoved ? [] : ['__Host-sid'])
        if (own[0] === undefined) continue
        expect(await shown(sessions, partsOf(own[0]).value), `${path}: the cookie leads to the session`).not.toBeNull()
      }
    }
  })

  it('SEC-22 a destroyed session leaves one Set-Cookie that removes it', async () => {
    const { sessions, ask } = await stage()
    for (const path of ['/destroy', '/destroy.destroy', '/write.save.destroy', '/regenerate.save.destroy.save']) {
      const { setCookie } = await ask(path, `Cookie: __Host-sid=${await tokenWith(sessions, { count: 1 })}`)
      expect(setCookie, path).toEqual([expect.stringMatching(/^__Host-sid=; Max-Age=0; /)])
    }
  })

  it('SEC-23 whatever depends on the session says so to caches, and what sets its cookie is not stored', async () => {
    const clock = manualClock()
    const { sessions, ask } = await stage({ clock, rotateEvery: '1h', idleTimeout: '2h' })
    const cookie = `Cookie: __Host-sid=${await tokenWith(sessions, { count: 1 })}`
    const told = async (path: string, ...lines: string[]) => {
      const { cacheControl, vary, setCookie } = await ask(path, ...lines)
      return { cacheControl, vary, cookies: setCookie.length }
    }
    expect(await told('/nothing')).toEqual({ cacheControl: [], vary: [], cookies: 0 })
    expect(await told('/nothing', cookie)).toEqual({ cacheControl: [], vary: [], cookies: 0 })
    expect(await told('/read')).toEqual({ cacheControl: [], vary: ['Cookie'], cookies: 0 })
    expect(await told('/read', cookie)).toEqual({ cacheControl: [], vary: ['Cookie'], cookies: 0 })
    expect(await told('/public.read', cookie)).toEqual({
      cacheControl: ['public, max-age=3600'],
      vary: ['Cookie'],
      cookies: 0,
    })
    expect(await told('/write')).toEqual({ cacheControl: ['no-store'], vary: ['Cookie'], cookies: 1 })
    expect(await told('/public.write')).toEqual({ cacheControl: ['no-store'], vary: ['Cookie'], cookies: 1 })
    expect(await told('/private.vary.write')).toEqual({
      cacheControl: ['private, max-age=5'],
      vary: ['Accept, Origin, Cookie'],
      cookies: 1,
    })
    const ended = `Cookie: __Host-sid=${await tokenWith(sessions, { count: 1 })}`
    expect(await told('/public.destroy', ended)).toEqual({ cacheControl: ['no-store'], vary: ['Cookie'], cookies: 1 })
    // A handler that never looked at the session, and a token that is due for rotation.
    clock.advance(3_600_000)
    expect(await told('/public', cookie)).toEqual({ cacheControl: ['no-store'], vary: ['Cookie'], cookies: 1 })
  })

  it.each(['id', 'isNew', 'expiresAt', 'lastSeenAt', 'createdAt', 'userId', 'authenticatedAt', 'device'] as const)(
    'SEC-23 a response that shows %s depends on the session',
    async (fact) => {
      const sessions = createSessions()
      const exchange = exchangeWith()
      const session = await sessions.open(exchange)
      Reflect.get(session, fact)
      await sessions.commit(session)
      expect(exchange.sent).toEqual([['vary', 'Cookie']])
    },
  )

  it('SEC-23 a response that shows whether the session has expired, or its JSON, depends on it', async () => {
    const sessions = createSessions()
    for (const look of ['isExpired', 'toJSON', 'keys', 'entries'] as const) {
      const exchange = exchangeWith()
      const session = await sessions.open(exchange)
      session[look]()
      await sessions.commit(session)
      expect(exchange.sent, look).toEqual([['vary', 'Cookie']])
    }
  })
})

describe('where a token may come from', () => {
  it('SEC-24 by default from the cookie alone: not from the URL, a body, or another header', async () => {
    const { sessions, ask, store } = await stage()
    const token = await tokenWith(sessions, { count: 1 })
    store.calls.length = 0
    for (const [path, ...lines] of [
      [`/read?sid=${token}&__Host-sid=${token}&token=${token}&session=${token}`],
      [`/read;sid=${token};jsessionid=${token}`],
      [`/read#${token}`],
      ['/read', `X-Session-Id: ${token}`, `X-Session-Token: ${token}`, `X-Auth-Token: ${token}`],
      ['/read', `Authorization: Bearer ${token}`],
      ['/read', `Authorization: Basic ${Buffer.from(`sid:${token}`).toString('base64')}`],
      ['/read', `Cookie2: __Host-sid=${token}`, `Set-Cookie: __Host-sid=${token}`, `__Host-sid: ${token}`],
      ['/read', `Sec-WebSocket-Protocol: ${token}`, `Referer: https://example.org/?sid=${token}`],
      ['/read', 'Content-Type: application/x-www-form-urlencoded', 'Content-Length: 47', '', `sid=${token}`],
    ] as const) {
      expect(await ask(path, ...lines)).toMatchObject({ status: 200, setCookie: [] })
      expect(store.calls, path).toEqual([])
    }
    expect((await ask('/read', `Cookie: __Host-sid=${token}`)).status).toBe(200)
    expect(store.calls).toHaveLength(1)
  })

  it('SEC-24 the answer carries the token in the cookie alone', async () => {
    const { ask } = await stage()
    const { answer, setCookie } = await ask('/write')
    const token = partsOf(setCookie[0] ?? '').value
    expect(token).toMatch(/^[\w-]{43}$/)
    const others = answer.headers.filter(([name]) => name !== 'set-cookie')
    expect(JSON.stringify([others, answer.body])).not.toContain(token)
  })

  it('SEC-24 a header counts where it is configured, and then a cookie does not', async () => {
    const { sessions, ask, store } = await stage({ transport: headerTransport() })
    const token = await tokenWith(sessions, { count: 1 })
    store.calls.length = 0
    await ask('/read', `Cookie: __Host-sid=${token}`, `X-Session-Id: ${token}`)
    expect(store.calls).toEqual([])
    await ask('/read', `X-Session-Token: ${token}`)
    expect(store.calls).toHaveLength(1)
    const both = await stage({ transport: firstOf(cookieTransport(), headerTransport()) })
    const known = await tokenWith(both.sessions, { count: 1 })
    expect((await both.ask('/read', `X-Session-Token: ${known}`)).vary).toEqual(['Cookie, x-session-token'])
  })

  itOn(
    'two stores',
    'SEC-25 a cookie that is sent beyond its Max-Age is nothing: the server does not rely on it',
    async (stage) => {
      const sessions = stage.sessions({ idleTimeout: '20m', absoluteTimeout: '1h', cookie: { maxAge: '1h' } })
      const site = await stage.site(sessions, {
        '/write': (session) => session.increment('count'),
        '/read': (session) => session.get('count') ?? 0,
      })
      const visitor = site.visitor()
      const { cookies } = await visitor.get('/write')
      expect(cookies).toEqual([expect.stringContaining('; Max-Age=3600; ')])
      stage.clock.advance(20 * 60_000 - 1)
      expect((await visitor.get('/write')).value).toBe(2)
      stage.clock.advance(20 * 60_000)
      expect((await visitor.get('/read')).value).toBe(0)
    },
  )
})
