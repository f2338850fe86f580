import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, expectTypeOf } from 'vitest'
import { z } from 'zod'
import type { Session } from '../../src/index.ts'
import type { Site, Visitor } from '../fixtures/express-app.ts'
import { gate, meetingOf } from '../fixtures/gate.ts'
import { itOn, type Stage } from '../fixtures/store-tests.ts'
import { begin, errorOf } from '../fixtures/visits.ts'

const minute = 60_000
const hour = 60 * minute
const secrets = ['Zr4u7x!A%D*G-KaPdSgVkYp3s6v9y$B?', 'mZq4t7w!z%C*F-JaNdRgUkXp2s5v8x/A']

/** A browser with the same cookies, which does not hear of each other's answers. */
function twinOf(site: Site, visitor: Visitor): Visitor {
  const twin = site.visitor()
  for (const [name, value] of visitor.jar) twin.jar.set(name, value)
  return twin
}

describe('X1 overlapping requests of one session', () => {
  itOn('every store', 'X1 writes to different keys all survive', async (stage) => {
    const parts = 8
    const meet = meetingOf(parts)
    const site = await stage.site(stage.sessions(), {
      '/begin': (session) => session.set('begun', true),
      '/write': async (session, req) => {
        await meet()
        session.set(`key${req.query['part']}`, Number(req.query['part']))
      },
      '/read': (session) => session.toJSON().data,
    })
    const visitor = site.visitor()
    await visitor.get('/begin')
    const numbers = Array.from({ length: parts }, (_, part) => part)
    await Promise.all(numbers.map((part) => visitor.get(`/write?part=${part}`)))
    const expected = Object.fromEntries(numbers.map((part) => [`key${part}`, part]))
    expect((await visitor.get('/read')).value).toEqual({ begun: true, ...expected })
  })

  itOn(
    'every store',
    'X1 update, increment and push lose no step of 1,000 parallel requests',
    async (stage) => {
      const requests = 1000
      const sessions = stage.sessions<{ count?: number; sum?: number; list?: number[] }>({ storeTimeout: '60s' })
      const site = await stage.site(sessions, {
        '/begin': (session) => session.set('count', 0),
        '/step': (session, req) => {
          session.increment('count')
          session.update('sum', (sum = 0) => sum + Number(req.query['number']))
          session.push('list', Number(req.query['number']))
        },
        '/read': (session) => session.toJSON().data,
      })
      const visitor = site.visitor()
      await visitor.get('/begin')
      const numbers = Array.from({ length: requests }, (_, number) => number)
      const replies = await Promise.all(numbers.map((number) => visitor.get(`/step?number=${number}`)))
      expect(replies.filter(({ status }) => status === 200)).toHaveLength(requests)
      const { count, sum, list } = (await visitor.get('/read')).value as { count: number; sum: number; list: number[] }
      expect({ count, sum }).toEqual({ count: requests, sum: (requests * (requests - 1)) / 2 })
      expect(list.sort((a, b) => a - b)).toEqual(numbers)
    },
    { timeoutMs: 120_000 },
  )

  itOn('every store', 'X1 nor do two systems on one store that take turns in the middle of a commit', async (stage) => {
    const nodes = [stage.sessions<{ count?: number }>(), stage.sessions<{ count?: number }>()] as const
    const first = await nodes[0].open(null)
    first.increment('count')
    const { token } = await nodes[0].commit(first)
    const [slow, fast] = [await nodes[0].open(token), await nodes[1].open(token)]
    slow.increment('count')
    fast.increment('count')
    const held = stage.store.faults.hold('replace', { times: 1 })
    const committing = nodes[0].commit(slow)
    await held.reached
    expect((await nodes[1].commit(fast)).outcome).toBe('saved')
    held.release()
    expect((await committing).outcome).toBe('saved')
    expect((await nodes[0].open(token)).get('count')).toBe(3)
  })
})

describe('X2 what has ended', () => {
  type Late = (session: Session) => unknown
  const late: Record<string, Late> = {
    'a late write': (session) => session.set('late', true),
    'a late save': (session) => {
      session.set('late', true)
      return session.save()
    },
    'a late touch': (session) => session.touch(),
    'a late regenerate': (session) => session.regenerate(),
    'a late write and regenerate': (session) => {
      session.set('late', true)
      session.regenerate()
    },
    'a late flash': (session) => session.flash.set('late', true),
    'a late take': (session) => session.flash.take('notice'),
    'a late read': (session) => session.get('name'),
    'a late destroy': (session) => session.destroy(),
  }

  /** Lets a request begin, lets `end` happen, and lets the request go on. */
  const overlap = async (stage: Stage, work: Late, end: '/destroy' | '/regenerate' | '/login') => {
    const [reached, ended] = [gate(), gate()]
    const sessions = stage.sessions()
    const site = await stage.site(sessions, {
      '/begin': (session) => {
        session.set('name', 'Ada')
        session.flash.set('notice', 'Welcome')
      },
      '/destroy': (session) => session.destroy(),
      '/regenerate': (session) => session.regenerate(),
      '/login': (session) => session.login('ada'),
      '/read': (session) => [session.get('name'), session.has('late')],
      '/slow': async (session) => {
        reached.open()
        await ended.promise
        await work(session)
      },
    })
    const visitor = site.visitor()
    await visitor.get('/begin')
    const twin = twinOf(site, visitor)
    const old = twinOf(site, visitor)
    const slow = twin.get('/slow')
    await reached.promise
    await visitor.get(end)
    ended.open()
    return { reply: await slow, visitor, old, sessions }
  }

  for (const [name, work] of Object.entries(late)) {
    itOn('every store', `X2 destroyed, it is not brought back by ${name}`, async (stage) => {
      const { reply, old } = await overlap(stage, work, '/destroy')
      expect(reply.status).toBe(name === 'a late save' ? 409 : 200)
      // Only the visitor who ends a session is told to forget its cookie.
      if (name !== 'a late destroy') expect(reply.cookies).toEqual([])
      expect((await old.get('/read')).value).toEqual([null, false])
      expect(await stage.live()).toBe(0)
      expect(await stage.records()).toEqual([])
    })

    for (const end of ['/regenerate', '/login'] as const) {
      if (name === 'a late destroy') continue
      itOn(
        'every store',
        `X2 given another id by ${end.slice(1)}, the old one is not brought back by ${name}`,
        async (stage) => {
          const { reply, visitor, old } = await overlap(stage, work, end)
          expect(reply.status).toBe(name === 'a late save' ? 409 : 200)
          expect(reply.cookies).toEqual([])
          expect((await old.get('/read')).value).toEqual([null, false])
          expect((await visitor.get('/read')).value).toEqual(['Ada', false])
          expect(await stage.live()).toBe(1)
        },
      )
    }
  }

  for (const end of ['/regenerate', '/login'] as const) {
    itOn(
      'every store',
      `X2 given another id by ${end.slice(1)}, a late destroy ends it all the same`,
      async (stage) => {
        const { visitor, old } = await overlap(stage, (session) => session.destroy(), end)
        expect((await old.get('/read')).value).toEqual([null, false])
        expect((await visitor.get('/read')).value).toEqual([null, false])
        expect(await stage.live()).toBe(0)
      },
    )
  }

  itOn('every store', 'X2 nor by what was in the middle of a commit on another node', async (stage) => {
    const nodes = [stage.sessions(), stage.sessions()] as const
    for (const operation of ['replace', 'touch'] as const) {
      const { token } = await begin(nodes[0])
      const [slow, ending] = [await nodes[0].open(token), await nodes[1].open(token)]
      if (operation === 'replace') slow.set('late', true)
      stage.clock.advance(minute)
      slow.touch()
      ending.destroy()
      const held = stage.store.faults.hold(operation, { times: 1 })
      const committing = nodes[0].commit(slow)
      await held.reached
      expect((await nodes[1].commit(ending)).outcome).toBe('ended')
      held.release()
      expect(await committing).toMatchObject({ outcome: 'gone', token: null })
      expect(await stage.records()).toEqual([])
    }
  })
})

describe('X3 at rest', () => {
  itOn(
    'every store',
    'X3 the store holds a hash of the token, never a part of it, and the hash opens nothing',
    async (stage) => {
      for (const secret of [undefined, secrets[0]]) {
        const sessions = stage.sessions({ secret })
        const { token } = await begin(sessions)
        const session = await sessions.open(token)
        session.login('ada')
        const { token: moved } = await sessions.commit(session)
        const records = await stage.records()
        const everything = JSON.stringify(records) + textOf(stage.folder)
        for (const carried of [token, moved ?? '']) {
          expect(carried).toMatch(/^[\w-]{43}$/)
          expect(everything).not.toContain(carried)
          for (let at = 0; at + 16 <= carried.length; at++) expect(everything).not.toContain(carried.slice(at, at + 16))
        }
        for (const { key } of records) expect(await sessions.open(key)).toMatchObject({ isNew: true })
        expect((await sessions.open(moved)).userId).toBe('ada')
      }
    },
  )

  itOn('every store', 'X3 the hash is keyed by the secret, and rotates with it', async (stage) => {
    const token = 'one-token-for-all-of-them-0123456789abcdef'
    const nodes = [undefined, ...secrets].map((secret) => {
      let made = 0
      const generate = () => (++made === 1 ? `${token}x` : token)
      return stage.sessions({ secret, id: { generate } })
    })
    for (const sessions of nodes) expect((await begin(sessions)).token).toBe(token)
    const keys = (await stage.records()).map(({ key }) => key)
    expect(new Set(keys).size).toBe(3)
    const [fresh = '', old = ''] = secrets
    const { token: carried } = await begin(stage.sessions({ secret: old }))
    const both = stage.sessions({ secret: [fresh, old] })
    const session = await both.open(carried)
    expect(session.get('name')).toBe('Ada')
    session.regenerate()
    const { token: moved } = await both.commit(session)
    expect((await stage.sessions({ secret: fresh }).open(moved)).get('name')).toBe('Ada')
    expect((await stage.sessions({ secret: old }).open(moved)).has('name')).toBe(false)
  })

  /** All files below a folder as one text, their names included. */
  const textOf = (folder: string): string =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .map(
        (entry) => `${entry.name}\n${entry.isFile() ? readFileSync(join(entry.parentPath, entry.name), 'latin1') : ''}`,
      )
      .join('\n')
})

describe('X4 deadlines', () => {
  const routes = {
    '/write': (session: Session) => session.set('name', 'Ada'),
    '/read': (session: Session) => session.get('name'),
    '/login': (session: Session) => session.login('ada'),
  }

  itOn('every store', 'X4 an unused session ends after the idle timeout, on the server', async (stage) => {
    const sessions = stage.sessions({ idleTimeout: '30m', absoluteTimeout: '12h', cookie: { maxAge: '12h' } })
    const visitor = (await stage.site(sessions, routes)).visitor()
    await visitor.get('/write')
    stage.clock.advance(30 * minute - 1)
    expect((await visitor.get('/read')).value).toBe('Ada')
    stage.clock.advance(30 * minute - 1)
    expect((await visitor.get('/read')).value).toBe('Ada')
    stage.clock.advance(30 * minute)
    expect(visitor.jar.size).toBe(1)
    expect((await visitor.get('/read')).value).toBeNull()
  })

  itOn(
    'every store',
    'X4 a session ends after the absolute timeout however much it is used, on the server',
    async (stage) => {
      const sessions = stage.sessions({ idleTimeout: '30m', absoluteTimeout: '2h' })
      const visitor = (await stage.site(sessions, routes)).visitor()
      const began = stage.clock()
      await visitor.get('/write')
      while (stage.clock() + 10 * minute < began + 2 * hour) {
        stage.clock.advance(10 * minute)
        expect((await visitor.get(stage.clock() % hour === 0 ? '/write' : '/read')).status).toBe(200)
      }
      stage.clock.set(began + 2 * hour - 1)
      expect((await visitor.get('/read')).value).toBe('Ada')
      stage.clock.set(began + 2 * hour)
      expect((await visitor.get('/read')).value).toBeNull()
    },
  )

  itOn('every store', 'X4 a new id gains no time', async (stage) => {
    const sessions = stage.sessions({ idleTimeout: '2h', absoluteTimeout: '2h' })
    const { token } = await begin(sessions)
    stage.clock.advance(hour)
    const session = await sessions.open(token)
    session.regenerate()
    const { token: moved } = await sessions.commit(session)
    stage.clock.advance(hour - 1)
    expect((await sessions.open(moved)).get('name')).toBe('Ada')
    stage.clock.advance(1)
    expect((await sessions.open(moved)).has('name')).toBe(false)
  })

  itOn('every store', 'X4 a sign-in starts a new absolute lifetime', async (stage) => {
    const sessions = stage.sessions({ idleTimeout: '2h', absoluteTimeout: '2h' })
    const { token } = await begin(sessions)
    stage.clock.advance(2 * hour - 1)
    const session = await sessions.open(token)
    session.login('ada')
    const { token: signedIn } = await sessions.commit(session)
    stage.clock.advance(2 * hour - 1)
    expect((await sessions.open(signedIn)).userId).toBe('ada')
    stage.clock.advance(1)
    expect((await sessions.open(signedIn)).userId).toBeUndefined()
  })
})

describe('X5 regenerate without random logouts', () => {
  const play = async (stage: Stage, rotateEvery?: string) => {
    const [reached, moved] = [gate(), gate()]
    const sessions = stage.sessions({ absoluteTimeout: '24h', idleTimeout: '24h', ...(rotateEvery && { rotateEvery }) })
    const site = await stage.site(sessions, {
      '/begin': (session) => session.set('name', 'Ada'),
      '/regenerate': (session) => session.regenerate(),
      '/read': (session) => session.get('name'),
      '/write': (session) => session.set('late', true),
      '/has-late': (session) => session.has('late'),
      '/slow': async (session) => {
        reached.open()
        await moved.promise
        return session.get('name')
      },
    })
    const visitor = site.visitor()
    await visitor.get('/begin')
    return { sessions, site, visitor, reached, moved }
  }

  itOn(
    'two stores',
    'X5 parallel requests with the old cookie neither overwrite nor clear the new one',
    async (stage) => {
      const { site, visitor, reached, moved } = await play(stage)
      const before = twinOf(site, visitor)
      const after = twinOf(site, visitor)
      const slow = before.get('/slow')
      await reached.promise
      await visitor.get('/regenerate')
      moved.open()
      // Their answers reach the same browser after the one that brought the new cookie.
      expect(await slow).toMatchObject({ status: 200, value: 'Ada', cookies: [] })
      for (const path of ['/read', '/write', '/regenerate']) {
        expect(await after.get(path), path).toMatchObject({ status: 200, cookies: [] })
      }
      expect((await visitor.get('/read')).value).toBe('Ada')
      expect((await visitor.get('/has-late')).value).toBe(false)
    },
  )

  itOn(
    'two stores',
    'X5 a burst of requests at the moment of an automatic rotation stays signed in, to the last one',
    async (stage) => {
      const { site, visitor } = await play(stage, '1h')
      stage.clock.advance(hour)
      const burst = Array.from({ length: 20 }, () => twinOf(site, visitor))
      const replies = await Promise.all(burst.map((twin) => twin.get('/read')))
      expect(replies.map(({ value }) => value)).toEqual(burst.map(() => 'Ada'))
      // In whatever order the answers arrive, the browser ends up with a cookie that lives on.
      expect(new Set(replies.flatMap(({ cookies }) => cookies)).size).toBe(1)
      stage.clock.advance(minute)
      const winner = burst.find((twin) => twin.jar.get('__Host-sid') !== visitor.jar.get('__Host-sid'))
      expect((await winner?.get('/read'))?.value).toBe('Ada')
      expect(await stage.live()).toBe(1)
    },
  )

  itOn('two stores', 'X5 a lost answer to an automatic rotation logs nobody out within the grace', async (stage) => {
    const { site, visitor } = await play(stage, '1h')
    stage.clock.advance(hour)
    const lost = twinOf(site, visitor)
    expect((await lost.get('/read')).cookies).toHaveLength(1)
    stage.clock.advance(29_999)
    const { value, cookies } = await visitor.get('/read')
    expect(value).toBe('Ada')
    expect(cookies).toHaveLength(1)
    expect(visitor.jar).toEqual(lost.jar)
    stage.clock.advance(10 * minute)
    expect((await visitor.get('/read')).value).toBe('Ada')
  })

  itOn('two stores', 'X5 a sign-in that was clicked twice signs in, whichever answer arrives last', async (stage) => {
    const sessions = stage.sessions()
    const site = await stage.site(sessions, {
      '/begin': (session) => session.set('name', 'Ada'),
      '/login': (session) => session.login('ada'),
      '/who': (session) => session.userId,
    })
    const first = site.visitor()
    await first.get('/begin')
    const second = twinOf(site, first)
    await first.get('/login')
    await second.get('/login')
    expect((await first.get('/who')).value).toBe('ada')
    expect((await second.get('/who')).value).toBe('ada')
  })
})

describe('X7 the shape of the data', () => {
  itOn('two stores', 'X7 it is typed', async (stage) => {
    const sessions = stage.sessions<{ cart?: string[]; count?: number }, { notice: string }>()
    const session = await sessions.open(null)
    session.set('cart', ['tea'])
    expectTypeOf(session.get('cart')).toEqualTypeOf<string[] | undefined>()
    expectTypeOf(session.flash.get('notice')).toEqualTypeOf<string | undefined>()
    // @ts-expect-error another type
    session.set('count', 'three')
    // @ts-expect-error no such key
    session.get('basket')
    // @ts-expect-error not a number
    expect(await errorOf(() => session.increment('cart'))).toMatchObject({ code: 'VALUE_INVALID' })
    expect(await sessions.commit(session)).toMatchObject({ outcome: 'created' })
  })

  const schema = z.object({ name: z.string().optional(), age: z.number().int().optional() })

  itOn(
    'two stores',
    'X7 a schema keeps data that does not fit out of the store, and out of the handler',
    async (stage) => {
      const reasons: string[] = []
      const strict = stage.sessions<z.infer<typeof schema>>({
        schema,
        on: { invalid: ({ reason }) => void reasons.push(reason) },
      })
      const site = await stage.site(strict, {
        '/good': (session) => session.set('age', 36),
        '/bad': (session) => session.set('age', '36' as never),
        '/read': (session) => session.toJSON().data,
      })
      const visitor = site.visitor()
      await visitor.get('/good')
      expect((await visitor.get('/bad')).status).toBe(500)
      expect((await visitor.get('/read')).value).toEqual({ age: 36 })
      const session = await strict.open(null)
      session.set('age', 'a secret' as never)
      const error = await errorOf(() => strict.commit(session))
      expect(error).toMatchObject({ code: 'DATA_INVALID', message: expect.stringContaining('age') })
      expect(String(error)).not.toContain('a secret')
      const lax = stage.sessions()
      const { token } = await begin(lax, 7 as never)
      expect((await strict.open(token)).toJSON().data).toEqual({})
      expect(reasons).toEqual(['schema'])
    },
  )

  itOn(
    'two stores',
    'X7 payloads have a version and are migrated, one that is too new is left alone',
    async (stage) => {
      const reasons: string[] = []
      const v0 = stage.sessions()
      const first = await v0.open(null)
      first.set('fullName', 'Ada Lovelace')
      const { token } = await v0.commit(first)
      const seen: number[] = []
      const up = (data: Record<string, unknown>, from: number) => {
        seen.push(from)
        const { fullName, ...rest } = data
        return from < 2 ? { ...rest, name: { first: String(fullName).split(' ')[0] } } : data
      }
      const v2 = stage.sessions<{ name?: { first: string }; count?: number }>({ migrate: { version: 2, up } })
      const site = await stage.site(v2, {
        '/read': (session) => session.toJSON().data,
        '/count': (session) => session.increment('count'),
      })
      const visitor = site.visitor()
      visitor.jar.set('__Host-sid', token ?? '')
      expect((await visitor.get('/read')).value).toEqual({ name: { first: 'Ada' } })
      await visitor.get('/count')
      expect(seen.every((from) => from === 0)).toBe(true)
      seen.length = 0
      expect((await visitor.get('/read')).value).toEqual({ name: { first: 'Ada' }, count: 1 })
      expect(seen).toEqual([])
      const v1 = stage.sessions({
        migrate: { version: 1, up: (data) => data },
        on: { invalid: ({ reason }) => void reasons.push(reason) },
      })
      expect((await v1.open(token)).toJSON().data).toEqual({})
      expect(reasons).toEqual(['newer-version'])
      expect((await visitor.get('/read')).value).toEqual({ name: { first: 'Ada' }, count: 1 })
    },
  )
})

describe('X8 types', () => {
  itOn(
    'two stores',
    'X8 Date, Map, Set, BigInt, URL, typed arrays and undefined come back as they were, by default',
    async (stage) => {
      const values = {
        date: new Date(1_700_000_000_123),
        map: new Map<unknown, unknown>([
          ['key', { deep: new Date(0) }],
          [2n, [undefined, null]],
        ]),
        set: new Set([1, 'two', 3n]),
        bigint: 2n ** 80n,
        url: new URL('https://shop.example/tea?cup=1#top'),
        bytes: new Uint8Array([0, 127, 255]),
        floats: new Float64Array([0.1, -0, Number.NaN]),
        undefined: undefined,
        null: null,
        nested: [{ when: new Date(1), none: undefined }],
      }
      const sessions = stage.sessions<typeof values>()
      const site = await stage.site(sessions, {
        '/write': (session) => {
          for (const key of Object.keys(values) as (keyof typeof values)[]) session.set(key, values[key])
        },
        '/read': (session) => {
          expect(Object.fromEntries(session.entries())).toStrictEqual(values)
          expect(session.get('url')?.searchParams.get('cup')).toBe('1')
          return [session.has('undefined'), session.get('date')?.getTime(), session.isChanged]
        },
        '/change': (session) => {
          session.get('map')?.set('more', true)
          session.get('set')?.add('four')
          session.get('bytes')?.fill(7)
          session.get('date')?.setTime(5)
        },
        '/changed': (session) => [
          session.get('map')?.get('more'),
          session.get('set')?.has('four'),
          [...(session.get('bytes') ?? [])],
          session.get('date')?.getTime(),
        ],
      })
      const visitor = site.visitor()
      await visitor.get('/write')
      expect(await visitor.get('/read')).toMatchObject({ status: 200, value: [true, values.date.getTime(), false] })
      await visitor.get('/change')
      expect((await visitor.get('/changed')).value).toEqual([true, true, [7, 7, 7], 5])
    },
  )
})
