import { describe, expect, it } from 'vitest'
import {
  type Committed,
  createSessions,
  type Session,
  type Sessions,
  type SessionsOptions,
  type Store,
} from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { sealedCookie } from '../../src/stores/sealed-cookie/index.ts'
import { type FaultyStore, faultyStore, type ManualClock, manualClock } from '../../src/testing/index.ts'
import { chunkedCookie, cookieTransport, firstOf, headerTransport } from '../../src/transports/index.ts'
import { CookieJar } from '../fixtures/cookie-jar.ts'
import { settle } from '../fixtures/gate.ts'

const minute = 60_000
const hour = 60 * minute
const secret = 'k7Uv0-kTz9_Qm2xWc7Lr5Hy8Jn3Bd6Fs1PgE'

interface Data {
  count?: number
  name?: string
  big?: string
}

/** Sealed sessions, the store of their marks, and what was reported. */
interface Sealed {
  readonly clock: ManualClock
  readonly marks: FaultyStore<ReturnType<typeof memoryStore>>
  readonly events: string[]
  readonly sessions: Sessions<Data>
}

function sealed(options: SessionsOptions<Data> = {}): Sealed {
  const clock = manualClock()
  const marks = faultyStore(memoryStore({ clock }))
  const events: string[] = []
  const names = ['gone', 'invalid', 'token-reuse', 'destroyed']
  const on = Object.fromEntries(names.map((name) => [name, () => events.push(name)]))
  const sessions = createSessions<Data>({ store: sealedCookie({ revocation: marks }), secret, clock, on, ...options })
  return { clock, marks, events, sessions }
}

/** Opens the session of a token, changes it and commits; the token that the client has afterwards. */
async function visit(
  sessions: Sessions<Data>,
  token: string | null,
  work: (session: Session<Data>) => unknown = () => undefined,
): Promise<Pick<Committed, 'token' | 'outcome'>> {
  const session = await sessions.open(token)
  await work(session)
  const committed = await sessions.commit(session)
  return { token: committed.token ?? token, outcome: committed.outcome }
}

async function ownerOf(sessions: Sessions<Data>, token: string | null): Promise<string | undefined> {
  return (await sessions.open(token)).userId
}

async function countOf(sessions: Sessions<Data>, token: string | null): Promise<number | undefined> {
  return (await sessions.open(token)).get('count')
}

describe('revokeAll', () => {
  it('X2 in the middle of a regenerate ends what the regenerate makes, before whichever call it comes', async () => {
    let calls = 0
    for (let before = 1; before <= calls + 1; before++) {
      const { sessions, marks } = sealed()
      const { token } = await visit(sessions, null, (session) => session.login('ada'))
      const slow = await sessions.open(token)
      slow.regenerate()
      marks.calls.length = 0
      const held = marks.faults.hold('*', { when: () => marks.calls.length === before, times: 1 })
      const committing = sessions.commit(slow)
      const isHeld = await Promise.race([held.reached.then(() => true), committing.then(() => false)])
      // The last round comes after all calls: it ends what they have made.
      if (isHeld) calls = before
      marks.faults.clear()
      await sessions.users.revokeAll('ada')
      held.release()
      const { token: issued } = await committing
      expect(await ownerOf(sessions, issued), `before call ${before}`).toBeUndefined()
      expect(await ownerOf(sessions, token), `before call ${before}`).toBeUndefined()
    }
    expect(calls).toBeGreaterThanOrEqual(3)
  })

  it('X2 a session that was revoked is not brought back by being excepted later', async () => {
    const { sessions } = sealed()
    const { token: kept } = await visit(sessions, null, (session) => session.login('ada'))
    const { token: revoked } = await visit(sessions, null, (session) => session.login('ada'))
    const opened = await sessions.open(revoked)
    await sessions.users.revokeAll('ada', { except: (await sessions.open(kept)).id })
    expect(await ownerOf(sessions, kept)).toBe('ada')
    expect(await ownerOf(sessions, revoked)).toBeUndefined()
    await sessions.users.revokeAll('ada', { except: opened.id })
    expect(await ownerOf(sessions, revoked)).toBeUndefined()
  })

  it.each([false, true])('a session can be excepted again and again, sealed anew in between: %s', async (reseal) => {
    const { sessions } = sealed()
    let { token } = await visit(sessions, null, (session) => session.login('ada'))
    for (let round = 0; round < 3; round++) {
      await sessions.users.revokeAll('ada', { except: (await sessions.open(token)).id })
      if (reseal) token = (await visit(sessions, token, (session) => session.set('count', round))).token
      expect(await ownerOf(sessions, token)).toBe('ada')
    }
  })

  it('a mark that cannot be read lets nobody in, and login() says so', async () => {
    const clock = manualClock()
    const marks = memoryStore({ clock })
    const before = createSessions<Data>({ store: sealedCookie({ revocation: marks }), secret, clock })
    await before.users.revokeAll('ada')
    const [entry] = (await marks.list({ limit: 1 })).entries
    if (entry === undefined) throw new Error('nothing was stored')
    await marks.replace(entry.key, { ...entry.record, payload: '9 m {}', version: 2 }, 1)
    const after = createSessions<Data>({ store: sealedCookie({ revocation: marks }), secret, clock })
    const { token } = await visit(after, null, (session) => session.login('bob'))
    expect(await ownerOf(after, token)).toBe('bob')
    await expect(visit(after, null, (session) => session.login('ada'))).rejects.toThrow()
  })

  it('a keyed system in the same store lists no marks, and cannot end them', async () => {
    const { sessions, marks, clock } = sealed()
    const { token } = await visit(sessions, null, (session) => session.login('ada'))
    await sessions.users.revokeAll('ada')
    expect(await ownerOf(sessions, token)).toBeUndefined()
    const keyed = createSessions<Data>({ store: marks, clock, cookie: { name: '__Host-admin' } })
    for (const { id } of (await keyed.list()).sessions) await keyed.revoke(id)
    expect(await ownerOf(sessions, token)).toBeUndefined()
  })
})

describe('a new token while something else is under way', () => {
  it('X2 an end through the old cookie holds as long as the session that it moved to could live', async () => {
    const { sessions, clock } = sealed({ absoluteTimeout: '12h', idleTimeout: '30m' })
    let { token } = await visit(sessions, null, (session) => session.set('count', 1))
    for (let passed = 0; passed < 11 * hour + 45 * minute; passed += 15 * minute) {
      clock.advance(15 * minute)
      token = (await visit(sessions, token)).token
    }
    const slow = await sessions.open(token)
    expect(slow.get('count')).toBe(1)
    const { token: signedIn } = await visit(sessions, token, (session) => session.login('ada'))
    slow.logout()
    await sessions.commit(slow)
    expect(await ownerOf(sessions, signedIn)).toBeUndefined()
    clock.advance(16 * minute)
    expect(await ownerOf(sessions, signedIn)).toBeUndefined()
  })

  it('L18 regenerate() while a save is under way is carried out by the next commit', async () => {
    const { sessions } = sealed()
    const { token } = await visit(sessions, null, (session) => session.set('count', 1))
    const { token: next } = await visit(sessions, token, async (session) => {
      session.set('count', 2)
      const saving = session.save()
      session.regenerate()
      await saving
    })
    expect(await countOf(sessions, next)).toBe(2)
    expect(await countOf(sessions, token)).toBeUndefined()
  })

  it('L18 login() while a save is under way is carried out, after a revokeAll too', async () => {
    const { sessions } = sealed()
    await sessions.users.revokeAll('ada')
    const { token } = await visit(sessions, null, (session) => session.set('count', 1))
    const { token: next } = await visit(sessions, token, async (session) => {
      session.set('count', 2)
      const saving = session.save()
      session.login('ada')
      await saving
    })
    expect(await ownerOf(sessions, next)).toBe('ada')
  })

  it('SEC-36 with a keyed store, login() during an automatic rotation leaves the old token no way to the session', async () => {
    const clock = manualClock()
    const store = faultyStore(memoryStore({ clock }))
    const sessions = createSessions<Data>({ store, clock, rotateEvery: '10m' })
    const { token } = await visit(sessions, null, (session) => session.set('count', 1))
    clock.advance(10 * minute)
    await visit(sessions, token, async (session) => {
      session.set('count', 2)
      const held = store.faults.hold('replace', { times: 1 })
      const saving = session.save()
      await held.reached
      session.login('victim')
      held.release()
      await saving
    })
    expect(await ownerOf(sessions, token)).toBeUndefined()
  })

  it('SEC-36 with a keyed store, regenerate() during an automatic rotation ends the old token', async () => {
    const clock = manualClock()
    const sessions = createSessions<Data>({ store: memoryStore({ clock }), clock, rotateEvery: '10m' })
    const { token } = await visit(sessions, null, (session) => session.set('count', 1))
    clock.advance(10 * minute)
    await visit(sessions, token, async (session) => {
      session.set('count', 2)
      const saving = session.save()
      session.regenerate()
      await saving
    })
    expect(await countOf(sessions, token)).toBeUndefined()
  })

  it('REL-07 a client that repeats the mark of a regenerate does not end the session', async () => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    let repeats = false
    const retrying: Store = {
      ...inner,
      name: 'retrying',
      create: async (key, record, options) => {
        const first = await inner.create(key, record, options)
        return repeats ? inner.create(key, record, options) : first
      },
    }
    const sessions = createSessions<Data>({ store: sealedCookie({ revocation: retrying }), secret, clock })
    const { token } = await visit(sessions, null, (session) => session.set('count', 1))
    repeats = true
    const { token: next, outcome } = await visit(sessions, token, (session) => session.regenerate())
    expect(outcome).toBe('moved')
    expect(await countOf(sessions, next)).toBe(1)
  })

  it('F16 what does not fit behind firstOf retires nothing', async () => {
    const { sessions } = sealed({ transport: firstOf(cookieTransport(), headerTransport()) })
    const first = await sessions.open(new Request('https://shop.example/'))
    first.set('count', 1)
    const { token } = await sessions.commit(first)
    const headers = { cookie: `__Host-sid=${token}` }
    const second = await sessions.open(new Request('https://shop.example/', { headers }))
    expect(second.get('count')).toBe(1)
    second.set('big', 'x'.repeat(4000))
    second.regenerate()
    await expect(sessions.commit(second)).rejects.toThrow(expect.objectContaining({ code: 'COOKIE_TOO_LARGE' }))
    expect(await countOf(sessions, token)).toBe(1)
  })
})

describe('an automatic rotation', () => {
  it('X5 a write goes on where a read has rotated the session meanwhile', async () => {
    const { sessions, clock } = sealed({ rotateEvery: '10m' })
    const { token } = await visit(sessions, null, (session) => session.set('count', 1))
    clock.advance(10 * minute)
    const writer = await sessions.open(token)
    writer.set('count', 2)
    expect((await visit(sessions, token)).outcome).toBe('moved')
    const { outcome, token: next } = await sessions.commit(writer)
    expect([outcome, await countOf(sessions, next)]).toEqual(['saved', 2])
  })

  it('X5 so does a login, with its data', async () => {
    const { sessions, clock } = sealed({ rotateEvery: '10m' })
    const { token } = await visit(sessions, null, (session) => session.set('count', 1))
    clock.advance(10 * minute)
    const signingIn = await sessions.open(token)
    signingIn.login('ada')
    await visit(sessions, token)
    const { token: next } = await sessions.commit(signingIn)
    expect([await countOf(sessions, next), await ownerOf(sessions, next)]).toEqual([1, 'ada'])
  })

  it('X5 of parallel reads at the time of a rotation all get a live cookie', async () => {
    const { sessions, clock, events } = sealed({ rotateEvery: '10m' })
    const { token } = await visit(sessions, null, (session) => session.set('count', 1))
    clock.advance(10 * minute)
    const opened = await Promise.all([1, 2, 3, 4].map(() => sessions.open(token)))
    const committed = await Promise.all(opened.map((session) => sessions.commit(session)))
    expect([committed.map(({ outcome }) => outcome), events]).toEqual([Array(4).fill('moved'), []])
    const issued = new Set(committed.map((each) => each.token))
    expect(issued.size).toBe(1)
    for (const next of issued) expect(await countOf(sessions, next)).toBe(1)
  })

  it('a request that takes longer than the grace is no reuse of a token', async () => {
    const { sessions, clock, events } = sealed({ rotateEvery: '10m' })
    const { token } = await visit(sessions, null, (session) => session.set('count', 1))
    clock.advance(10 * minute)
    const slow = await sessions.open(token)
    slow.set('name', 'Ada')
    await visit(sessions, token)
    clock.advance(31_000)
    await sessions.commit(slow)
    expect(events).not.toContain('token-reuse')
  })

  it('nor is it with a keyed store', async () => {
    const clock = manualClock()
    const events: string[] = []
    const on = { 'token-reuse': () => events.push('token-reuse') }
    const sessions = createSessions<Data>({ store: memoryStore({ clock }), clock, rotateEvery: '10m', on })
    const { token } = await visit(sessions, null, (session) => session.set('count', 1))
    clock.advance(10 * minute)
    const slow = await sessions.open(token)
    slow.set('name', 'Ada')
    await visit(sessions, token)
    clock.advance(31_000)
    expect((await sessions.commit(slow)).outcome).toBe('saved')
    expect(events).toEqual([])
  })

  it.each([
    ['reads', 'nothing'],
    ['writes', 'saved'],
  ])('does not make a request fail that %s when the cookie is nearly full', async (what, outcome) => {
    const { sessions, clock } = sealed({ rotateEvery: '1m' })
    let token: string | null = null
    // The most that fits: the mark of a rotation beside it does not.
    for (let length = 2900; length > 2500 && token === null; length--) {
      try {
        token = (await visit(sessions, null, (session) => session.set('big', 'x'.repeat(length)))).token
      } catch (error) {
        expect(error).toMatchObject({ code: 'COOKIE_TOO_LARGE' })
      }
    }
    expect((await sessions.open(token)).get('big')).toBeDefined()
    clock.advance(minute)
    const visited = await visit(sessions, token, (session) => {
      if (what === 'writes') session.update('big', (big = '') => `y${big.slice(1)}`)
    })
    expect(visited.outcome).toBe(outcome)
  })

  it('SEC-66 the mark of another session leads nowhere', async () => {
    const { sessions, marks, clock } = sealed({ rotateEvery: '10m' })
    const { token: victim } = await visit(sessions, null, (session) => session.login('victim'))
    const { token: attacker } = await visit(sessions, null, (session) => session.login('attacker'))
    clock.advance(10 * minute)
    await visit(sessions, victim)
    expect(await ownerOf(sessions, victim)).toBe('victim')
    const [planted] = (await marks.list({ limit: 10 })).entries
    await visit(sessions, attacker)
    const own = (await marks.list({ limit: 10 })).entries.find(({ key }) => key !== planted?.key)
    if (planted === undefined || own === undefined) throw new Error('two marks are expected')
    await marks.replace(own.key, { ...planted.record, version: own.record.version + 1 }, own.record.version)
    expect(await ownerOf(sessions, attacker)).not.toBe('victim')
  })
})

it.each(['', 'sid.1=tossed'])('SEC-14 a chunk that was tossed hides nothing: "%s"', async (tossed) => {
  const { sessions } = sealed({ transport: chunkedCookie({ name: 'sid' }) })
  const session = await sessions.open(new Request('https://shop.example/'))
  session.set('big', 'x'.repeat(5000))
  const { headers } = await sessions.commit(session)
  const jar = new CookieJar()
  jar.keep(headers.flatMap(([name, value]) => (name === 'set-cookie' ? [value] : [])))
  const cookie = [tossed, jar.header()].filter(Boolean).join('; ')
  const again = await sessions.open(new Request('https://shop.example/', { headers: { cookie } }))
  expect(again.has('big')).toBe(true)
})

it.each(['sealed', 'keyed'])('close() waits for commits: %s', async (kind) => {
  const clock = manualClock()
  const store = faultyStore(memoryStore({ clock }))
  const sessions = createSessions<Data>({
    store: kind === 'keyed' ? store : sealedCookie({ revocation: store }),
    secret,
    clock,
  })
  const { token } = await visit(sessions, null, (session) => session.set('count', 1))
  const session = await sessions.open(token)
  session.regenerate()
  const held = store.faults.hold('create', { times: 1 })
  const order: string[] = []
  const committing = sessions.commit(session).then(() => order.push('committed'))
  await held.reached
  const closing = sessions.close().then(() => order.push('closed'))
  await settle()
  held.release()
  await Promise.all([committing, closing])
  expect(order).toEqual(['committed', 'closed'])
})

describe('a clock', () => {
  it('with fractions of a ms is as good', async () => {
    const sessions = createSessions<Data>({ store: sealedCookie(), secret, clock: () => 1_700_000_000_000.25 })
    const { token } = await visit(sessions, null, (session) => session.set('count', 1))
    expect(await countOf(sessions, token)).toBe(1)
  })

  it('that steps back brings nobody back whom revokeAll has ended', async () => {
    const { sessions, clock } = sealed({ idleTimeout: '12h', absoluteTimeout: '12h' })
    clock.advance(hour)
    const { token } = await visit(sessions, null, (session) => session.login('ada'))
    clock.advance(-hour)
    await sessions.users.revokeAll('ada')
    clock.advance(12 * hour + 1)
    expect(await ownerOf(sessions, token)).toBeUndefined()
  })

  it('that steps back brings no old token back after a login', async () => {
    const { sessions, clock } = sealed({ idleTimeout: '12h', absoluteTimeout: '12h' })
    clock.advance(hour)
    const { token } = await visit(sessions, null, (session) => session.login('ada'))
    clock.advance(-hour)
    await visit(sessions, token, (session) => session.login('ada'))
    expect(await ownerOf(sessions, token)).toBeUndefined()
    clock.advance(12 * hour + 1)
    expect(await ownerOf(sessions, token)).toBeUndefined()
  })
})
