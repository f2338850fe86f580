import { CookieJar } from 'tough-cookie'
import { describe, expect, it } from 'vitest'
import { createSessions, type Session } from '../../src/index.ts'
import { manualClock, memoryStore } from '../../src/testing/index.ts'
import { cookiesOf, exchangeWith } from '../fixtures/exchange.ts'
import { itOn } from '../fixtures/store-tests.ts'
import { commitAll, openTimes, shown, tokenAfter, tokenWith, visit } from '../fixtures/visits.ts'

const minute = 60_000

describe('a new token', () => {
  for (const [verb, move] of Object.entries({
    login: (session: Session) => session.login('ada'),
    'login of the same user': (session: Session) => {
      session.login('ada')
      session.login('ada')
    },
    regenerate: (session: Session) => session.regenerate(),
    'regenerate and a write': (session: Session) => {
      session.regenerate()
      session.set('later', true)
    },
  })) {
    itOn('two stores', `SEC-33 ${verb}: the old token is nothing at once, the new one has the data`, async (stage) => {
      const sessions = stage.sessions()
      const old = await tokenWith(sessions, { name: 'Ada' })
      const fresh = await tokenAfter(sessions, await moved(old))
      expect(fresh).not.toBe(old)
      expect(await shown(sessions, fresh)).toMatchObject({ name: 'Ada' })
      // No grace: not in the same instant, not while requests of before are still on their way, not later.
      for (const wait of [0, 1, 5000, 10_000, 50_000, minute, 20 * minute]) {
        stage.clock.advance(wait)
        expect(await shown(sessions, old)).toBeNull()
        const late = await sessions.open(old)
        expect([late.userId, late.keys(), late.isNew]).toEqual([undefined, [], true])
        // Not even with rotation switched on on another node.
        expect(
          await shown(createSessions({ store: stage.store, clock: stage.clock, rotateEvery: '1h' }), old),
        ).toBeNull()
      }

      async function moved(token: string): Promise<Session> {
        const session = await sessions.open(token)
        move(session)
        return session
      }
    })
  }

  itOn('two stores', 'SEC-33 a token that was planted before the sign-in leads nowhere after it', async (stage) => {
    const sessions = stage.sessions()
    const site = await stage.site(sessions, {
      '/begin': (session) => session.set('planted', 'by the attacker'),
      '/login': (session) => session.login('victim'),
      '/who': (session) => session.userId ?? null,
    })
    const attacker = site.visitor()
    await attacker.get('/begin')
    const victim = site.visitor()
    for (const [name, value] of attacker.jar) victim.jar.set(name, value)
    await victim.get('/login')
    expect((await victim.get('/who')).value).toBe('victim')
    const planted = [...attacker.jar]
    expect((await attacker.get('/who')).value).toBeNull()
    stage.clock.advance(30_000)
    expect((await attacker.get('/who')).value).toBeNull()
    expect([...attacker.jar]).toEqual(planted)
  })

  itOn('two stores', 'SEC-33 the sign-in that was answered with an error has moved nothing', async (stage) => {
    const sessions = stage.sessions()
    const token = await tokenWith(sessions, { name: 'Ada' })
    const session = await sessions.open(token)
    session.login('ada')
    expect(await sessions.commit(session, { status: 500 })).toMatchObject({ outcome: 'nothing', token: null })
    const after = await sessions.open(token)
    expect([after.isNew, after.userId, after.authenticatedAt]).toEqual([false, undefined, undefined])
  })

  itOn(
    'two stores',
    'SEC-34 regenerated every minute, a session still ends at its absolute deadline',
    async (stage) => {
      const sessions = stage.sessions({ idleTimeout: '10m', absoluteTimeout: '30m' })
      let token = await tokenWith(sessions, { name: 'Ada' })
      const { createdAt } = await sessions.open(token)
      for (let minutes = 1; minutes < 30; minutes++) {
        stage.clock.advance(minute)
        const session = await sessions.open(token)
        expect([session.createdAt, session.get('name')]).toEqual([createdAt, 'Ada'])
        session.regenerate()
        token = await tokenAfter(sessions, session)
      }
      stage.clock.advance(minute - 1)
      expect(await shown(sessions, token)).toEqual({ name: 'Ada' })
      stage.clock.advance(1)
      expect(await shown(sessions, token)).toBeNull()
    },
  )

  itOn(
    'two stores',
    'SEC-34 neither does automatic rotation extend it, nor a rotation in every request',
    async (stage) => {
      const sessions = stage.sessions({ idleTimeout: '10m', absoluteTimeout: '30m', rotateEvery: 1 })
      let token = await tokenWith(sessions, { name: 'Ada' })
      const seen = new Set([token])
      for (let minutes = 1; minutes < 30; minutes++) {
        stage.clock.advance(minute)
        token = (await visit(sessions, token, () => undefined)).token ?? ''
        seen.add(token)
      }
      expect(seen.size).toBe(30)
      stage.clock.advance(minute - 1)
      expect(await shown(sessions, token)).toEqual({ name: 'Ada' })
      stage.clock.advance(1)
      for (const each of seen) expect(await shown(sessions, each)).toBeNull()
    },
  )

  it('SEC-35 the owner can be set by login alone, and every login moves', async () => {
    const sessions = createSessions()
    const tokens = [await tokenWith(sessions, { name: 'Ada' })]
    for (const userId of ['ada', 'ada', 'bob', 'ada']) {
      const session = await sessions.open(tokens.at(-1) ?? null)
      expect(() => Object.assign(session, { userId: 'root' })).toThrow(TypeError)
      session.set('userId', 'root')
      session.set('user', { id: 'root' })
      session.login(userId)
      expect(session.userId).toBe(userId)
      tokens.push(await tokenAfter(sessions, session))
    }
    expect(new Set(tokens).size).toBe(5)
    for (const old of tokens.slice(0, -1)) expect(await shown(sessions, old)).toBeNull()
  })

  it('SEC-35 replacing all data without login keeps the owner, and is no sign-in', async () => {
    const sessions = createSessions()
    const token = await tokenWith(sessions, { name: 'Ada' })
    const { token: issued, outcome } = await visit(sessions, token, (session) => {
      session.clear()
      session.set('userId', 'root')
    })
    expect([issued, outcome]).toEqual([null, 'saved'])
    const session = await sessions.open(token)
    expect([session.userId, session.toJSON().data]).toEqual([undefined, { userId: 'root' }])
  })
})

describe('concurrent moves', () => {
  itOn(
    'two stores',
    'SEC-36 of fifty parallel regenerates on two nodes one wins, and the others set no cookie',
    async (stage) => {
      const nodes = [stage.sessions(), stage.sessions()]
      const [sessions = stage.sessions()] = nodes
      const token = await tokenWith(sessions, { name: 'Ada' })
      const opened = await openTimes(50, nodes, token)
      for (const { session } of opened) session.regenerate()
      const done = await commitAll(opened)
      const winners = done.filter(({ outcome }) => outcome === 'moved')
      expect(winners).toHaveLength(1)
      for (const { outcome, token: issued } of done) {
        if (outcome !== 'moved') expect([outcome, issued]).toEqual(['gone', null])
      }
      expect(await shown(sessions, winners[0]?.token ?? null)).toEqual({ name: 'Ada' })
      expect(await shown(sessions, token)).toBeNull()
      // One session and one mark; no successor of a loser is left behind.
      const live = await sessions.list()
      expect([live.sessions.length, (await stage.records()).length]).toEqual([1, 2])
    },
  )

  itOn(
    'two stores',
    'SEC-36 fifty parallel requests at an automatic rotation all go on in one session',
    async (stage) => {
      const nodes = [1, 2].map(() => stage.sessions({ rotateEvery: '1m' }))
      const [sessions = stage.sessions()] = nodes
      const token = await tokenWith(sessions, { name: 'Ada' })
      stage.clock.advance(minute)
      const opened = await openTimes(50, nodes, token)
      for (const { session } of opened.slice(0, 25)) session.increment('count')
      const done = await commitAll(opened)
      const issued = new Set(done.map((each) => each.token))
      expect(issued.size).toBe(1)
      expect(issued).not.toContain(null)
      const [successor = null] = issued
      expect(await shown(sessions, successor)).toEqual({ name: 'Ada', count: 25 })
      expect((await sessions.list()).sessions).toHaveLength(1)
    },
  )

  itOn(
    'two stores',
    'SEC-36 of parallel sign-ins of one form every one succeeds, and the browser holds a live one',
    async (stage) => {
      const nodes = [stage.sessions(), stage.sessions()]
      const [sessions = stage.sessions()] = nodes
      const token = await tokenWith(sessions, { name: 'Ada' })
      const opened = await openTimes(10, nodes, token)
      for (const { session } of opened) session.login('ada')
      const done = await commitAll(opened)
      for (const each of done) {
        const session = await sessions.open(each.token)
        expect([session.isNew, session.userId]).toEqual([false, 'ada'])
      }
    },
  )

  it('SEC-36 in a browser, parallel requests around a sign-in leave it signed in, in whatever order answers arrive', async () => {
    const clock = manualClock()
    const sessions = createSessions({ store: memoryStore({ clock }), clock })
    for (let order = 0; order < 6; order++) {
      const jar = new CookieJar()
      const old = await tokenWith(sessions, { name: 'Ada' })
      const open = async (token: string) => {
        const exchange = exchangeWith({ cookie: `__Host-sid=${token}` })
        return { session: await sessions.open(exchange), exchange }
      }
      const [login, write] = [await open(old), await open(old)]
      login.session.login('ada')
      await sessions.commit(login.session)
      write.session.set('late', true)
      await sessions.commit(write.session)
      const read = await open(old)
      read.session.set('later', true)
      await sessions.commit(read.session)
      const answers = [login, write, read]
      const first = answers.splice(order % 3, 1)
      if (order >= 3) answers.reverse()
      for (const { exchange } of [...first, ...answers]) {
        for (const each of cookiesOf(exchange)) await jar.setCookie(each, 'https://example.org/')
      }
      const held = (await jar.getCookieString('https://example.org/')).replace('__Host-sid=', '')
      expect((await sessions.open(held)).userId, `order ${order}`).toBe('ada')
    }
  })
})

describe('what a sign-in carries over', () => {
  itOn('two stores', 'SEC-37 all of an anonymous session, or only what is named', async (stage) => {
    const sessions = stage.sessions()
    const rows = [
      [undefined, { cart: ['hat'], planted: 'evil', __proto__x: 1 }],
      [{ keep: ['cart'] }, { cart: ['hat'] }],
      [{ keep: [] }, {}],
      [{ keep: ['absent', 'toString', 'cart'] }, { cart: ['hat'] }],
    ] as const
    for (const [options, expected] of rows) {
      const token = await tokenWith(sessions, { cart: ['hat'], planted: 'evil', __proto__x: 1 })
      const session = await sessions.open(token)
      session.flash.set('notice', 'planted')
      session.login('ada', options)
      expect(session.toJSON().data).toEqual(expected)
      expect(await shown(sessions, await tokenAfter(sessions, session))).toEqual(expected)
    }
  })

  itOn(
    'two stores',
    'SEC-37 of a message that was planted before, nothing is left after a sign-in that names what to keep',
    async (stage) => {
      const sessions = stage.sessions()
      for (const [keep, expected] of [
        [['cart'], undefined],
        [undefined, 'planted'],
      ] as const) {
        const token = await tokenWith(sessions, { cart: [] })
        await visit(sessions, token, (session) => session.flash.set('notice', 'planted'))
        const session = await sessions.open(token)
        session.login('ada', keep === undefined ? {} : { keep })
        const after = await sessions.open(await tokenAfter(sessions, session))
        expect(after.flash.get('notice')).toBe(expected)
      }
    },
  )

  itOn('two stores', 'SEC-37 nothing of another user that is not named', async (stage) => {
    const sessions = stage.sessions()
    for (const [keep, expected] of [
      [undefined, {}],
      [['theme'], { theme: 'dark' }],
    ] as const) {
      const begun = await sessions.open(null)
      begun.set('theme', 'dark')
      begun.set('orders', [1, 2])
      begun.login('ada')
      const session = await sessions.open(await tokenAfter(sessions, begun))
      session.login('bob', keep === undefined ? {} : { keep: [...keep] })
      const token = await tokenAfter(sessions, session)
      expect(await shown(sessions, token)).toEqual(expected)
      expect((await sessions.open(token)).userId).toBe('bob')
    }
  })

  itOn('two stores', 'SEC-37 what is dropped stays dropped when another request wrote it meanwhile', async (stage) => {
    const [sessions, other] = [stage.sessions(), stage.sessions()]
    const token = await tokenWith(sessions, { cart: ['hat'] })
    const session = await sessions.open(token)
    session.login('ada', { keep: ['cart'] })
    await visit(other, token, (each) => {
      each.set('planted', 'evil')
      each.push('cart', 'scarf')
    })
    expect(await shown(sessions, await tokenAfter(sessions, session))).toEqual({ cart: ['hat', 'scarf'] })
  })
})

describe('the time of the sign-in', () => {
  itOn(
    'two stores',
    'SEC-39 is that of the last login, survives new tokens, and starts a new absolute lifetime',
    async (stage) => {
      const sessions = stage.sessions({ idleTimeout: '2h', absoluteTimeout: '3h' })
      const { clock } = stage
      const begun = await sessions.open(null)
      expect(begun.authenticatedAt).toBeUndefined()
      begun.login('ada')
      const first = clock()
      expect(begun.authenticatedAt).toBe(first)
      let token = await tokenAfter(sessions, begun)
      const isFresh = async (maxAge: number) => {
        const { authenticatedAt } = await sessions.open(token)
        return authenticatedAt !== undefined && clock() - authenticatedAt < maxAge
      }
      clock.advance(10 * minute - 1)
      expect(await isFresh(10 * minute)).toBe(true)
      clock.advance(1)
      expect(await isFresh(10 * minute)).toBe(false)
      // Neither use nor a new token makes it fresh.
      await visit(sessions, token, (session) => session.set('used', true))
      const regenerated = await sessions.open(token)
      regenerated.regenerate()
      token = await tokenAfter(sessions, regenerated)
      expect((await sessions.open(token)).authenticatedAt).toBe(first)
      expect(await isFresh(10 * minute)).toBe(false)
      // The same user again: step-up.
      clock.advance(100 * minute)
      const again = await sessions.open(token)
      again.login('ada')
      token = await tokenAfter(sessions, again)
      expect(await isFresh(10 * minute)).toBe(true)
      const { authenticatedAt, createdAt } = await sessions.open(token)
      expect([authenticatedAt, createdAt]).toEqual([first + 110 * minute, first])
      // From the last login, not from the creation.
      clock.advance(115 * minute)
      await visit(sessions, token, (session) => session.touch())
      clock.advance(65 * minute - 1)
      expect(await shown(sessions, token)).not.toBeNull()
      clock.advance(1)
      expect(await shown(sessions, token)).toBeNull()
    },
  )

  it('SEC-39 is not something that data can pass for', async () => {
    const sessions = createSessions()
    const token = await tokenWith(sessions, { authenticatedAt: Date.now(), userId: 'root', device: 'x' })
    const session = await sessions.open(token)
    expect([session.authenticatedAt, session.userId, session.device]).toEqual([undefined, undefined, undefined])
    expect(() => Object.assign(session, { authenticatedAt: 1 })).toThrow(TypeError)
  })

  it('SEC-39 the device is what the browser said, printable and bounded', async () => {
    const sessions = createSessions()
    const said = `Mozilla\r\n\u001b[31m<script> ${'x'.repeat(1000)}`
    const headers = { get: (name: string) => (name === 'user-agent' ? said : null) }
    const session = await sessions.open({ method: 'GET', url: 'https://example.org/', headers })
    session.login('ada')
    expect(session.device).toBe(`Mozilla[31m<script> ${'x'.repeat(1000)}`.slice(0, 256))
  })

  it.each([[''], ['x'.repeat(513)], [7], [null], [undefined], [{ toString: () => 'root' }], [['root']]])(
    'SEC-39 %j is no user to sign in',
    async (userId) => {
      const session = await createSessions().open(null)
      expect(() => session.login(userId as never)).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }))
      expect([session.userId, session.isChanged]).toEqual([undefined, false])
    },
  )
})
