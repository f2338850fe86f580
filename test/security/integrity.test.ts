import { readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSessions, jsonCodec, richCodec, type Session, type SessionEvents } from '../../src/index.ts'
import { faultyStore, memoryStore } from '../../src/testing/index.ts'
import { exchangeWith } from '../fixtures/exchange.ts'
import { itOn } from '../fixtures/store-tests.ts'
import { errorOf, shown, tokenAfter, tokenWith, visit } from '../fixtures/visits.ts'

describe('serialisation', () => {
  it('SEC-56 no source evaluates text, revives classes by name or uses a serialiser that runs code', () => {
    const capable = /\beval\(|new Function\(|node:(?:v8|vm)\b|deserialize\(|Reflect\.construct|require\(|\.toJSON\(\)/
    const lines = (text: string) =>
      text.split('\n').filter((line) => capable.test(line.replace(/\/\/.*|^\s*\/?\*.*/, '')))
    expect(lines('eval(x)\n// eval(x)\nimport v8 from "node:v8"')).toHaveLength(2)
    const folder = join(import.meta.dirname, '../../src')
    const faults = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !/^(testing|cli)/.test(path))
      .flatMap((path) => lines(readFileSync(join(folder, path), 'utf8')).map((line) => `${path}: ${line.trim()}`))
    expect(faults).toEqual([])
  })

  /** What the engine writes above the text of the codec. */
  const head = '{"v":1,"c":1,"o":"r","w":"w"}\n'

  it.each([
    ['a class by name', `${head}{"d":{"a":["x"]},"t":[["Function","d","a"]]}`],
    ['a constructor in the path', `${head}{"d":{"a":1},"t":[["Date","d","constructor","prototype","x"]]}`],
    ['the prototype in the path', `${head}{"d":{},"t":[["Date","d","__proto__","x"]]}`],
    ['a path out of the data', `${head}{"d":{},"t":[["Date","u"]]}`],
    ['a path without an end', `${head}{"d":{},"t":[["Date"]]}`],
    ['a tag that is no text', `${head}{"d":{"a":1},"t":[[{"name":"Date"},"d","a"]]}`],
    ['a table that is no list', `${head}{"d":{},"t":{"0":["Date","d"]}}`],
    ['an expression that is none', `${head}{"d":{"a":["(",""]},"t":[["RegExp","d","a"]]}`],
    ['a Date of text', `${head}{"d":{"a":"now"},"t":[["Date","d","a"]]}`],
    ['a list for data', `${head}{"d":[]}`],
    ['a text for data', `${head}{"d":"x"}`],
    ['an owner that is no text', '{"v":1,"c":1,"o":"r","w":"w","u":{"toString":"root"}}\n{}'],
    ['a creation at infinity', '{"v":1,"c":1e999,"o":"r","w":"w"}\n{}'],
    ['a creation that is no number', '{"v":1,"c":"1","o":"r","w":"w"}\n{}'],
    ['another version', '{"v":2,"c":1,"o":"r","w":"w"}\n{}'],
    ['a version as text', '{"v":"1","c":1,"o":"r","w":"w"}\n{}'],
    ['no root', '{"v":1,"c":1,"w":"w"}\n{}'],
    ['a root that breaks out of its string', '{"v":1,"c":1,"o":"a\\"b","w":"w"}\n{}'],
    ['no values', '{"v":1,"c":1,"o":"r","w":"w"}'],
    ['a tombstone without a time', '{"v":1,"x":{"o":"r"}}'],
    ['flash messages whose stamp is no text', '{"v":1,"c":1,"o":"r","w":"w","f":{"a":["x"]}}\n{}'],
    ['a list', '[]'],
    ['null', 'null'],
    ['nothing', ''],
    ['half a record', `${head}{"d":{"na`],
    ['a PHP object', 'O:8:"stdClass":0:{}'],
    ['a pickle', "cos\nsystem\n(S'id'\ntR."],
  ])('SEC-56 SEC-62 a forged payload with %s is a missing session and an event', async (_, payload) => {
    for (const codec of [richCodec(), jsonCodec()]) {
      const store = memoryStore()
      const events: SessionEvents['invalid'][] = []
      const sessions = createSessions({ store, codec, on: { invalid: (event) => events.push(event) } })
      const token = await tokenWith(sessions, { name: 'Ada' })
      const { id } = await sessions.open(token)
      const [entry] = (await store.list({ limit: 1 })).entries
      if (entry === undefined) throw new Error('nothing was stored')
      await store.replace(entry.key, { ...entry.record, payload, version: 2 }, 1)
      expect(await shown(sessions, token)).toBeNull()
      expect(events).toEqual([{ type: 'invalid', at: expect.any(Number), id, reason: 'corrupt' }])
      expect([await sessions.find(id), (await sessions.list()).sessions]).toEqual([null, []])
      expect(({} as Record<string, unknown>)['x']).toBeUndefined()
      // A visitor with such a cookie goes on with a session of its own.
      const next = await visit(sessions, token, (session) => session.set('name', 'Bob'))
      expect(next.outcome).toBe('created')
      expect(await shown(sessions, next.token)).toEqual({ name: 'Bob' })
    }
  })

  it('SEC-56 what is stored is never asked for its own JSON, and no getter of it is called', async () => {
    const sessions = createSessions()
    const called: string[] = []
    class Account {
      readonly name = 'Ada'
      toJSON() {
        called.push('toJSON')
        return { name: 'root' }
      }
    }
    const rows: unknown[] = [
      new Account(),
      { toJSON: () => called.push('own toJSON') },
      Object.defineProperty({}, 'a', { enumerable: true, get: () => called.push('getter') }),
      { valueOf: () => called.push('valueOf'), toString: () => called.push('toString') },
    ]
    for (const value of rows) {
      const session = await sessions.open(null)
      session.set('value', value)
      await expect(sessions.commit(session)).rejects.toMatchObject({ code: 'VALUE_INVALID' })
    }
    expect(called).toEqual([])
  })
})

const awkward = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', 'isPrototypeOf'],
  ...['__defineGetter__', '__lookupSetter__', 'toJSON', 'length', 'then', 'catch', 'inspect', 'name', 'size'],
  ...['get', 'set', 'has', 'delete', 'update', 'increment', 'push', 'clear', 'keys', 'entries', 'flash', 'regenerate'],
  ...['destroy', 'login', 'logout', 'touch', 'save', 'id', 'isNew', 'isChanged', 'createdAt', 'expiresAt', 'userId'],
  ...[
    'cookie',
    '_expire',
    '_maxAge',
    'maxAge',
    'data',
    'version',
    'v',
    'c',
    'd',
    'f',
    't',
    'u',
    'x',
    'retired',
    '',
    ' ',
  ],
  ...['a.b', 'a[0]', '$where', '$ne', '\u0000', '\n', '\u2028', '\ud800', '😀', 'é', 'e\u0301', '0', '-1', 'undefined'],
]
const anyKey = fc.oneof(fc.constantFrom(...awkward), fc.string({ unit: 'binary', maxLength: 20 }))

describe('user data', () => {
  itOn(
    'two stores',
    'SEC-57 every key is a key: it is stored, read, changed and removed like any other',
    async (stage) => {
      const sessions = stage.sessions({ limits: { recordBytes: 1_000_000 } })
      const before = Object.getOwnPropertyNames(Object.prototype)
      let token = await tokenWith(sessions, { first: true })
      for (const key of awkward) {
        const { token: issued } = await visit(sessions, token, (session) => {
          expect([session.has(key), session.get(key), session.delete(key)], key).toEqual([false, undefined, undefined])
          session.set(key, { own: key })
          session.flash.set(key, [key])
          expect([session.has(key), session.get(key)]).toEqual([true, { own: key }])
        })
        expect(issued).toBeNull()
        await visit(sessions, token, (session) => {
          expect([session.get(key), session.flash.peek(key)], key).toEqual([{ own: key }, [key]])
          expect(session.flash.get(key)).toEqual([key])
          expect(session.update(key, (value) => [value])).toEqual([{ own: key }])
          session.push(key, 'more')
          expect([session.id.length, session.isNew, typeof session.save]).toEqual([16, false, 'function'])
        })
        const session = await sessions.open(token)
        expect([session.get(key), session.flash.peek(key)], key).toEqual([[{ own: key }, 'more'], undefined])
        expect([...session.keys()].sort()).toEqual(['first', key].sort())
        expect(Object.keys(session.toJSON().data).sort()).toEqual(['first', key].sort())
        expect(session.delete(key)).toEqual([{ own: key }, 'more'])
        // Half a character is a key, but no name of somebody: databases would take it for another.
        const user = `user ${key.replaceAll(/\p{Cs}/gu, '?')}`
        session.login(user, { keep: ['first', key] })
        token = await tokenAfter(sessions, session)
        expect((await sessions.open(token)).userId).toBe(user)
        expect(await shown(sessions, token)).toEqual({ first: true })
      }
      expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
      expect(({} as Record<string, unknown>)['own']).toBeUndefined()
    },
  )

  it('SEC-57 a session of any keys and values comes back as it was, and changes no prototype', async () => {
    const before = Object.getOwnPropertyDescriptors(Object.prototype)
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(anyKey, fc.jsonValue({ maxDepth: 3 })), { selector: ([key]) => key, maxLength: 6 }),
        fc.uniqueArray(fc.tuple(anyKey, fc.jsonValue({ maxDepth: 2 })), { selector: ([key]) => key, maxLength: 3 }),
        async (data, messages) => {
          const sessions = createSessions()
          const session = await sessions.open(null)
          session.set('present', 1)
          for (const [key, value] of data) session.set(key, value)
          for (const [key, value] of messages) session.flash.set(key, value)
          const { token } = await sessions.commit(session)
          const again = await sessions.open(token)
          const expected = new Map<string, unknown>([['present', 1], ...data])
          expect(new Map(again.entries())).toEqual(expected)
          expect(again.keys().sort()).toEqual([...expected.keys()].sort())
          for (const [key, value] of messages) expect(again.flash.get(key)).toEqual(value)
        },
      ),
      { numRuns: 200 },
    )
    expect(Object.getOwnPropertyDescriptors(Object.prototype)).toEqual(before)
  })

  itOn('two stores', 'SEC-58 no key of the data is a fact of the session', async (stage) => {
    const sessions = stage.sessions()
    const plain = await sessions.open(await tokenWith(sessions, { name: 'Ada' }))
    const names = ['v', 'c', 'r', 'a', 'u', 'b', 'n', 'd', 'f', 'x', 't', 'createdAt', 'rotatedAt', 'authenticatedAt']
    const more = ['userId', 'device', 'dataVersion', 'retired', 'expiresAt', '_expire', '_maxAge', 'cookie', 'maxAge']
    for (const value of [
      0,
      1e15,
      'root',
      null,
      { a: 1, maxAge: 1, originalMaxAge: null, expires: null },
      [['Date', 'd']],
    ]) {
      const token = await tokenWith(sessions, Object.fromEntries([...names, ...more].map((key) => [key, value])))
      const session = await sessions.open(token)
      const facts = ['createdAt', 'expiresAt', 'lastSeenAt', 'userId', 'authenticatedAt', 'device'] as const
      for (const fact of facts) expect(session[fact]).toBe(plain[fact])
      expect(session.keys()).toHaveLength(names.length + more.length)
      for (const key of [...names, ...more]) expect(session.get(key)).toEqual(value)
    }
    stage.clock.advance(30 * 60_000)
    expect((await sessions.list()).sessions).toEqual([])
  })

  itOn('two stores', 'SEC-59 a change is stored however much it resembles what was there', async (stage) => {
    const sessions = stage.sessions()
    // The notes have the same CRC-32; the roles the same length.
    const rows: [unknown, unknown][] = [
      [
        { role: 'user', note: 'ag2h22gd41' },
        { role: 'user', note: 'u64lj5nwdb' },
      ],
      [
        [1, 23],
        [12, 3],
      ],
      [
        { a: 1, b: 2 },
        { a: 2, b: 1 },
      ],
      [{ a: '1' }, { a: 1 }],
      [{ a: null }, {}],
      [[0], [-0]],
      [['a,b'], ['a', 'b']],
      [{}, []],
      [[], {}],
    ]
    for (const [first, second] of rows) {
      const token = await tokenWith(sessions, { box: { held: first } })
      const { outcome } = await visit(sessions, token, (session) => {
        ;(session.get('box') as { held: unknown }).held = second
      })
      expect(outcome, JSON.stringify([first, second])).toBe('saved')
      expect(await shown(sessions, token)).toEqual({ box: { held: second } })
    }
  })

  itOn(
    'two stores',
    'SEC-60 a change that was not stored is seen by nobody, and a stored one by no request that began before',
    async (stage) => {
      const sessions = stage.sessions()
      const token = await tokenWith(sessions, { box: { items: ['hat'], at: new Date(0), tags: new Map([['a', [1]]]) } })
      const original = { box: { items: ['hat'], at: new Date(0), tags: new Map([['a', [1]]]) } }
      const [first, second, third] = [
        await sessions.open(token),
        await sessions.open(token),
        await sessions.open(token),
      ]
      const mutate = (session: Session) => {
        const box = session.get('box') as typeof original.box
        box.items.push('stolen')
        box.at.setTime(1)
        box.tags.get('a')?.push(2)
      }
      mutate(first)
      expect(second.toJSON().data).toEqual(original)
      expect(await shown(sessions, token)).toEqual(original)
      // The handler failed.
      await sessions.commit(first, { status: 500 })
      expect(await shown(sessions, token)).toEqual(original)
      mutate(second)
      await sessions.commit(second)
      expect(third.toJSON().data).toEqual(original)
      expect(await shown(sessions, token)).toMatchObject({ box: { items: ['hat', 'stolen'] } })
      // What the application goes on holding is not what the store holds.
      ;(second.get('box') as typeof original.box).items.push('later')
      expect(await shown(sessions, token)).toMatchObject({ box: { items: ['hat', 'stolen'] } })
    },
  )

  itOn('two stores', 'SEC-60 neither do lists, JSON and administration show live objects', async (stage) => {
    const sessions = stage.sessions()
    const token = await tokenWith(sessions, { box: ['hat'] })
    const session = await sessions.open(token)
    const changes = [
      session.toJSON().data,
      (await sessions.find(session.id))?.data,
      (await sessions.list()).sessions[0]?.data,
    ]
    for (const data of changes) {
      const box = data?.['box'] as string[] | undefined
      expect(box?.push('changed')).toBe(2)
    }
    expect([session.isChanged, session.toJSON().data, session.get('box')]).toEqual([false, { box: ['hat'] }, ['hat']])
    expect((await sessions.commit(session)).outcome).toBe('nothing')
    expect(await shown(sessions, token)).toEqual({ box: ['hat'] })
  })

  const refused: [string, () => unknown, 'always' | 'json'][] = [
    ['a function', () => () => 1, 'always'],
    ['a symbol', () => Symbol('secret'), 'always'],
    ['a promise', () => Promise.resolve(1), 'always'],
    ['a class instance', () => new (class Account {})(), 'always'],
    ['a WeakMap', () => new WeakMap(), 'always'],
    ['an error', () => new Error('secret'), 'always'],
    ['a function in a list', () => [1, [() => 1]], 'always'],
    ['a symbol as key', () => ({ [Symbol('secret')]: 1 }), 'always'],
    ['a function in a Map', () => new Map([['a', () => 1]]), 'always'],
    ['a BigInt', () => 1n, 'json'],
    ['NaN', () => Number.NaN, 'json'],
    ['undefined in a list', () => [undefined], 'json'],
    ['undefined in an object', () => ({ a: undefined }), 'json'],
    ['a Date', () => new Date(0), 'json'],
    ['a Map', () => new Map([[1, 2]]), 'json'],
    ['-0', () => -0, 'json'],
    ['a hole', () => Array.from({ length: 1 }), 'json'],
  ]
  it.each(refused)('SEC-61 %s is stored whole or not at all', async (_, make, when) => {
    for (const codec of ['rich', 'json'] as const) {
      const store = faultyStore(memoryStore())
      const sessions = createSessions({ store, codec: codec === 'rich' ? richCodec() : jsonCodec() })
      const token = await tokenWith(sessions, { name: 'Ada' })
      for (const put of [
        (session: Session) => session.set('value', make()),
        (session: Session) => session.flash.set('value', make()),
        (session: Session) => session.update('value', make),
        (session: Session) => session.push('value', make()),
      ]) {
        const exchange = exchangeWith({ cookie: `__Host-sid=${token}` })
        const session = await sessions.open(exchange)
        session.set('other', true)
        put(session)
        store.calls.length = 0
        if (when === 'always' || codec === 'json') {
          const error = await errorOf(() => sessions.commit(session))
          expect(error).toMatchObject({ code: 'VALUE_INVALID', status: 500 })
          expect((error as Error).message).toMatch(/^Cannot store (data|flash)\.value/)
          expect((error as Error).message).not.toContain('secret')
          expect([store.calls, exchange.sent]).toEqual([[], []])
          expect(await shown(sessions, token)).toEqual({ name: 'Ada' })
          // What was wrong can be put right within the same request.
          session.flash.set('value', 'right')
          session.set('value', 'right')
          await expect(sessions.commit(session)).resolves.toMatchObject({ outcome: 'saved' })
        } else {
          await expect(sessions.commit(session)).resolves.toMatchObject({ outcome: 'saved' })
        }
        await visit(sessions, token, (each) => {
          each.clear()
          each.set('name', 'Ada')
          each.flash.all()
        })
      }
    }
  })
})

describe('records that were damaged or exchanged', () => {
  itOn(
    'file',
    'SEC-62 a file that was truncated, emptied or overwritten is a missing session, and heals',
    async (stage) => {
      const events: SessionEvents['invalid'][] = []
      const sessions = stage.sessions({ on: { invalid: (event) => events.push(event) } })
      const site = await stage.site(sessions, {
        '/write': (session) => session.increment('count'),
        '/read': (session) => session.get('count') ?? null,
      })
      const spoil: ((path: string) => void)[] = [
        (path) => truncateSync(path, 0),
        (path) => truncateSync(path, 40),
        (path) => truncateSync(path, readFileSync(path).length - 1),
        (path) => writeFileSync(path, '\0'.repeat(readFileSync(path).length)),
        (path) => writeFileSync(path, readFileSync(path, 'utf8').replace(/\b1 (?=\d{13} )/, '7 ')),
      ]
      for (const damage of spoil) {
        const visitor = site.visitor()
        await visitor.get('/write')
        const { key } = await stage.onlyRecord()
        const path = readdirSync(stage.folder, { recursive: true, encoding: 'utf8' }).find((each) => each.endsWith(key))
        if (path === undefined) throw new Error('there is no file for the record')
        damage(join(stage.folder, path))
        const deadline = new Date(stage.clock() + 60_000)
        utimesSync(join(stage.folder, path), deadline, deadline)
        for (let count = 0; count < 3; count++) {
          expect(await visitor.get('/read')).toMatchObject({ status: 200, value: null, cookies: [] })
        }
        expect(await visitor.get('/write')).toMatchObject({ status: 200, value: 1 })
        expect(await visitor.get('/read')).toMatchObject({ status: 200, value: 1 })
        stage.clock.advance(31 * 60_000)
        await sessions.sweep()
      }
      expect(events.map(({ reason }) => reason)).toContain('corrupt')
      expect(events).toHaveLength(spoil.length * 4)
    },
  )

  itOn('two stores', 'SEC-63 a token is nothing under another cookie name, in the same store', async (stage) => {
    for (const secret of [undefined, 'Zm9yIHRlc3RzIG9ubHk6IDMyIHJhbmRvbSBieXRlcw']) {
      const users = stage.sessions({ secret })
      const token = await tokenWith(users, { name: 'Ada' })
      for (const options of [
        { cookie: { name: '__Host-admin' } },
        { cookie: { name: '__Host-si' } },
        { cookie: { name: '__Host-sid2' } },
        { secret: 'another secret of some 32 random bytes' },
      ]) {
        const other = stage.sessions({ secret, ...options })
        expect(await shown(other, token)).toBeNull()
        await visit(other, token, (session) => session.set('name', 'Eve'))
        await visit(other, token, (session) => session.destroy())
      }
      expect(await shown(users, token)).toEqual({ name: 'Ada' })
    }
  })

  it('SEC-63 no token of one name has the hash of another token under another name', async () => {
    const keyOf = async (name: string, token: string, secret?: string) => {
      const store = faultyStore(memoryStore())
      const sessions = createSessions({ store, secret, cookie: { name }, id: { generate: () => crypto.randomUUID() } })
      await sessions.open(token)
      return store.calls[0]?.key
    }
    // The boundary between name and token moves, the text of both together stays.
    const tail = 'A'.repeat(30)
    for (const secret of [undefined, 'Zm9yIHRlc3RzIG9ubHk6IDMyIHJhbmRvbSBieXRlcw']) {
      const keys = [
        await keyOf('sid', `xyz${tail}`, secret),
        await keyOf('sidx', `yz${tail}`, secret),
        await keyOf('sidxy', `z${tail}`, secret),
        await keyOf('sid', `z${tail}`, secret),
      ]
      expect(keys).toEqual(Array.from({ length: 4 }, () => expect.stringMatching(/^[\w-]{43}$/)))
      expect(new Set(keys).size).toBe(4)
    }
  })
})
