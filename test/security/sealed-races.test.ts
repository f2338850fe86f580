import { describe, expect, it } from 'vitest'
import { createSessions, type Session, type Sessions, type SessionsOptions, type Store } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { sealedCookie } from '../../src/stores/sealed-cookie/index.ts'
import { faultyStore, manualClock } from '../../src/testing/index.ts'
import { chunkedCookie, cookieTransport, firstOf, headerTransport } from '../../src/transports/index.ts'

const secret = 'k7Uv0-kTz9_Qm2xWc7Lr5Hy8Jn3Bd6Fs1PgE'
type D = { a?: number; b?: number; n?: number; big?: string; i?: number }
function stage(options: SessionsOptions<D> = {}) {
  const clock = manualClock()
  const marks = faultyStore(memoryStore({ clock }))
  const events: string[] = []
  const on = Object.fromEntries(['gone', 'invalid', 'token-reuse', 'destroyed'].map((n) => [n, () => events.push(n)]))
  const sessions = createSessions<D>({ store: sealedCookie({ revocation: marks }), secret, clock, on, ...options })
  return { clock, marks, events, sessions }
}
async function visit(sessions: Sessions<D>, token: string | null, work: (s: Session<D>) => unknown = () => undefined) {
  const session = await sessions.open(token)
  await work(session)
  const c = await sessions.commit(session)
  return { token: c.token ?? token, outcome: c.outcome, session }
}
const h = 3_600_000
const min = 60_000

describe('sealed sessions and their revocation, under interleavings and faults', () => {
  it('X2 revokeAll in the middle of a regenerate ends what the regenerate makes', async () => {
    const { sessions, marks } = stage()
    const { token } = await visit(sessions, null, (s) => s.login('u'))
    const slow = await sessions.open(token)
    slow.regenerate()
    // the commit reads own mark, user mark (isLive), and then the user mark again: revokeAll comes in before the last
    const held = marks.faults.hold('create', { times: 1 })
    let n = 0
    const third = marks.faults.hold('read', { when: () => ++n === 3, times: 1 })
    const p = sessions.commit(slow)
    if ((await Promise.race([third.reached.then(() => 1), held.reached.then(() => 2)])) === 2) third.release()
    held.release()
    await sessions.users.revokeAll('u')
    third.release()
    const c = await p
    expect((await sessions.open(c.token)).userId).toBeUndefined()
  })
  it('X2 an end through the old cookie holds as long as the session that it moved to could live', async () => {
    const { sessions, clock } = stage({ absoluteTimeout: '12h', idleTimeout: '30m' })
    let { token } = await visit(sessions, null, (s) => s.set('a', 1))
    for (let t = 0; t < 11 * h + 45 * min; t += 15 * min) {
      clock.advance(15 * min)
      token = (await visit(sessions, token)).token
    }
    const slow = await sessions.open(token)
    expect(slow.get('a')).toBe(1)
    const { token: signedIn } = await visit(sessions, token, (s) => s.login('u'))
    slow.logout()
    await sessions.commit(slow)
    expect((await sessions.open(signedIn)).userId).toBeUndefined()
    clock.advance(16 * min)
    expect((await sessions.open(signedIn)).userId).toBeUndefined()
  })
  it('X2 a session that was revoked is not brought back by being excepted later', async () => {
    const { sessions } = stage()
    const a = await visit(sessions, null, (s) => s.login('u'))
    const b = await visit(sessions, null, (s) => s.login('u'))
    const slowB = await sessions.open(b.token)
    await sessions.users.revokeAll('u', { except: (await sessions.open(a.token)).id })
    expect((await sessions.open(a.token)).userId).toBe('u')
    expect((await sessions.open(b.token)).userId).toBeUndefined()
    await sessions.users.revokeAll('u', { except: slowB.id })
    expect((await sessions.open(b.token)).userId).toBeUndefined()
  })
  it('a session can be excepted again and again, with and without a new seal in between', async () => {
    for (const reseal of [false, true]) {
      const { sessions } = stage()
      let { token } = await visit(sessions, null, (s) => s.login('u'))
      for (let i = 0; i < 3; i++) {
        await sessions.users.revokeAll('u', { except: (await sessions.open(token)).id })
        if (reseal) token = (await visit(sessions, token, (s) => s.set('a', i))).token
        expect((await sessions.open(token)).userId).toBe('u')
      }
    }
  })
  it('L18 regenerate() while a save is under way is carried out by the next commit', async () => {
    const { sessions } = stage()
    const { token } = await visit(sessions, null, (s) => s.set('a', 1))
    const { token: next } = await visit(sessions, token, async (s) => {
      s.set('a', 2)
      const p = s.save()
      s.regenerate()
      await p
    })
    expect((await sessions.open(next)).get('a')).toBe(2)
    expect((await sessions.open(token)).get('a')).toBeUndefined()
  })
  it('L18 login() while a save is under way is carried out, after a revokeAll too', async () => {
    const { sessions } = stage()
    await sessions.users.revokeAll('u')
    const { token } = await visit(sessions, null, (s) => s.set('a', 1))
    const { token: next } = await visit(sessions, token, async (s) => {
      s.set('a', 2)
      const p = s.save()
      s.login('u')
      await p
    })
    expect((await sessions.open(next)).userId).toBe('u')
  })
  it('SEC-36 with a keyed store, login() during an automatic rotation leaves the old token no way to the session', async () => {
    const clock = manualClock()
    const store = faultyStore(memoryStore({ clock }))
    const sessions = createSessions<D>({ store, clock, rotateEvery: '10m' })
    const { token } = await visit(sessions, null, (s) => s.set('a', 1))
    clock.advance(10 * min)
    await visit(sessions, token, async (s) => {
      s.set('a', 2)
      const held = store.faults.hold('replace', { times: 1 })
      const p = s.save()
      await held.reached
      s.login('victim')
      held.release()
      await p
    })
    expect((await sessions.open(token)).userId).toBeUndefined()
  })
  it('SEC-36 with a keyed store, regenerate() during an automatic rotation ends the old token', async () => {
    const clock = manualClock()
    const sessions = createSessions<D>({ store: memoryStore({ clock }), clock, rotateEvery: '10m' })
    const { token } = await visit(sessions, null, (s) => s.set('a', 1))
    clock.advance(10 * min)
    await visit(sessions, token, async (s) => {
      s.set('a', 2)
      const p = s.save()
      s.regenerate()
      await p
    })
    expect((await sessions.open(token)).get('a')).toBeUndefined()
  })
  it('X5 a write goes on where a read has rotated the session meanwhile', async () => {
    const { sessions, clock } = stage({ rotateEvery: '10m' })
    const { token } = await visit(sessions, null, (s) => s.set('a', 1))
    clock.advance(10 * min)
    const writer = await sessions.open(token)
    writer.set('a', 2)
    expect((await visit(sessions, token)).outcome).toBe('moved')
    const c = await sessions.commit(writer)
    expect([c.outcome, (await sessions.open(c.token)).get('a')]).toEqual(['saved', 2])
  })
  it('X5 so does a login, with its data', async () => {
    const { sessions, clock } = stage({ rotateEvery: '10m' })
    const { token } = await visit(sessions, null, (s) => s.set('a', 1))
    clock.advance(10 * min)
    const writer = await sessions.open(token)
    writer.login('u')
    await visit(sessions, token)
    const c = await sessions.commit(writer)
    const after = await sessions.open(c.token)
    expect([after.get('a'), after.userId]).toEqual([1, 'u'])
  })
  it('X5 of parallel reads at the time of a rotation all get a live cookie', async () => {
    const { sessions, clock, events } = stage({ rotateEvery: '10m' })
    const { token } = await visit(sessions, null, (s) => s.set('a', 1))
    clock.advance(10 * min)
    const all = await Promise.all([1, 2, 3, 4].map(() => sessions.open(token)))
    const done = await Promise.all(all.map((s) => sessions.commit(s)))
    expect([done.map((d) => d.outcome), events]).toEqual([Array(4).fill('moved'), []])
    expect(new Set(done.map((d) => d.token)).size).toBe(1)
  })
  it('a request that takes longer than the grace is no reuse of a token', async () => {
    const { sessions, clock, events } = stage({ rotateEvery: '10m' })
    const { token } = await visit(sessions, null, (s) => s.set('a', 1))
    clock.advance(10 * min)
    const slow = await sessions.open(token)
    slow.set('b', 1)
    await visit(sessions, token)
    clock.advance(31_000)
    await sessions.commit(slow)
    expect(events).not.toContain('token-reuse')
  })
  it('nor is it with a keyed store', async () => {
    const clock = manualClock()
    const events: string[] = []
    const sessions = createSessions<D>({
      store: memoryStore({ clock }),
      clock,
      rotateEvery: '10m',
      on: { 'token-reuse': () => events.push('r') },
    })
    const { token } = await visit(sessions, null, (s) => s.set('a', 1))
    clock.advance(10 * min)
    const slow = await sessions.open(token)
    slow.set('b', 1)
    await visit(sessions, token)
    clock.advance(31_000)
    expect((await sessions.commit(slow)).outcome).toBe('saved')
    expect(events).toEqual([])
  })
  it('REL-07 a client that repeats the mark of a regenerate does not end the session', async () => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    let repeat = false
    const retrying: Store = {
      ...inner,
      name: 'retrying',
      create: async (k, r, o) => {
        const first = await inner.create(k, r, o)
        return repeat ? inner.create(k, r, o) : first
      },
    }
    const sessions = createSessions<D>({ store: sealedCookie({ revocation: retrying }), secret, clock })
    const { token } = await visit(sessions, null, (s) => s.set('a', 1))
    repeat = true
    const c = await visit(sessions, token, (s) => s.regenerate())
    expect(c.outcome).toBe('moved')
    expect((await sessions.open(c.token)).get('a')).toBe(1)
  })
  it('a keyed system in the same store lists no marks, and cannot end them', async () => {
    const { sessions, marks, clock } = stage()
    const { token } = await visit(sessions, null, (s) => s.login('u'))
    await sessions.users.revokeAll('u')
    expect((await sessions.open(token)).userId).toBeUndefined()
    const keyed = createSessions<D>({ store: marks, clock, cookie: { name: '__Host-admin' } })
    for (const { id } of (await keyed.list()).sessions) await keyed.revoke(id)
    expect((await sessions.open(token)).userId).toBeUndefined()
  })
  it('F16 what does not fit behind firstOf retires nothing', async () => {
    const { sessions } = stage({ transport: firstOf(cookieTransport(), headerTransport()) })
    const first = await sessions.open(new Request('https://a.example/'))
    first.set('a', 1)
    const { token } = await sessions.commit(first)
    expect((await sessions.open(token)).get('a')).toBe(1)
    const second = await sessions.open(
      new Request('https://a.example/', { headers: { cookie: `__Host-sid=${token}` } }),
    )
    expect(second.get('a')).toBe(1)
    second.set('big', 'x'.repeat(4000))
    second.regenerate()
    await expect(sessions.commit(second)).rejects.toThrow(expect.objectContaining({ code: 'COOKIE_TOO_LARGE' }))
    expect((await sessions.open(token)).get('a')).toBe(1)
  })
  it('a mark that cannot be read lets nobody in, and login() says so', async () => {
    const clock = manualClock()
    const marks = memoryStore({ clock })
    const before = createSessions<D>({ store: sealedCookie({ revocation: marks }), secret, clock })
    await before.users.revokeAll('u')
    const [entry] = (await marks.list({ limit: 1 })).entries
    if (entry === undefined) throw new Error('nothing was stored')
    await marks.replace(entry.key, { ...entry.record, payload: '{"v":9}', version: 2 }, 1)
    const after = createSessions<D>({ store: sealedCookie({ revocation: marks }), secret, clock })
    const other = await visit(after, null, (s) => s.login('other'))
    expect((await after.open(other.token)).userId).toBe('other')
    const outcome = await visit(after, null, (s) => s.login('u')).then(
      async ({ token }) => (await after.open(token)).userId,
      () => 'threw',
    )
    expect(outcome).toBe('threw')
  })
  it('an automatic rotation does not make requests fail when the cookie is nearly full', async () => {
    for (const write of [false, true]) {
      const { sessions, clock } = stage({ rotateEvery: '1m' })
      let token: string | null = null
      for (let n = 2900; n > 2500 && token === null; n--) {
        try {
          token = (await visit(sessions, null, (s) => s.set('big', 'x'.repeat(n)))).token
        } catch (error) {
          expect(error).toMatchObject({ code: 'COOKIE_TOO_LARGE' })
        }
      }
      expect((await sessions.open(token)).get('big')).toBeDefined()
      clock.advance(1 * min)
      expect(
        (
          await visit(sessions, token, (s) => {
            if (write) s.update('big', (b = '') => `y${b.slice(1)}`)
          })
        ).outcome,
      ).toBe(write ? 'saved' : 'nothing')
    }
  })
  for (const tossed of ['', 'sid.1=tossed'])
    it(`SEC-14 a chunk that was tossed hides nothing: "${tossed}"`, async () => {
      const { sessions } = stage({ transport: chunkedCookie({ name: 'sid' }) })
      const s = await sessions.open(new Request('https://a.example/'))
      s.set('big', 'x'.repeat(5000))
      const { headers } = await sessions.commit(s)
      const jar = headers.flatMap(([n, v]) => (n === 'set-cookie' ? [v.split(';')[0] ?? ''] : []))
      const cookie = [tossed, ...jar].filter(Boolean).join('; ')
      const r = await sessions.open(new Request('https://a.example/', { headers: { cookie } }))
      expect(r.has('big')).toBe(true)
    })
  for (const kind of ['sealed', 'keyed'])
    it(`close() waits for commits: ${kind}`, async () => {
      const clock = manualClock()
      const marks = faultyStore(memoryStore({ clock }))
      const sessions = createSessions<D>({
        store: kind === 'keyed' ? marks : sealedCookie({ revocation: marks }),
        secret,
        clock,
      })
      const { token } = await visit(sessions, null, (s) => s.set('a', 1))
      const s = await sessions.open(token)
      s.regenerate()
      const held = marks.faults.hold('create', { times: 1 })
      const p = sessions.commit(s)
      await held.reached
      const closing = sessions.close()
      const first = await Promise.race([
        closing.then(() => 'closed'),
        new Promise((r) => setTimeout(() => r('waiting'), 50)),
      ])
      held.release()
      await p
      await closing
      expect(first).toBe('waiting')
    })
  it('a clock with fractions of a ms is as good', async () => {
    const sessions = createSessions<D>({ store: sealedCookie(), secret, clock: () => 1_700_000_000_000.25 })
    const { token } = await visit(sessions, null, (s) => s.set('a', 1))
    expect((await sessions.open(token)).get('a')).toBe(1)
  })
  it('SEC-66 the mark of another session leads nowhere', async () => {
    const { sessions, marks, clock } = stage({ rotateEvery: '10m' })
    const victim = await visit(sessions, null, (s) => s.login('victim'))
    const attacker = await visit(sessions, null, (s) => s.login('attacker'))
    clock.advance(10 * min)
    await visit(sessions, victim.token)
    expect((await sessions.open(victim.token)).userId).toBe('victim')
    const [mark] = (await marks.list({ limit: 10 })).entries
    await visit(sessions, attacker.token)
    const own = (await marks.list({ limit: 10 })).entries.find((e) => e.key !== mark?.key)
    if (mark === undefined || own === undefined) throw new Error('two marks are expected')
    await marks.replace(own.key, { ...mark.record, version: own.record.version + 1 }, own.record.version)
    expect((await sessions.open(attacker.token)).userId).not.toBe('victim')
  })
  it('a clock that steps back brings nobody back whom revokeAll has ended', async () => {
    const { sessions, clock } = stage({ idleTimeout: '12h', absoluteTimeout: '12h' })
    clock.advance(h)
    const { token } = await visit(sessions, null, (s) => s.login('u'))
    clock.advance(-h)
    await sessions.users.revokeAll('u')
    clock.advance(12 * h + 1)
    expect((await sessions.open(token)).userId).toBeUndefined()
  })
  it('a clock that steps back brings no old token back after a login', async () => {
    const { sessions, clock } = stage({ idleTimeout: '12h', absoluteTimeout: '12h' })
    clock.advance(h)
    const { token } = await visit(sessions, null, (s) => s.login('u'))
    clock.advance(-h)
    await visit(sessions, token, (s) => s.login('u'))
    expect((await sessions.open(token)).userId).toBeUndefined()
    clock.advance(12 * h + 1)
    expect((await sessions.open(token)).userId).toBeUndefined()
  })
})
