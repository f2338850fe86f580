import { CookieJar } from 'tough-cookie'
import { afterEach, describe, expect, it } from 'vitest'
import { webSession } from '../../src/adapters/web.ts'
import { createSessions, type SessionEvents, type SessionsOptions } from '../../src/index.ts'
import { faultyStore, memoryStore } from '../../src/testing/index.ts'
import { exchangeWith } from '../fixtures/exchange.ts'
import { headerValues, type RawAnswer, type RawSite, rawSite } from '../fixtures/raw-server.ts'
import { itOn } from '../fixtures/store-tests.ts'
import { shown, tokenWith, visit } from '../fixtures/visits.ts'
import { hostileCookies } from './hostile-cookies.ts'

const name = '__Host-sid'
const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of closing.splice(0)) await each.close()
})

/** Sessions on a store whose calls are recorded, and a server that shows or writes them. */
async function stage(options: SessionsOptions = {}) {
  const store = faultyStore(memoryStore())
  const sessions = createSessions({ ...options, store })
  const site: RawSite = await rawSite(sessions, (session, req) => {
    if (req.url === '/write') session.set('written', true)
    if (req.url === '/destroy') session.destroy()
    return session.toJSON().data
  })
  closing.push(site)
  const ask = (cookie: string | Buffer, path?: string) =>
    site.send([Buffer.concat([Buffer.from('Cookie: '), Buffer.from(cookie as string, 'latin1')])], path)
  return { store, sessions, site, ask }
}

const anonymous = { status: 200, body: '{}', cookies: [] }

function seen(answer: RawAnswer) {
  return { status: answer.status, body: answer.body, cookies: headerValues(answer, 'set-cookie') }
}

describe('hostile Cookie headers', () => {
  it('SEC-06 SEC-28 SEC-30 each makes an anonymous visitor: 200, no store call, no Set-Cookie', async () => {
    const { store, sessions, ask } = await stage()
    const token = await tokenWith(sessions, { name: 'Ada' })
    expect(seen(await ask(`${name}=${token}`))).toEqual({ ...anonymous, body: '{"name":"Ada"}' })
    const rows = hostileCookies(token)
    expect(rows.length).toBeGreaterThan(100)
    for (const { what, value, refusedByNode } of rows) {
      store.calls.length = 0
      const answer = await ask(value)
      if (refusedByNode) expect(answer.status, what).toBe(400)
      else expect(seen(answer), what).toEqual(anonymous)
      expect(store.calls, what).toEqual([])
    }
    expect(seen(await ask(`${name}=${token}`))).toEqual({ ...anonymous, body: '{"name":"Ada"}' })
  })

  it('SEC-06 SEC-28 the engine itself does not rely on a server that refuses control characters', async () => {
    const { store, sessions } = await stage()
    const token = await tokenWith(sessions, { name: 'Ada' })
    for (const { what, value } of hostileCookies(token)) {
      store.calls.length = 0
      const exchange = exchangeWith({ cookie: value.toString('latin1') })
      const session = await sessions.open(exchange)
      expect([session.isNew, session.keys()], what).toEqual([true, []])
      expect(await sessions.commit(session), what).toMatchObject({ outcome: 'nothing', token: null })
      expect([store.calls, exchange.sent.map(([each]) => each)], what).toEqual([[], ['vary']])
    }
  })

  it('SEC-06 SEC-28 nor does it matter to a Fetch handler', async () => {
    const { store, sessions } = await stage()
    const token = await tokenWith(sessions, { name: 'Ada' })
    const handle = webSession(sessions, (request) => Response.json(sessions.of(request).toJSON().data))
    let tried = 0
    for (const { what, value, refusedByNode } of hostileCookies(token)) {
      if (refusedByNode) continue
      store.calls.length = 0
      const response = await handle(
        new Request('https://example.org/', { headers: { cookie: value.toString('latin1') } }),
      )
      const answer = { status: response.status, body: await response.text(), cookies: response.headers.getSetCookie() }
      expect(answer, what).toEqual(anonymous)
      expect(store.calls, what).toEqual([])
      tried++
    }
    expect(tried).toBeGreaterThan(90)
  })

  it('SEC-28 whoever sends one can still begin a session, of which nothing is what was sent', async () => {
    const { sessions, ask } = await stage()
    const token = await tokenWith(sessions, { name: 'Ada' })
    const issued = new Set<string>()
    const rows = hostileCookies(token).filter(({ refusedByNode, value }) => !refusedByNode && value.length < 5000)
    for (const { what, value } of rows) {
      const { status, body, cookies } = seen(await ask(value, '/write'))
      expect([status, body, cookies.length], what).toEqual([200, '{"written":true}', 1])
      expect(cookies[0], what).toMatch(/^__Host-sid=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax$/)
      issued.add(cookies[0]?.slice(name.length + 1, name.length + 44) ?? '')
    }
    expect(issued.size).toBe(rows.length)
    expect(issued).not.toContain(token)
  })

  it.each([
    ['blanks around', (token: string) => ` \t${name} = ${token}\t `],
    ['other cookies around', (token: string) => `a=1; ${name}=${token}; b=2`],
    ['no space between', (token: string) => `a=1;${name}=${token};b=2`],
    ['RFC 2965 attributes around', (token: string) => `$Version=1; ${name}=${token}; $Path=/`],
    ['a quote that never closes before', (token: string) => `a="; ${name}=${token}; b="`],
    ['a malformed one before', (token: string) => `${name}=x; ${name}=${token}`],
    ['a malformed one behind', (token: string) => `${name}=${token}; ${name}="`],
    ['the same twice', (token: string) => `${name}=${token}; ${name}=${token}`],
  ])('SEC-26 a session is found with %s', async (_, header) => {
    const { sessions, ask } = await stage()
    const token = await tokenWith(sessions, { name: 'Ada' })
    expect(seen(await ask(header(token)))).toEqual({ ...anonymous, body: '{"name":"Ada"}' })
  })

  it('SEC-31 what somebody put on Object.prototype is no cookie', async () => {
    const { sessions, site } = await stage()
    const token = await tokenWith(sessions, { name: 'Ada' })
    const polluted = Object.prototype as unknown as Record<string, unknown>
    try {
      polluted['cookie'] = `${name}=${token}`
      polluted['x-forwarded-proto'] = 'https'
      expect(seen(await site.send([]))).toEqual(anonymous)
      expect(seen(await site.send(['__proto__: x', 'constructor: y', 'hasOwnProperty: z']))).toEqual(anonymous)
    } finally {
      delete polluted['cookie']
      delete polluted['x-forwarded-proto']
    }
  })
})

describe('several session cookies', () => {
  async function two() {
    const conflicts: SessionEvents['token-conflict'][] = []
    const setup = await stage({ on: { 'token-conflict': (event) => conflicts.push(event) } })
    const ada = await tokenWith(setup.sessions, { name: 'Ada' })
    const bob = await tokenWith(setup.sessions, { name: 'Bob' })
    const of = (...tokens: string[]) => tokens.map((token) => `${name}=${token}`).join('; ')
    return { ...setup, ada, bob, of, conflicts, unknown: 'A'.repeat(43) }
  }

  it('SEC-27 the only live one counts, whatever the order', async () => {
    const { ask, ada, unknown, of, conflicts, sessions } = await two()
    const ended = await tokenWith(sessions, { name: 'Eve' })
    await visit(sessions, ended, (session) => session.destroy())
    const retired = ada
    const { token: current = null } = await visit(sessions, ada, (session) => session.regenerate())
    const live = String(current)
    for (const order of [
      [live, unknown],
      [unknown, live],
      [ended, live, unknown],
      [retired, live],
      [live, retired],
      [unknown, 'x', live, live],
    ]) {
      expect(seen(await ask(of(...order)))).toEqual({ ...anonymous, body: '{"name":"Ada"}' })
    }
    expect(conflicts).toEqual([])
  })

  it('SEC-27 two live ones make an anonymous visitor and an event, whatever the order', async () => {
    const { ask, ada, bob, of, conflicts, sessions, unknown } = await two()
    for (const order of [
      [ada, bob],
      [bob, ada],
      [unknown, ada, bob, ada],
    ]) {
      expect(seen(await ask(of(...order)))).toEqual(anonymous)
    }
    expect(conflicts.map(({ candidates }) => candidates)).toEqual([2, 2, 2])
    expect(JSON.stringify(conflicts)).not.toContain(ada)
    expect([await shown(sessions, ada), await shown(sessions, bob)]).toEqual([{ name: 'Ada' }, { name: 'Bob' }])
  })

  it('SEC-27 what is written then belongs to a third session', async () => {
    const { ask, ada, bob, of, sessions } = await two()
    const { cookies, body } = seen(await ask(of(ada, bob), '/write'))
    expect([body, cookies.length]).toEqual(['{"written":true}', 1])
    expect([await shown(sessions, ada), await shown(sessions, bob)]).toEqual([{ name: 'Ada' }, { name: 'Bob' }])
  })

  it('SEC-27 SEC-30 at most eight are looked up, duplicates once', async () => {
    const { ask, store, of, ada, bob } = await two()
    const strangers = Array.from({ length: 20 }, (_, at) => String.fromCharCode(65 + at).repeat(43))
    store.calls.length = 0
    expect(seen(await ask(of(...strangers)))).toEqual(anonymous)
    expect(store.calls).toHaveLength(8)
    store.calls.length = 0
    await ask(of(...Array.from({ length: 50 }, () => [ada, bob]).flat()))
    expect(store.calls.map(({ operation }) => operation)).toEqual(['read', 'read'])
  })

  it('SEC-30 with several secrets each candidate is looked up once for each, and no more', async () => {
    const store = faultyStore(memoryStore())
    const secrets = [1, 2, 3].map((each) => `${each} Zm9yIHRlc3RzIG9ubHk6IDMyIHJhbmRvbSBieXRlcw`)
    const sessions = createSessions({ store, secret: secrets })
    const cookie = Array.from({ length: 20 }, (_, at) => `${name}=${String.fromCharCode(65 + at).repeat(43)}`).join(
      '; ',
    )
    expect((await sessions.open(exchangeWith({ cookie }))).isNew).toBe(true)
    expect(store.calls).toHaveLength(24)
  })
})

describe('an invalid cookie', () => {
  itOn('two stores', 'SEC-29 is reported and not cleared by a read, so that a newer one survives', async (stage) => {
    const reasons: string[] = []
    const sessions = stage.sessions({ on: { invalid: ({ reason }) => reasons.push(reason) } })
    const site = await stage.site(sessions, {
      '/begin': (session) => session.set('name', 'Ada'),
      '/login': (session) => session.login('ada'),
      '/read': (session) => session.userId ?? null,
      '/page': (session) => session.get('name') ?? null,
    })
    const jar = new CookieJar(undefined, { rejectPublicSuffixes: false })
    const origin = 'https://app.example.org/'
    const keep = (cookies: readonly string[]) => Promise.all(cookies.map((each) => jar.setCookie(each, origin)))
    const send = async (path: string, cookie: string) => site.request(path, { headers: { cookie } })

    await keep((await send('/begin', '')).cookies)
    const old = await jar.getCookieString(origin)
    // Both leave the browser with the old cookie; the answer to the read is the last to arrive.
    const login = await send('/login', old)
    stage.clock.advance(20_000)
    const late = await send('/read', old)
    const lateRead = await send('/page', old)
    await keep(login.cookies)
    await keep(late.cookies)
    await keep(lateRead.cookies)
    const held = await jar.getCookieString(origin)
    expect(held).not.toBe(old)
    expect((await send('/read', held)).body).toBe('"ada"')
    expect([late.cookies, lateRead.cookies, reasons]).toEqual([[], [], ['unknown', 'unknown']])
  })

  it('SEC-29 is replaced when a session is created, and cleared by destroy()', async () => {
    const { ask } = await stage()
    const unknown = `${name}=${'A'.repeat(43)}`
    for (const cookie of [unknown, `${name}=x`]) {
      expect(seen(await ask(cookie)).cookies).toEqual([])
      expect(seen(await ask(cookie, '/write')).cookies).toEqual([expect.stringMatching(/^__Host-sid=[\w-]{43};/)])
      expect(seen(await ask(cookie, '/destroy')).cookies).toEqual([
        '__Host-sid=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; Secure; HttpOnly; SameSite=Lax',
      ])
    }
    expect(seen(await ask('', '/destroy')).cookies).toEqual([])
  })

  it('SEC-29 every presented token that is not accepted is reported with its reason', async () => {
    const reasons: string[] = []
    const { ask, sessions } = await stage({ on: { invalid: ({ reason }) => reasons.push(reason) } })
    const token = await tokenWith(sessions, { name: 'Ada' })
    await visit(sessions, token, (session) => session.regenerate())
    await ask(`${name}=x`)
    await ask(`${name}=${'A'.repeat(43)}`)
    await ask(`${name}=${token}`)
    await ask('other=1')
    await ask('')
    expect(reasons).toEqual(['malformed', 'unknown', 'retired'])
  })
})
