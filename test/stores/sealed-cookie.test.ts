import { describe, expect, it } from 'vitest'
import {
  createSessions,
  jsonCodec,
  type Session,
  type SessionEventName,
  type Sessions,
  type SessionsOptions,
  type Store,
} from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { sealedCookie } from '../../src/stores/sealed-cookie/index.ts'
import { faultyStore, type ManualClock, manualClock } from '../../src/testing/index.ts'
import { chunkedCookie, headerTransport } from '../../src/transports/index.ts'
import { exchangeWith } from '../fixtures/exchange.ts'

type Data = { name?: string; count?: number; items?: string[]; big?: string }

const secret = 'k7Uv0-kTz9_Qm2xWc7Lr5Hy8Jn3Bd6Fs1PgE'
const olderSecret = 'o7Uv0-kTz9_Qm2xWc7Lr5Hy8Jn3Bd6Fs1PgE'

function sealed(options: SessionsOptions<Data> & { revocation?: Store } = {}): Sessions<Data> {
  const { revocation, ...rest } = options
  const store = revocation === undefined ? sealedCookie() : sealedCookie({ revocation })
  return createSessions<Data>({ store, secret, ...rest })
}

/** Opens the session of a token, changes it and commits; the token that the client has afterwards. */
async function visit(
  sessions: Sessions<Data>,
  token: string | null,
  work: (session: Session<Data>) => unknown = () => undefined,
): Promise<{ token: string | null; outcome: string; session: Session<Data> }> {
  const session = await sessions.open(token)
  await work(session)
  const committed = await sessions.commit(session)
  return { token: committed.token ?? token, outcome: committed.outcome, session }
}

async function nameOf(sessions: Sessions<Data>, token: string | null): Promise<string | undefined> {
  return (await sessions.open(token)).get('name')
}

const code = (code: string) => expect.objectContaining({ name: 'SessionError', code })

describe('sealedCookie', () => {
  it('F16 keeps data, flash messages and the owner from request to request', async () => {
    const sessions = sealed()
    const first = await visit(sessions, null, (session) => {
      session.set('name', 'Ada')
      session.flash.set('notice', 'Welcome')
    })
    expect(first.outcome).toBe('created')
    const second = await visit(sessions, first.token, (session) => {
      expect(session.get('name')).toBe('Ada')
      expect(session.flash.get('notice')).toBe('Welcome')
      session.login('user-1')
    })
    expect(second.outcome).toBe('moved')
    const third = await sessions.open(second.token)
    expect([third.get('name'), third.userId, third.flash.peek('notice'), third.isNew]).toEqual([
      'Ada',
      'user-1',
      undefined,
      false,
    ])
  })

  it('reading writes nothing, and an anonymous visitor gets no cookie', async () => {
    const sessions = sealed()
    expect(await visit(sessions, null, (session) => session.get('name'))).toMatchObject({
      outcome: 'nothing',
      token: null,
    })
    const { token } = await visit(sessions, null, (session) => session.set('name', 'Ada'))
    expect((await visit(sessions, token, (session) => session.get('name'))).outcome).toBe('nothing')
  })

  it('keeps its id while it changes, has another after regenerate, and the id is no part of the token', async () => {
    const sessions = sealed()
    const first = await visit(sessions, null, (session) => session.set('name', 'Ada'))
    const { id } = first.session
    const second = await visit(sessions, first.token, (session) => session.set('count', 1))
    expect(second.token).not.toBe(first.token)
    expect(second.session.id).toBe(id)
    expect(`${first.token}${second.token}`).not.toContain(id)
    const third = await visit(sessions, second.token, (session) => session.regenerate())
    expect((await sessions.open(third.token)).id).not.toBe(id)
    expect(await nameOf(sessions, third.token)).toBe('Ada')
  })

  it('X4 the idle and the absolute deadline are inside, and hold without any store', async () => {
    const clock = manualClock()
    const seen: string[] = []
    const sessions = sealed({
      clock,
      idleTimeout: '30m',
      absoluteTimeout: '2h',
      on: { expired: () => seen.push('expired') },
    })
    let { token } = await visit(sessions, null, (session) => session.set('name', 'Ada'))
    const idle = token
    for (let minutes = 0; minutes < 100; minutes += 20) {
      clock.advance(20 * 60_000)
      const visited = await visit(sessions, token)
      expect(visited.outcome).toBe('touched')
      token = visited.token
    }
    expect(await nameOf(sessions, token)).toBe('Ada')
    expect(await nameOf(sessions, idle)).toBeUndefined()
    clock.advance(19 * 60_000)
    expect(await nameOf(sessions, token)).toBe('Ada')
    clock.advance(60_000)
    expect(await nameOf(sessions, token)).toBeUndefined()
    expect(seen.length).toBe(2)
  })

  it('a request that only reads seals it again once renewAfter has passed, not before', async () => {
    const clock = manualClock()
    const sessions = sealed({ clock, idleTimeout: '30m' })
    const { token } = await visit(sessions, null, (session) => session.set('name', 'Ada'))
    clock.advance(2 * 60_000)
    expect((await visit(sessions, token)).outcome).toBe('nothing')
    clock.advance(60_000)
    const renewed = await visit(sessions, token)
    expect([renewed.outcome, renewed.token === token]).toEqual(['touched', false])
  })

  it('SEC-69 a token of an older secret is accepted and sealed by the newest at once', async () => {
    const before = sealed({ secret: olderSecret })
    const { token } = await visit(before, null, (session) => session.set('name', 'Ada'))
    const between = sealed({ secret: [secret, olderSecret] })
    const renewed = await visit(between, token)
    expect(renewed.outcome).toBe('touched')
    const after = sealed()
    expect(await nameOf(after, renewed.token)).toBe('Ada')
    expect(await nameOf(after, token)).toBeUndefined()
    expect((await visit(after, renewed.token)).outcome).toBe('nothing')
  })

  it('D3 F5 without a secret, or with an empty one, it is refused at construction', () => {
    const store = sealedCookie()
    expect(() => createSessions({ store })).toThrow(code('CONFIG_INVALID'))
    expect(() => createSessions({ store })).toThrow(/sealed-cookie needs the option "secret".*openssl rand/)
    for (const bad of ['', [], ['']])
      expect(() => createSessions({ store, secret: bad })).toThrow(code('CONFIG_INVALID'))
  })

  it('D5 F16 whatever was changed is a new, empty session, with an event and no error', async () => {
    const reasons: unknown[] = []
    const sessions = sealed({ on: { invalid: ({ reason }) => reasons.push(reason) } })
    const { token } = await visit(sessions, null, (session) => session.set('name', 'Ada'))
    const middle = (token?.length ?? 0) >> 1
    const changed = `${token?.slice(0, middle)}${token?.[middle] === 'A' ? 'B' : 'A'}${token?.slice(middle + 1)}`
    expect(await nameOf(sessions, changed)).toBeUndefined()
    expect(await nameOf(sessions, 'no.token at all')).toBeUndefined()
    expect(await nameOf(sealed({ cookie: { name: '__Host-other' } }), token)).toBeUndefined()
    expect(reasons).toEqual(['unknown', 'malformed'])
  })

  it('F16 more than the cookie holds is COOKIE_TOO_LARGE before the response begins, by save() too', async () => {
    const limits: string[] = []
    const sessions = sealed({ on: { limit: ({ limit }) => limits.push(limit) } })
    const session = await sessions.open(null)
    session.set('big', 'x'.repeat(4000))
    await expect(session.save()).rejects.toThrow(code('COOKIE_TOO_LARGE'))
    await expect(sessions.commit(session)).rejects.toThrow(code('COOKIE_TOO_LARGE'))
    session.set('big', 'x'.repeat(2500))
    expect((await sessions.commit(session)).token?.length).toBeLessThan(4096)
    expect(limits).toEqual(['cookie', 'cookie'])
  })

  it('a session of 9 kB fits into three cookies', async () => {
    const sessions = sealed({ transport: chunkedCookie() })
    const session = await sessions.open(new Request('https://shop.example/'))
    session.set('big', 'x'.repeat(8500))
    const { headers } = await sessions.commit(session)
    const cookies = headers.flatMap(([name, value]) => (name === 'set-cookie' ? [value.split(';')[0] ?? ''] : []))
    expect(cookies.map((cookie) => cookie.split('=')[0])).toEqual(['__Host-sid', '__Host-sid.1', '__Host-sid.2'])
    const request = new Request('https://shop.example/', { headers: { cookie: cookies.join('; ') } })
    expect((await sessions.open(request)).get('big')).toHaveLength(8500)
  })

  it('travels in a header as well', async () => {
    const sessions = sealed({ transport: headerTransport() })
    const { token } = await visit(sessions, null, (session) => session.set('big', 'x'.repeat(9000)))
    expect((await sessions.open(token)).get('big')).toHaveLength(9000)
  })

  it('its length tells little: contents of similar size are equally long', async () => {
    const sessions = sealed()
    const lengths = new Set<number>()
    for (const name of ['A', 'Ada', 'Ada Lovelace']) {
      lengths.add((await visit(sessions, null, (session) => session.set('name', name))).token?.length ?? 0)
    }
    expect(lengths.size).toBe(1)
  })

  it('SEC-72 what it holds cannot be read from it', async () => {
    const sessions = sealed()
    const { token } = await visit(sessions, null, (session) => session.set('name', 'Ada Lovelace'))
    const bytes = Buffer.from(token ?? '', 'base64url')
    for (const text of [bytes.toString('latin1'), bytes.toString('utf8'), token ?? '']) {
      expect(text).not.toMatch(/Ada|Lovelace|name/)
    }
  })

  it('what needs records is refused with a code and the name of the store', async () => {
    const sessions = sealed({ revocation: memoryStore() })
    const { token } = await visit(sessions, null, (session) => session.flash.set('notice', 'x'))
    const session = await sessions.open(token)
    const refused = [
      () => session.flash.take('notice'),
      () => sessions.list(),
      () => sessions.count(),
      () => sessions.find('x'),
      () => sessions.revoke('x'),
      () => sessions.users.list('user-1'),
      () => sessions.users.revoke('user-1', 'x'),
    ]
    for (const ask of refused) await expect(ask()).rejects.toThrow(code('UNSUPPORTED'))
    await expect(sessions.list()).rejects.toThrow(/sealed-cookie/)
    await expect(sealed().users.revokeAll('user-1')).rejects.toThrow(code('UNSUPPORTED'))
    await expect(sealed().sweep()).rejects.toThrow(code('UNSUPPORTED'))
  })

  it('is ready without a store, and with the store that it has', async () => {
    await sealed().ready()
    await sealed({ revocation: memoryStore() }).ready()
    const down = faultyStore(memoryStore())
    down.faults.fail('read')
    await expect(sealed({ revocation: down }).ready()).rejects.toThrow(code('STORE_FAILED'))
  })

  it('F7 F8 F9 unknown is new; saving sets the deadline anew; ending twice is no error', async () => {
    const clock = manualClock()
    const sessions = sealed({ clock, idleTimeout: '30m', absoluteTimeout: '40m' })
    expect((await sessions.open('A'.repeat(300))).isNew).toBe(true)
    const began = clock()
    let token: string | null = null
    for (const [minutes, deadline] of [
      [0, 30],
      [1, 31],
      [19, 40],
    ] as const) {
      clock.advance(minutes * 60_000)
      token = (await visit(sessions, token, (session) => session.increment('count'))).token
      expect((await sessions.open(token)).expiresAt).toBe(began + deadline * 60_000)
    }
    const ended = await visit(sessions, token, (session) => {
      session.destroy()
      session.destroy()
    })
    expect(ended.outcome).toBe('ended')
  })

  it('D12 touch extends the deadline, however young the session is', async () => {
    const clock = manualClock()
    const sessions = sealed({ clock, idleTimeout: '30m' })
    const { token } = await visit(sessions, null, (session) => session.set('name', 'Ada'))
    clock.advance(1000)
    const touched = await visit(sessions, token, (session) => session.touch())
    expect(touched.outcome).toBe('touched')
    expect((await sessions.open(touched.token)).expiresAt).toBe(clock() + 30 * 60_000)
  })

  it('L16 the codec is pluggable; what it cannot decode is an empty session', async () => {
    const sessions = sealed({ codec: jsonCodec() })
    const { token } = await visit(sessions, null, (session) => session.set('name', 'Ada'))
    expect(await nameOf(sessions, token)).toBe('Ada')
    const { encode } = jsonCodec()
    expect(await nameOf(sealed({ codec: { encode, decode: () => null } }), token)).toBeUndefined()
  })

  it('a write after the response has begun throws: nothing could carry it', async () => {
    const sessions = sealed()
    const { token } = await visit(sessions, null, (session) => session.set('name', 'Ada'))
    const begun = await sessions.open(exchangeWith({ cookie: `__Host-sid=${token}` }))
    expect(begun.get('name')).toBe('Ada')
    expect(await sessions.commit(begun)).toMatchObject({ outcome: 'nothing' })
    expect(() => begun.set('name', 'Eve')).toThrow(code('HEADERS_SENT'))
    expect(() => begun.regenerate()).toThrow(code('HEADERS_SENT'))
  })
})

describe('sealedCookie with a revocation store', () => {
  function stage(options: SessionsOptions<Data> = {}): {
    sessions: Sessions<Data>
    clock: ManualClock
    marks: ReturnType<typeof marksOf>
    events: string[]
  } {
    const clock = manualClock()
    const marks = marksOf(clock)
    const events: string[] = []
    const names: SessionEventName[] = ['gone', 'destroyed', 'rotated', 'invalid', 'token-reuse']
    const on = Object.fromEntries(names.map((name) => [name, () => events.push(name)]))
    return { sessions: sealed({ clock, revocation: marks, ...options, on }), clock, marks, events }
  }
  const marksOf = (clock: ManualClock) => faultyStore(memoryStore({ clock }))

  it('X2 a copied cookie is dead after logout, whatever became of it meanwhile', async () => {
    const { sessions } = stage()
    const { token: first } = await visit(sessions, null, (session) => session.login('user-1'))
    const { token: second } = await visit(sessions, first, (session) => session.set('name', 'Ada'))
    expect((await visit(sessions, second, (session) => session.logout())).outcome).toBe('ended')
    for (const token of [first, second]) expect((await sessions.open(token)).userId).toBeUndefined()
  })

  it('X2 a slower request does not bring an ended session back, nor set a cookie', async () => {
    const { sessions, events } = stage()
    const { token } = await visit(sessions, null, (session) => session.set('name', 'Ada'))
    const slow = await sessions.open(token)
    slow.set('count', 1)
    await visit(sessions, token, (session) => session.destroy())
    expect(await sessions.commit(slow)).toMatchObject({ outcome: 'gone', token: null })
    expect(events).toContain('gone')
  })

  it('L18 after regenerate the old cookie is dead at once, and for 10 s sets no new one', async () => {
    const { sessions, clock } = stage()
    const { token } = await visit(sessions, null, (session) => session.set('name', 'Ada'))
    const { token: moved } = await visit(sessions, token, (session) => session.regenerate())
    expect(await nameOf(sessions, moved)).toBe('Ada')
    expect(await visit(sessions, token, (session) => session.set('name', 'Eve'))).toMatchObject({ outcome: 'gone' })
    expect((await visit(sessions, token, (session) => session.login('user-2'))).outcome).toBe('created')
    clock.advance(11_000)
    expect((await visit(sessions, token, (session) => session.set('name', 'Eve'))).outcome).toBe('created')
  })

  it('X5 of two requests that regenerate at the same time one wins, and one successor lives', async () => {
    const { sessions } = stage()
    const { token } = await visit(sessions, null, (session) => session.set('name', 'Ada'))
    const both = await Promise.all([sessions.open(token), sessions.open(token)])
    for (const session of both) session.regenerate()
    const committed = await Promise.all(both.map((session) => sessions.commit(session)))
    expect(committed.map(({ outcome }) => outcome).sort()).toEqual(['gone', 'moved'])
  })

  it('a logout through a cookie that was just rotated ends the session that it moved to', async () => {
    const { sessions } = stage()
    const { token } = await visit(sessions, null, (session) => session.login('user-1'))
    const slow = await sessions.open(token)
    const { token: moved } = await visit(sessions, token, (session) => session.regenerate())
    slow.logout()
    await sessions.commit(slow)
    expect((await sessions.open(moved)).userId).toBeUndefined()
  })

  it('rotateEvery: a late request with the old cookie goes on and gets the new one; later it is reported', async () => {
    const { sessions, clock, events } = stage({ rotateEvery: '10m' })
    const { token } = await visit(sessions, null, (session) => session.set('name', 'Ada'))
    clock.advance(10 * 60_000)
    const rotated = await visit(sessions, token)
    expect(rotated.outcome).toBe('moved')
    clock.advance(20_000)
    const late = await visit(sessions, token, (session) => expect(session.get('name')).toBe('Ada'))
    expect(late.token).toBe(rotated.token)
    clock.advance(10_000)
    expect(await nameOf(sessions, token)).toBeUndefined()
    expect(events).toContain('token-reuse')
  })

  it('revokeAll ends all sessions of a user but the one that is excepted, which goes on for good', async () => {
    const { sessions } = stage()
    const tokens: (string | null)[] = []
    for (const user of ['user-1', 'user-1', 'user-1', 'user-2']) {
      tokens.push((await visit(sessions, null, (session) => session.login(user))).token)
    }
    const [mine = null] = tokens
    await sessions.users.revokeAll('user-1', { except: (await sessions.open(mine)).id })
    const owners = async () => Promise.all(tokens.map(async (token) => (await sessions.open(token)).userId))
    expect(await owners()).toEqual(['user-1', undefined, undefined, 'user-2'])
    const next = await visit(sessions, mine, (session) => session.regenerate())
    expect((await sessions.open(next.token)).userId).toBe('user-1')
    const fresh = await visit(sessions, null, (session) => session.login('user-1'))
    expect((await sessions.open(fresh.token)).userId).toBe('user-1')
    await sessions.users.revokeAll('user-1')
    expect((await sessions.open(next.token)).userId).toBeUndefined()
    expect((await sessions.open(fresh.token)).userId).toBeUndefined()
  })

  it('revokeAll reaches a request that was under way and rotates or saves afterwards', async () => {
    const { sessions } = stage()
    const { token } = await visit(sessions, null, (session) => session.login('user-1'))
    for (const work of [(s: Session<Data>) => s.regenerate(), (s: Session<Data>) => s.set('count', 1)]) {
      const slow = await sessions.open(token)
      if (slow.userId === undefined) continue
      work(slow)
      await sessions.users.revokeAll('user-1')
      expect((await sessions.commit(slow)).outcome).toBe('gone')
    }
  })

  it('the store that fails closes the door: a token is not accepted unchecked', async () => {
    const { sessions, marks } = stage()
    const { token } = await visit(sessions, null, (session) => session.set('name', 'Ada'))
    marks.faults.fail('read')
    await expect(sessions.open(token)).rejects.toThrow(code('STORE_FAILED'))
    const lenient = sealed({ revocation: marks, onStoreError: 'anonymous' })
    expect(await nameOf(lenient, token)).toBeUndefined()
  })

  it('its marks show no token, no user and no data, and go with the sessions they are about', async () => {
    const { sessions, marks, clock } = stage({ rotateEvery: '10m' })
    const { token } = await visit(sessions, null, (session) => {
      session.login('ada@example.com')
      session.set('name', 'Ada')
    })
    clock.advance(10 * 60_000)
    const { token: moved } = await visit(sessions, token)
    await sessions.users.revokeAll('ada@example.com')
    const { entries } = await marks.list({ limit: 100 })
    expect(entries).toHaveLength(2)
    const text = JSON.stringify(entries)
    for (const hidden of [token, moved, 'ada@example.com', 'Ada']) expect(text).not.toContain(hidden)
    clock.advance(12 * 3_600_000)
    expect(await sessions.sweep()).toBe(1)
    clock.advance(12 * 3_600_000)
    expect(await sessions.sweep()).toBe(1)
  })

  it('costs one read for a visitor, two for a user, and nothing when there is no cookie', async () => {
    const { sessions, marks } = stage()
    const visitor = await visit(sessions, null, (session) => session.set('name', 'Ada'))
    const user = await visit(sessions, null, (session) => session.login('user-1'))
    const reads = async (token: string | null) => {
      const before = marks.calls.length
      await visit(sessions, token)
      return marks.calls.length - before
    }
    expect([await reads(null), await reads(visitor.token), await reads(user.token)]).toEqual([0, 1, 2])
  })
})
