import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { nodeSession } from '../../src/adapters/node.ts'
import {
  createSessions,
  type Session,
  SessionError,
  type SessionEventName,
  type SessionEvents,
  type Sessions,
  type SessionsOptions,
} from '../../src/index.ts'
import { faultyStore, type ManualClock, manualClock, memoryStore } from '../../src/testing/index.ts'
import { partsOf } from '../fixtures/cookie-jar.ts'
import { exchangeWith } from '../fixtures/exchange.ts'
import { serveHttp } from '../fixtures/servers.ts'
import { itOn, type Stage } from '../fixtures/store-tests.ts'
import { errorOf, shown, tokenAfter, tokenWith, visit } from '../fixtures/visits.ts'

const secret = 'c2VjcmV0LWNhbmFyeS0x: 32 random bytes'
const older = 'c2VjcmV0LWNhbmFyeS0y: 32 random bytes'
/** Stands for everything that an application keeps in a session. */
const canary = 'canary-in-the-data'
const minute = 60_000
const names = [
  ...(['created', 'rotated', 'destroyed', 'expired', 'invalid', 'token-conflict', 'token-reuse', 'gone'] as const),
  ...(['conflict', 'limit', 'store-error', 'insecure-transport', 'swept'] as const),
] satisfies SessionEventName[]

/** Everything that was said, in every way in which it may end up in a log. */
class Transcript {
  readonly said: string[] = []
  readonly events: { readonly type: string }[] = []
  readonly tokens = new Set<string>()

  readonly on: NonNullable<SessionsOptions['on']> = Object.fromEntries(
    names.map((name) => [
      name,
      (event: SessionEvents[SessionEventName]) => {
        this.events.push(event as never)
        this.note(event)
        if ('error' in event) this.note(event.error)
      },
    ]),
  )

  note(...things: unknown[]): void {
    for (const thing of things) {
      this.said.push(
        String(thing),
        inspect(thing, {
          depth: Infinity,
          showHidden: true,
          getters: true,
          maxStringLength: null,
          maxArrayLength: null,
        }),
        typeof thing === 'object' ? JSON.stringify(thing) : '',
      )
      if (thing instanceof Error) {
        this.said.push(thing.message, thing.stack ?? '', JSON.stringify(Object.getOwnPropertyDescriptors(thing)))
        this.note(thing.cause)
      }
    }
  }

  async fails(work: () => unknown): Promise<unknown> {
    const error = await errorOf(work)
    this.note(error)
    return error
  }

  /** What was said that should not have been. */
  leaks(...others: string[]): string[] {
    const text = this.said.join('\n')
    const forms = (each: string) => [
      each,
      Buffer.from(each).toString('base64url'),
      encodeURIComponent(each),
      each.slice(0, 12),
    ]
    return [...this.tokens, secret, older, canary, ...others].flatMap(forms).filter((each) => text.includes(each))
  }
}

let printed: unknown[][]
beforeEach(() => {
  printed = []
  for (const method of ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir'] as const) {
    vi.spyOn(console, method).mockImplementation((...args: unknown[]) => void printed.push(args))
  }
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((chunk) => {
      printed.push([String(chunk)])
      return true
    })
  }
})
afterEach(() => {
  vi.restoreAllMocks()
})

/** Nearly everything that can happen to sessions, well and badly. */
async function everything(stage: Stage, record: Transcript): Promise<void> {
  const { clock, store } = stage
  const options: SessionsOptions = { secret: [secret, older], on: record.on, limits: { recordBytes: 2000, keys: 20 } }
  const nodes = [stage.sessions(options), stage.sessions({ ...options, rotateEvery: '10m' })]
  const [sessions = stage.sessions(), rotating = sessions] = nodes
  const begin = async (on: Sessions = sessions) => {
    const token = await tokenWith(on, { note: canary, list: [canary], nested: { [canary]: canary } })
    record.tokens.add(token)
    return token
  }
  const next = async (on: Sessions, token: string, work: (session: Session) => unknown) => {
    const committed = await visit(on, token, work)
    if (committed.token !== null) record.tokens.add(committed.token)
    return committed.token ?? token
  }

  // Well.
  let token = await begin()
  token = await next(sessions, token, (session) => session.login(`user ${clock()}`))
  token = await next(sessions, token, (session) => session.regenerate())
  token = await next(sessions, token, (session) => session.flash.set('message', canary))
  clock.advance(10 * minute)
  token = await next(rotating, token, (session) => session.touch())
  const former = token
  clock.advance(10 * minute)
  token = await next(rotating, token, (session) => session.set('note', [canary]))
  clock.advance(minute)
  await shown(rotating, former)
  record.note(await sessions.count(), await sessions.sweep())
  const { id } = await sessions.open(token)
  record.note(id, await sessions.revoke(id))
  await next(sessions, await begin(), (session) => session.logout({ clearSiteData: true }))

  // Races.
  token = await begin()
  const late = await sessions.open(token)
  const other = await rotating.open(token)
  late.set('note', `${canary} late`)
  other.set('note', `${canary} other`)
  await rotating.commit(other)
  await sessions.commit(late)
  late.set('note', canary)
  await next(rotating, token, (session) => session.destroy())
  await record.fails(() => late.save())
  await sessions.commit(late)

  // What the client sends.
  const [first, second] = [await begin(), await begin()]
  await sessions.open(exchangeWith({ cookie: `__Host-sid=${first}; __Host-sid=${second}` }))
  await sessions.open(exchangeWith({ cookie: `__Host-sid="${first}"` }))
  await sessions.open(exchangeWith({ cookie: `__Host-sid=${first.slice(0, -1)}\u00e4` }))
  await sessions.open('A'.repeat(43))
  await next(sessions, first, (session) => session.regenerate())
  await sessions.open(first)
  const plain = exchangeWith({ headers: { host: 'example.org' }, secure: false })
  const onPlain = await sessions.open(plain)
  onPlain.set('note', canary)
  record.tokens.add(await tokenAfter(sessions, onPlain))

  // What the application does wrong.
  for (const value of [
    () => canary,
    Symbol(canary),
    new (class Note {
      note = canary
    })(),
    canary.repeat(200),
    cyclic(),
  ]) {
    await record.fails(() => next(sessions, second, (session) => session.set('note', value)))
    await record.fails(() => next(sessions, second, (session) => session.flash.set('note', value)))
  }
  await record.fails(() =>
    next(sessions, second, (session) => {
      for (let key = 0; key < 30; key++) session.set(`k${key}`, canary)
    }),
  )
  const opened = await sessions.open(second)
  for (const wrong of [
    () => opened.increment('note'),
    () => opened.push('nested', canary),
    () => opened.increment('count', Number.NaN),
    () => opened.set(Symbol(canary) as never, 1),
    () => opened.login(canary.repeat(100)),
    () => opened.login({ canary } as never),
    () => sessions.of({ canary }),
    () => sessions.current(),
    () => sessions.commit({ canary } as never),
  ]) {
    await record.fails(wrong)
  }
  const strict = stage.sessions({ ...options, schema: z.object({ note: z.number() }) as never })
  await record.fails(() => visit(strict, null, (session) => session.set('note', canary)))
  await shown(strict, second)
  const newer = stage.sessions({ ...options, migrate: { version: 2, up: (data) => data } })
  await visit(newer, second, (session) => session.set('note', canary))
  await shown(sessions, second)

  // The store.
  for (const fault of ['fail', 'loseReply'] as const) {
    for (const operation of ['read', 'create', 'replace', 'touch', 'delete'] as const) {
      token = await begin()
      store.faults[fault](operation, { times: 1 })
      const attempt = () =>
        next(sessions, token, (session) => {
          if (operation === 'create') session.regenerate()
          if (operation === 'touch') clock.advance(5 * minute)
          if (operation === 'delete') session.destroy()
          if (operation !== 'touch') session.set('note', canary)
        })
      // A touch that failed is an event and no error; a write whose acknowledgement alone was lost is found.
      const found = fault === 'loseReply' && (operation === 'create' || operation === 'replace')
      if (operation === 'touch' || found) await attempt()
      else await record.fails(attempt)
      store.faults.clear()
    }
  }
  const hanging = stage.sessions({ ...options, storeTimeout: 20 })
  store.faults.hang('*')
  await record.fails(() => hanging.open(token))
  await record.fails(() => hanging.ready())
  await record.fails(() => hanging.count())
  store.faults.clear()
  const [entry] = await stage.records()
  if (entry === undefined) throw new Error('nothing is stored')
  await store.replace(
    entry.key,
    { ...entry.record, payload: `{"${canary}`, version: entry.record.version + 1 },
    entry.record.version,
  )
  for (const each of record.tokens) await sessions.open(each)
  await sessions.close()
  await record.fails(() => sessions.open(token))
  record.note(sessions, sessions.store)
}

function cyclic(): unknown {
  const value: Record<string, unknown> = { canary }
  value['self'] = value
  return value
}

describe('nothing secret is said', () => {
  itOn('two stores', 'SEC-86 in no event, error, cause, stack or printed line, whatever happens', async (stage) => {
    const record = new Transcript()
    await everything(stage, record)
    for (const line of printed) record.note(...line)
    expect(record.events.length).toBeGreaterThan(60)
    expect(record.tokens.size).toBeGreaterThan(20)
    // The scenario is worth something only if the events came.
    const seen = new Set(record.events.map(({ type }) => type))
    expect(names.filter((name) => !seen.has(name) && !['expired', 'conflict'].includes(name))).toEqual([])
    expect(record.leaks()).toEqual([])
    // Nothing is printed by the library at all.
    expect(printed).toEqual([])
  })

  it('SEC-86 would be found if it were said', () => {
    const record = new Transcript()
    record.tokens.add('a-token-of-somebody-in-43-characters-......')
    for (const said of [
      canary,
      new Error('x', { cause: new Error(secret) }),
      { deep: { er: new Map([[1, [older]]]) } },
    ]) {
      const before = record.leaks().length
      record.note(said)
      expect(record.leaks().length).toBeGreaterThan(before)
    }
  })

  it('SEC-86 SEC-88 an adapter tells the client the name of the status, and the console the error without secrets', async () => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store, secret })
    const record = new Transcript()
    const server = await serveHttp(
      nodeSession(sessions, (req, res) => {
        const session = sessions.of(req)
        if (req.url === '/function') session.set('note', () => canary)
        else session.set('note', canary)
        res.end(canary)
      }),
    )
    try {
      const begun = await server.request('/')
      const token = partsOf(begun.cookies[0] ?? '').value
      record.tokens.add(token)
      const headers = { cookie: `__Host-sid=${token}` }
      expect(await server.request('/function', { headers })).toMatchObject({
        status: 500,
        body: 'Internal Server Error',
      })
      for (const [operation, status] of [
        ['replace', 503],
        ['read', 503],
      ] as const) {
        store.faults.fail(operation, { times: 1, error: new Error('no route to host') })
        const answer = await server.request('/', { headers })
        expect([answer.status, answer.body, answer.cookies]).toEqual([status, 'Service Unavailable', []])
        expect(JSON.stringify(answer.headers)).not.toMatch(/store\b(?<!no-store)|route|coat/i)
      }
    } finally {
      await server.close()
    }
    for (const line of printed) record.note(...line)
    expect(record.said.join()).toContain('no route to host')
    expect(printed).toHaveLength(3)
    expect(record.leaks()).toEqual([])
  })

  it('SEC-86 a configuration that is refused does not show its secrets', async () => {
    const record = new Transcript()
    const short = 'too-short-canary'
    for (const options of [
      { secret: short },
      { secret: [secret, short] },
      { secret: [secret, secret] },
      { secret: `${short} change me to something else` },
      { secret: { short } as never },
      { secret, cookie: { name: '__Host-x', domain: 'example.org' } },
      { secret, idleTimeout: 'soon' },
      { secret, store: {} as never },
      { secret, secrets: [older] } as never,
    ]) {
      await record.fails(() => createSessions(options))
    }
    expect(record.leaks(short)).toEqual([])
  })

  itOn('file', 'SEC-86 nor does a disk that fails make the store tell whose session it was', async (stage) => {
    const record = new Transcript()
    const sessions = stage.sessions({ secret, on: record.on })
    const token = await tokenWith(sessions, { note: canary })
    record.tokens.add(token)
    const { key } = await stage.onlyRecord()
    const session = await sessions.open(token)
    session.set('note', canary)
    rmSync(join(stage.folder, 'sessions'), { recursive: true })
    writeFileSync(join(stage.folder, 'sessions'), 'a file in the place of the folder')
    expect(await record.fails(() => sessions.commit(session))).toMatchObject({ code: 'STORE_FAILED' })
    expect(await record.fails(() => sessions.open(token))).toMatchObject({ code: 'STORE_FAILED' })
    expect(record.said.join()).toContain('ENOTDIR')
    expect(record.leaks()).toEqual([])
    // The path that the system names in its error has the hash, which opens nothing.
    expect(await shown(stage.sessions({ store: memoryStore(), secret }), key)).toBeNull()
  })
})

describe('objects do not show what they hold', () => {
  async function objects(): Promise<{ things: Record<string, unknown>; token: string; key: string }> {
    const store = memoryStore()
    const sessions = createSessions({ store, secret })
    const token = await tokenWith(sessions, { note: canary })
    const [entry] = (await store.list({ limit: 1 })).entries
    const session = await sessions.open(exchangeWith({ cookie: `__Host-sid=${token}` }))
    session.get('note')
    session.set('other', canary)
    const fresh = await sessions.open(null)
    // Its token exists from the moment that its id was asked for.
    expect(fresh.id).toHaveLength(16)
    return {
      things: { sessions, session, fresh, flash: session.flash, store: sessions.store },
      token,
      key: entry?.key ?? '',
    }
  }

  /** A clone as it is printed, or why there is none: functions cannot be cloned, and that says nothing either. */
  function clonedForm(thing: unknown): string {
    try {
      return inspect(structuredClone(thing), { depth: Infinity, showHidden: true })
    } catch (error) {
      expect(error).toMatchObject({ name: 'DataCloneError' })
      return inspect(error, { depth: Infinity })
    }
  }

  it('SEC-87 inspected, printed, listed or cloned, they show no token, key, secret or data', async () => {
    const { things, token, key } = await objects()
    for (const [name, thing] of Object.entries(things)) {
      const forms = [
        inspect(thing, { depth: Infinity, showHidden: true, getters: false }),
        String(thing),
        `${Object.prototype.toString.call(thing)}`,
        Object.keys(thing as object).join(),
        Reflect.ownKeys(thing as object)
          .map(String)
          .join(),
        JSON.stringify(Object.entries(thing as object)),
        JSON.stringify({ ...(thing as object) }),
        JSON.stringify(Object.assign({}, thing)),
      ]
      forms.push(clonedForm(thing))
      if (!['session', 'fresh'].includes(name)) forms.push(JSON.stringify(thing) ?? '')
      for (const form of forms) {
        for (const hidden of [token, key, secret, canary]) expect(form, name).not.toContain(hidden)
      }
    }
  })

  it('SEC-87 the JSON of a session has its data and its public handle, no token and no key', async () => {
    const { things, token, key } = await objects()
    const json = JSON.stringify({ session: things['session'] })
    expect(JSON.parse(json)).toEqual({
      session: {
        id: key.slice(0, 16),
        data: { note: canary, other: canary },
        created_at: expect.stringMatching(/Z$/),
        expires_at: expect.stringMatching(/Z$/),
      },
    })
    for (const hidden of [token, key, secret]) expect(json).not.toContain(hidden)
  })

  it('SEC-87 lists and handles for administration have no token and no key', async () => {
    const sessions = createSessions({ secret })
    const token = await tokenWith(sessions, { note: canary })
    const { id } = await sessions.open(token)
    const info = inspect([await sessions.list(), await sessions.find(id)], { depth: Infinity, showHidden: true })
    expect(info).toContain(id)
    expect(info).not.toContain(token)
    expect(info).not.toMatch(/[\w-]{43}/)
    expect(await shown(sessions, id)).toBeNull()
  })

  it('SEC-87 errors survive what logs do to them, and say nothing more', async () => {
    const { things } = await objects()
    const error = await errorOf(() => (things['session'] as Session).increment('note'))
    expect(error).toBeInstanceOf(SessionError)
    const shape = { name: 'SessionError', code: 'VALUE_INVALID', status: 500, expose: false }
    expect(JSON.parse(JSON.stringify(error))).toEqual(shape)
    expect(structuredClone(error)).toMatchObject({ message: (error as Error).message })
    for (const form of [inspect(error, { depth: Infinity, showHidden: true }), String(error), JSON.stringify(error)]) {
      for (const hidden of [secret, canary]) expect(form).not.toContain(hidden)
    }
  })
})

describe('what is said', () => {
  const injected = 'a\r\n2030-01-01 FORGED \u001b[31mred\u2028line'

  it('SEC-88 is one line: nothing that a client chose breaks out of it', async () => {
    const record = new Transcript()
    const sessions = createSessions({ on: record.on, limits: { keys: 3 } })
    const schema = z.record(z.string(), z.number()) as never
    const strict = createSessions({ on: record.on, schema })
    await sessions.open(exchangeWith({ cookie: `__Host-sid=${injected}` }))
    await sessions.open(injected)
    await record.fails(() => visit(sessions, null, (session) => session.set(injected, () => 1)))
    await record.fails(() => visit(sessions, null, (session) => session.set('a', { [injected]: [Symbol('x')] })))
    await record.fails(() => visit(sessions, null, (session) => session.flash.set(injected, () => 1)))
    await record.fails(() => visit(strict, null, (session) => session.set(injected, 'text')))
    await record.fails(() => sessions.startSweeper({ every: injected }))
    await record.fails(() => createSessions({ idleTimeout: injected }))
    await record.fails(() => createSessions({ cookie: { name: injected } }))
    expect(record.said.length).toBeGreaterThan(20)
    const errors = record.said.filter((text) => text.startsWith('SessionError: ') && !text.includes('\n    at '))
    expect(errors.length).toBeGreaterThanOrEqual(7)
    for (const text of errors) expect(text).not.toMatch(/\p{Cc}/u)
    for (const event of record.events) expect(JSON.stringify(event)).not.toContain('FORGED')
  })

  it('SEC-88 is of bounded length, however long the keys and however many the faults', async () => {
    const long = 'k'.repeat(10_000)
    const schema = z.record(z.string(), z.number()) as never
    const strict = createSessions({ schema, limits: { recordBytes: 10_000_000 } })
    const sessions = createSessions({ limits: { recordBytes: 10_000_000 } })
    for (const work of [
      () => visit(sessions, null, (session) => session.set(long, () => 1)),
      () => visit(sessions, null, (session) => session.set('a', { [long]: { [long]: () => 1 } })),
      () => visit(strict, null, (session) => session.set(long, 'text')),
      () =>
        visit(strict, null, (session) => {
          for (let key = 0; key < 900; key++) session.set(`key-${key}`, 'text')
        }),
    ]) {
      const error = await errorOf(work)
      expect((error as Error).message.length).toBeLessThan(1000)
    }
  })
})

describe('events', () => {
  /** Sessions that note their events, as `type` and what is beside the time. */
  function noted(options: SessionsOptions = {}, clock: ManualClock = manualClock()) {
    const store = faultyStore(memoryStore({ clock }))
    const events: Record<string, unknown>[] = []
    const on = Object.fromEntries(names.map((name) => [name, (event: object) => events.push({ ...event })]))
    const node = (more: SessionsOptions = {}) => createSessions({ store, clock, on, ...options, ...more })
    const roots = new Set<unknown>()
    const taken = () =>
      events.splice(0).map(({ at, root, ...rest }) => {
        expect(at).toBe(clock())
        if (root !== undefined) roots.add(root)
        return rest
      })
    return { store, clock, node, sessions: node(), taken, roots }
  }

  it('SEC-89 tell the life of a session, with times, handles and owners', async () => {
    const { sessions, clock, taken, roots } = noted()
    const begun = await sessions.open(null)
    begun.set('note', canary)
    const id = begun.id
    const token = await tokenAfter(sessions, begun)
    expect(taken()).toEqual([{ type: 'created', id }])

    clock.advance(1)
    const login = await sessions.open(token)
    login.login('ada')
    const second = await tokenAfter(sessions, login)
    expect(taken()).toEqual([{ type: 'rotated', id: login.id, previousId: id, automatic: false, userId: 'ada' }])

    clock.advance(1)
    await visit(sessions, second, (session) => session.set('note', 'changed'))
    expect(taken()).toEqual([])

    clock.advance(1)
    await sessions.open(token)
    expect(taken()).toEqual([{ type: 'invalid', reason: 'retired' }])
    clock.advance(10_000)
    await sessions.open(token)
    await sessions.open('A'.repeat(43))
    await sessions.open('malformed')
    expect(taken()).toEqual([
      { type: 'invalid', reason: 'unknown' },
      { type: 'invalid', reason: 'unknown' },
      { type: 'invalid', reason: 'malformed' },
    ])

    const late = await sessions.open(second)
    late.set('note', 'late')
    await visit(sessions, second, (session) => session.logout())
    expect(taken()).toEqual([{ type: 'destroyed', id: login.id, userId: 'ada', reason: 'logout', by: 'ada' }])
    await sessions.commit(late)
    expect(taken()).toEqual([
      { type: 'conflict', id: login.id, attempts: 1 },
      { type: 'gone', id: login.id, userId: 'ada' },
    ])
    // All of it was about one session, whatever id it had.
    expect([...roots]).toEqual([begun.root])

    const third = await sessions.open(null)
    third.login('bob')
    await sessions.commit(third)
    expect(taken()).toEqual([{ type: 'created', id: third.id, userId: 'bob' }])
    await sessions.revoke(third.id, { by: 'support' })
    expect(taken()).toEqual([{ type: 'destroyed', id: third.id, userId: 'bob', reason: 'revoke', by: 'support' }])
    // The mark of the retired token.
    clock.advance(minute)
    await sessions.sweep()
    expect(taken()).toEqual([{ type: 'swept', removed: 1, durationMs: expect.any(Number) }])
  })

  it('SEC-89 tell a stolen token that comes back after its grace', async () => {
    const { sessions, clock, taken } = noted({ rotateEvery: '1h', idleTimeout: '3h' })
    const token = await tokenWith(sessions, { note: canary })
    const { id } = await sessions.open(token)
    taken()
    clock.advance(60 * minute)
    const { token: next } = await visit(sessions, token, () => undefined)
    const successor = (await sessions.open(next)).id
    expect(taken()).toEqual([{ type: 'rotated', id: successor, previousId: id, automatic: true }])
    clock.advance(29_999)
    expect(await shown(sessions, token)).toEqual({ note: canary })
    expect(taken()).toEqual([])
    clock.advance(1)
    expect(await shown(sessions, token)).toBeNull()
    expect(taken()).toEqual([
      { type: 'token-reuse', id: successor },
      { type: 'invalid', reason: 'retired' },
    ])
    // Which is enough to end the session.
    expect(await sessions.revoke(successor)).toBe(true)
    expect(await shown(sessions, next)).toBeNull()
  })

  it('SEC-89 tell conflicts of tokens and of writes, limits, faults, and transports that drop the cookie', async () => {
    const { sessions, node, store, taken } = noted({ limits: { keys: 2 } })
    const token = await tokenWith(sessions, { note: canary })
    const other = await tokenWith(sessions, { note: canary })
    const { id } = await sessions.open(token)
    taken()
    await sessions.open(exchangeWith({ cookie: `__Host-sid=${token}; __Host-sid=${other}` }))
    expect(taken()).toEqual([{ type: 'token-conflict', candidates: 2 }])

    const late = await sessions.open(token)
    late.set('note', 'late')
    await visit(node(), token, (session) => session.set('note', 'first'))
    await sessions.commit(late)
    expect(taken()).toEqual([{ type: 'conflict', id, attempts: 1 }])

    await errorOf(() => visit(sessions, token, (session) => [1, 2, 3].map((key) => session.set(`${key}`, key))))
    expect(taken()).toEqual([{ type: 'limit', limit: 'keys' }])

    store.faults.fail('read', { times: 1 })
    const error = await errorOf(() => sessions.open(token))
    expect(taken()).toEqual([{ type: 'store-error', operation: 'read', error }])

    const exchange = exchangeWith({ headers: { host: 'example.org' }, secure: false })
    const onPlain = await sessions.open(exchange)
    onPlain.set('note', canary)
    await sessions.commit(onPlain)
    expect(taken()).toEqual([{ type: 'created', id: onPlain.id }, { type: 'insecure-transport' }])
  })

  it('SEC-89 tell why a record was not accepted', async () => {
    const { node, store, taken, clock } = noted()
    const sessions = node({ absoluteTimeout: '2h', idleTimeout: '2h' })
    const token = await tokenWith(sessions, { note: canary })
    const { id } = await sessions.open(token)
    const newer = await tokenWith(node({ migrate: { version: 2, up: (data) => data } }), { note: canary })
    const newerId = (await node({ migrate: { version: 2, up: (data) => data } }).open(newer)).id
    taken()
    await node({ schema: z.object({ note: z.number() }) as never }).open(token)
    await sessions.open(newer)
    expect(taken()).toEqual([
      { type: 'invalid', reason: 'schema', id },
      { type: 'invalid', reason: 'newer-version', id: newerId },
    ])
    // A deadline that was shortened by configuration.
    clock.advance(60 * minute)
    await node({ absoluteTimeout: '1h' }).open(token)
    expect(taken()).toEqual([{ type: 'expired', id }])
    const [entry] = (await store.list({ limit: 1, prefix: id })).entries
    if (entry === undefined) throw new Error('there is no record')
    await store.replace(entry.key, { ...entry.record, payload: '{', version: 2 }, 1)
    await sessions.open(token)
    expect(taken()).toEqual([{ type: 'invalid', reason: 'corrupt', id }])
  })
})
