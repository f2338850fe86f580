import { describe, expect, it } from 'vitest'
import { webSession } from '../../src/adapters/web.ts'
import { createSessions, type Session, type SessionEvents } from '../../src/index.ts'
import { faultyStore, manualClock, memoryStore } from '../../src/testing/index.ts'
import { exchangeWith } from '../fixtures/exchange.ts'
import { itOn } from '../fixtures/store-tests.ts'
import { errorOf, shown, tokenAfter, tokenWith, visit } from '../fixtures/visits.ts'

const minute = 60_000

describe('visitors who leave nothing', () => {
  itOn(
    'two stores',
    'SEC-51 ten thousand anonymous reads leave no record, no cookie and no store call',
    async (stage) => {
      const created: unknown[] = []
      const sessions = stage.sessions({ on: { created: (event) => created.push(event) } })
      const handle = webSession(sessions, (request) => {
        const session = sessions.of(request)
        const facts = [
          session.get('cart'),
          session.has('cart'),
          session.userId,
          session.isNew,
          session.id,
          session.keys(),
        ]
        return Response.json([facts, session.flash.get('notice'), session.flash.all(), session.expiresAt])
      })
      for (let count = 0; count < 10_000; count++) {
        const response = await handle(new Request('https://example.org/'))
        if (response.status !== 200 || response.headers.getSetCookie().length > 0) throw new Error('not a plain read')
      }
      expect([[...stage.store.calls], created, await stage.records()]).toEqual([[], [], []])
    },
  )

  it.each<[string, (session: Session) => unknown]>([
    ['touch', (session) => session.touch()],
    ['regenerate', (session) => session.regenerate()],
    ['destroy', (session) => session.destroy()],
    ['save', (session) => session.save()],
    ['clear', (session) => session.clear()],
    ['delete', (session) => session.delete('cart')],
    ['set and delete', (session) => [session.set('cart', []), session.delete('cart')]],
    ['set and clear', (session) => [session.set('cart', []), session.clear()]],
    ['flash.now', (session) => session.flash.now('notice', 'here')],
    ['flash.take', (session) => session.flash.take('notice')],
    ['flash.keep', (session) => session.flash.keep()],
    ['login and destroy', (session) => [session.login('ada'), session.destroy()]],
  ])('SEC-51 %s by a stranger creates nothing', async (_, work) => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store })
    const exchange = exchangeWith()
    const session = await sessions.open(exchange)
    await work(session)
    expect(await sessions.commit(session)).toEqual({ outcome: 'nothing', headers: [], token: null })
    expect([store.calls, exchange.sent.filter(([name]) => name === 'set-cookie')]).toEqual([[], []])
  })
})

describe('limits', () => {
  const big = 'x'.repeat(1024 * 1024)

  it.each<[string, (session: Session) => unknown, string, string[]]>([
    ['a value of 1 MiB', (session) => session.set('big', big), 'RECORD_TOO_LARGE', ['recordBytes']],
    ['a message of 1 MiB', (session) => session.flash.set('big', big), 'RECORD_TOO_LARGE', ['recordBytes']],
    ['a key of 1 MiB', (session) => session.set(big, 1), 'RECORD_TOO_LARGE', ['recordBytes']],
    [
      '22,000 characters of three bytes',
      (session) => session.set('a', '€'.repeat(22_000)),
      'RECORD_TOO_LARGE',
      ['recordBytes'],
    ],
    ['1001 keys', (session) => fill(session, 1001), 'RECORD_TOO_LARGE', ['keys']],
    ['66 levels', (session) => session.set('deep', nested(66)), 'VALUE_INVALID', []],
    ['a cycle', (session) => session.set('cycle', cycle()), 'VALUE_INVALID', []],
    [
      'a cycle made in place',
      (session) => Object.assign(session.get('box') as object, { self: session.get('box') }),
      'VALUE_INVALID',
      [],
    ],
  ])('SEC-52 %s: refused before any store call, and what was stored stays', async (_, work, code, limits) => {
    const store = faultyStore(memoryStore())
    const events: string[] = []
    const sessions = createSessions({ store, on: { limit: ({ limit }) => events.push(limit) } })
    const token = await tokenWith(sessions, { name: 'Ada', box: {} })
    for (const given of [null, token]) {
      const exchange = exchangeWith(given === null ? {} : { cookie: `__Host-sid=${given}` })
      const session = await sessions.open(exchange)
      session.set('box', session.get('box') ?? {})
      await work(session)
      store.calls.length = 0
      const error = await errorOf(() => sessions.commit(session))
      expect(error).toMatchObject({ code, status: 500 })
      expect(String((error as Error).message).length).toBeLessThan(400)
      expect([store.calls, exchange.sent]).toEqual([[], []])
    }
    expect(await shown(sessions, token)).toEqual({ name: 'Ada', box: {} })
    expect(events).toEqual([...limits, ...limits])
    expect(await store.count()).toBe(1)
  })

  it('SEC-52 the limits are exact', async () => {
    const token = async (options: object, data: Record<string, unknown>) => {
      const sessions = createSessions({ limits: options, clock: manualClock() })
      return tokenWith(sessions, data)
    }
    await expect(token({ keys: 3 }, { a: 1, b: 2, c: 3 })).resolves.toMatch(/./)
    await expect(token({ keys: 2 }, { a: 1, b: 2, c: 3 })).rejects.toMatchObject({ code: 'RECORD_TOO_LARGE' })
    // The payload is "1 1893456000000 <22> <14>" above {"d":{"a":"..."}}: 68 bytes and the text.
    for (const [text, bytes] of [
      ['x'.repeat(62), 62],
      ['€'.repeat(20), 60],
      ['\u{1f600}'.repeat(15), 60],
      ['"'.repeat(31), 62],
    ] as const) {
      const most = 68 + bytes
      await expect(token({ recordBytes: most }, { a: text })).resolves.toMatch(/./)
      await expect(token({ recordBytes: most - 1 }, { a: text })).rejects.toMatchObject({ code: 'RECORD_TOO_LARGE' })
    }
    for (const wrong of [0, -1, 1.5, Number.NaN, '64k']) {
      for (const name of ['recordBytes', 'keys']) {
        expect(() => createSessions({ limits: { [name]: wrong } })).toThrow(
          expect.objectContaining({ code: 'CONFIG_INVALID' }),
        )
      }
    }
  })

  itOn('two stores', 'SEC-54 an anonymous session idles out sooner, until somebody signs in', async (stage) => {
    const sessions = stage.sessions({ idleTimeout: '30m', limits: { anonymousIdleTimeout: '5m' } })
    const begun = stage.clock()
    const token = await tokenWith(sessions, { cart: [] })
    expect((await sessions.open(token)).expiresAt).toBe(begun + 5 * minute)
    stage.clock.advance(5 * minute - 1)
    expect(await shown(sessions, token)).toEqual({ cart: [] })
    const session = await sessions.open(token)
    session.login('ada')
    const signedIn = await tokenAfter(sessions, session)
    expect((await sessions.open(signedIn)).expiresAt).toBe(stage.clock() + 30 * minute)
    stage.clock.advance(30 * minute - 1)
    expect(await shown(sessions, signedIn)).toEqual({ cart: [] })
    const other = await tokenWith(sessions, { cart: [] })
    stage.clock.advance(5 * minute)
    expect(await shown(sessions, other)).toBeNull()
  })

  itOn('two stores', 'SEC-54 limits.create decides about each new session, and about nothing else', async (stage) => {
    const asked: (string | null | undefined)[] = []
    const events: SessionEvents['limit'][] = []
    const budget = new Map<string, number>()
    const sessions = stage.sessions({
      limits: {
        create(exchange) {
          const client = exchange?.header('x-client')
          asked.push(client)
          const used = (budget.get(String(client)) ?? 0) + 1
          budget.set(String(client), used)
          return used <= 2
        },
      },
      on: { limit: (event) => events.push(event) },
    })
    const site = await stage.site(sessions, {
      '/write': (session) => session.increment('count'),
      '/read': (session) => session.get('count') ?? null,
      '/login': (session) => session.login('ada'),
      '/regenerate': (session) => session.regenerate(),
    })
    const flooder = { 'x-client': 'flooder' }
    expect((await site.request('/read', { headers: flooder })).status).toBe(200)
    expect(asked).toEqual([])
    const kept = site.visitor()
    expect((await kept.get('/write', flooder)).status).toBe(200)
    expect((await site.request('/write', { headers: flooder })).status).toBe(200)
    for (const path of ['/write', '/write', '/login']) {
      const { status, cookies } = await site.request(path, { headers: flooder })
      expect([status, cookies]).toEqual([429, []])
    }
    expect(await stage.records()).toHaveLength(2)
    // Others, and whoever has a session already, are let be.
    expect((await site.request('/write', { headers: { 'x-client': 'other' } })).status).toBe(200)
    for (const path of ['/write', '/regenerate', '/login', '/read'])
      expect((await kept.get(path, flooder)).status).toBe(200)
    expect(asked).toEqual(['flooder', 'flooder', 'flooder', 'flooder', 'flooder', 'other'])
    expect(events.map(({ limit, at }) => [limit, at])).toEqual(
      Array.from({ length: 3 }, () => ['create', stage.clock()]),
    )
  })

  it('SEC-54 limits.create is asked once for a request, and before any store call', async () => {
    const store = faultyStore(memoryStore())
    let asked = 0
    const sessions = createSessions({ store, limits: { create: () => ++asked < 0 } })
    const session = await sessions.open(null)
    session.set('cart', [])
    await expect(sessions.commit(session)).rejects.toMatchObject({ code: 'LIMIT_REACHED', status: 429 })
    expect([asked, store.calls]).toEqual([1, []])
  })
})

describe('work before authentication', () => {
  it('SEC-55 a record that cannot belong to anybody costs no key derivation and no chain of reads', async () => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store, rotateEvery: '1h' })
    const token = await tokenWith(sessions, { name: 'Ada' })
    const [entry] = (await store.list({ limit: 1 })).entries
    if (entry === undefined) throw new Error('nothing was stored')
    // A mark that leads to itself, sealed with whatever an attacker with a dump could write.
    const now = Date.now()
    const retired = { v: 1, x: { a: now, o: '', n: entry.key, s: 'A'.repeat(10_000) } }
    const mark = { ...entry.record, version: 2, payload: JSON.stringify(retired) }
    await store.replace(entry.key, mark, 1)
    store.calls.length = 0
    expect(await shown(sessions, token)).toBeNull()
    expect(store.calls).toHaveLength(1)
  })

  it('SEC-55 a chain of rotations is followed four steps and no further', async () => {
    const clock = manualClock()
    const store = faultyStore(memoryStore({ clock }))
    const sessions = createSessions({ store, clock, rotateEvery: 1 })
    const tokens = [await tokenWith(sessions, { name: 'Ada' })]
    for (let moves = 0; moves < 6; moves++) {
      clock.advance(1)
      tokens.push((await visit(sessions, tokens.at(-1) ?? null, () => undefined)).token ?? '')
    }
    store.calls.length = 0
    expect(await shown(sessions, tokens[0] ?? null)).toBeNull()
    expect(store.calls).toHaveLength(5)
    expect(await shown(sessions, tokens[2] ?? null)).toEqual({ name: 'Ada' })
  })
})

function fill(session: Session, keys: number): void {
  for (let key = 0; key < keys; key++) session.set(`key ${key}`, key)
}

function nested(levels: number): unknown {
  let value: unknown = 'bottom'
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { value }
  return value
}

function cycle(): unknown {
  const first: Record<string, unknown> = {}
  first['second'] = [first]
  return first
}
