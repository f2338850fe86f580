import { describe, expect, it } from 'vitest'
import type { SchemaResult } from '../../../../src/contract/schema.ts'
import type { AnyData } from '../../../../src/contract/session.ts'
import { sealSuccessor } from '../../../../src/core/keyed/current.ts'
import { type Facts, parsePayload, writePayload, writeTombstone } from '../../../../src/core/record/wire.ts'
import { LiveSession } from '../../../../src/core/session.ts'
import { idOf } from '../../../../src/core/token.ts'
import { type Session, SessionError, type StoredRecord } from '../../../../src/index.ts'
import {
  allRecords,
  codeOf,
  dataOf,
  recordOf,
  type Stored,
  type System,
  type SystemOptions,
  systemOf,
  told,
} from '../system.ts'

/*
 * Whatever a record turned out to be, all who find it must think the same of it: a request that opens, one that meets it when
 * it commits, one that moves, takes a message, reloads or touches, and administration.
 */

const hour = 3_600_000

const options: SystemOptions = {
  idleTimeout: '1h',
  absoluteTimeout: '12h',
  renewAfter: 1,
  migrate: { version: 2, up: (data, from) => ({ ...data, from }) },
  schema: {
    '~standard': {
      version: 1,
      vendor: 'test',
      async validate(value): Promise<SchemaResult<AnyData>> {
        const data = value as AnyData
        return Object.hasOwn(data, 'bad') ? { issues: [{ message: 'bad', path: ['bad'] }] } : { value: data }
      },
    },
  },
}

/** Puts something in the place of a session's record, as another process would. */
interface Planting {
  readonly what: string
  plant(system: System, token: string): Promise<unknown>
  /** What a request that goes on with it sees; null if none may. */
  readonly seen: AnyData | null
  /** What administration shows, if it is something else. */
  readonly listed?: AnyData
  /** What the listeners are told by whoever does not go on with it. */
  readonly told?: { readonly type: string; readonly reason?: string }
}

const plantings: readonly Planting[] = [
  {
    what: 'what another request has written',
    plant: (system, token) => write(system, token, {}),
    seen: { a: 2 },
  },
  {
    what: 'data of an older shape',
    plant: (system, token) => write(system, token, { dataVersion: undefined }),
    seen: { a: 2, from: 0 },
  },
  {
    what: 'data of a newer version',
    plant: (system, token) => write(system, token, { dataVersion: 3 }),
    seen: null,
    listed: { a: 2 },
    told: { type: 'invalid', reason: 'newer-version' },
  },
  {
    what: 'data that the schema refuses',
    plant: (system, token) => write(system, token, {}, '{"d":{"bad":1}}'),
    seen: null,
    listed: { bad: 1 },
    told: { type: 'invalid', reason: 'schema' },
  },
  {
    what: 'a session beyond its absolute deadline',
    plant: (system, token) =>
      write(system, token, { createdAt: system.clock() - 13 * hour, authenticatedAt: undefined }),
    seen: null,
    told: { type: 'expired' },
  },
  {
    what: 'values that the codec cannot read',
    plant: (system, token) => write(system, token, {}, 'garbage'),
    seen: null,
    told: { type: 'invalid', reason: 'corrupt' },
  },
  {
    what: 'garbage',
    plant: (system, token) => put(system, token, () => 'garbage'),
    seen: null,
    told: { type: 'invalid', reason: 'corrupt' },
  },
  {
    what: 'the tombstone of an end',
    plant: (system, token) => put(system, token, () => writeTombstone({ at: system.clock(), root: 'root' })),
    seen: null,
  },
  {
    what: 'nothing',
    plant: async (system, token) => system.records.delete((await recordOf(system, token)).key),
    seen: null,
  },
  {
    what: 'a record of a session that this process has ended',
    async plant(system, token) {
      await write(system, token, {})
      system.engine.ended.add((await recordOf(system, token)).key, system.clock())
    },
    seen: null,
  },
  {
    what: 'the tombstone of a regenerate',
    plant: (system, token) => move(system, token, false),
    seen: null,
  },
  {
    what: 'the tombstone of a rotation, whose successor is of an older shape',
    plant: (system, token) => move(system, token, true),
    seen: { a: 2, from: 0 },
  },
]

/** Does something that finds the record, and returns the data that it goes on with; null if it goes on with none. */
type Reader = (system: System, session: Session, token: string) => Promise<AnyData | null>

const readers: Readonly<Record<string, Reader>> = {
  'a request that is opened': (system, _, token) => dataOf(system, token),
  'a request that writes': async (system, session) => {
    session.set('mine', 1)
    const { outcome, token } = await system.sessions.commit(session)
    if (outcome === 'gone') return null
    expect(outcome).toBe('saved')
    return without('mine', await dataOf(system, token ?? tokenIn(session)))
  },
  'a request that saves': async (system, session) => {
    session.set('mine', 1)
    return isGone(
      () => session.save(),
      async () => without('mine', await dataOf(system, tokenIn(session))),
    )
  },
  'a request that regenerates': async (system, session) => {
    session.regenerate()
    const { outcome, token } = await system.sessions.commit(session)
    if (outcome === 'gone') return null
    expect([outcome, await dataOf(system, token ?? '')]).toEqual(['moved', session.toJSON().data])
    return session.toJSON().data
  },
  'a request whose token is due for rotation': async (system, session) => {
    const state = LiveSession.stateOf(session)
    if (state !== undefined) state.rotationDue = true
    const { outcome, token } = await system.sessions.commit(session)
    if (outcome === 'gone') return null
    expect([outcome, await dataOf(system, token ?? '')]).toEqual(['moved', session.toJSON().data])
    return session.toJSON().data
  },
  'a request that takes a message': async (_, session) => {
    const message = await session.flash.take('note')
    if (message === undefined) return null
    expect([message, await session.flash.take('note')]).toEqual(['hello', undefined])
    return session.toJSON().data
  },
  'a request that reloads': async (_, session) => {
    return isGone(
      () => session.reload(),
      async () => session.toJSON().data,
    )
  },
  'a request that touches': async (system, session) => {
    system.clock.advance(1)
    session.touch()
    const { outcome } = await system.sessions.commit(session)
    if (outcome === 'gone') return null
    expect(outcome).toBe('touched')
    expect(session.expiresAt).toBe(system.clock() + hour)
    return session.toJSON().data
  },
}

describe.each(plantings)('$what', ({ plant, seen, listed, told: event }) => {
  it.each(Object.entries(readers))('to %s', async (_, reader) => {
    const system = await systemOf(options)
    const { token, session } = await opened(system)
    const { key } = await recordOf(system, token)
    await plant(system, token)
    const before = await allRecords(system)
    expect(await reader(system, session, token)).toEqual(seen)
    const told = system.events.filter(({ type }) => type === 'invalid' || type === 'expired')
    if (event !== undefined) expect(told).toContainEqual(expect.objectContaining({ ...event, id: idOf(key) }))
    if (seen !== null) expect(told).toEqual([])
    // What a request may not go on with, it leaves alone, and beside it nothing stays of what it tried.
    else expect(await allRecords(system)).toEqual(before)
  })

  it('to isCurrent', async () => {
    const system = await systemOf(options)
    const { token, session } = await opened(system)
    await plant(system, token)
    const { base } = LiveSession.stateOf(session) ?? {}
    if (base == null) throw new Error('not stored')
    const isThere = (await system.engine.tokens.keyOf(token, 0)) in Object.fromEntries(await allRecords(system))
    const current = await system.engine.persistence.isCurrent(base)
    const parsed = parsePayload((await recordOf(system, token)).record?.payload ?? '')
    expect(current).toBe(isThere && parsed?.kind === 'session' && seen !== null)
  })

  it('to administration', async () => {
    const system = await systemOf(options)
    const { token, session } = await opened(system)
    const { id, root } = session
    await plant(system, token)
    const shown = listed ?? (await shownOf(system, token, seen))
    const dataIn = (infos: readonly { data: AnyData }[]) => infos.map(({ data }) => data)
    const expected = shown === null ? [] : [shown]
    expect(dataIn((await system.sessions.list()).sessions)).toEqual(expected)
    expect(dataIn(await system.sessions.users.list('ada'))).toEqual(expected)
    for (const handle of [id, root]) {
      expect((await system.sessions.find(handle))?.data ?? null).toEqual(shown)
    }
  })

  it('to whoever ends it: nothing is left that a token leads to, nor anything of it in a list', async () => {
    for (const end of [
      (_: System, session: Session) => session.destroy(),
      (system: System, { id }: Session) => system.sessions.revoke(id),
      (system: System, { root }: Session) => system.sessions.revoke(root),
      (system: System, { id }: Session) => system.sessions.users.revoke('ada', id),
      (system: System, { root }: Session) => system.sessions.users.revoke('ada', root),
      (system: System) => system.sessions.users.revokeAll('ada'),
    ]) {
      const system = await systemOf(options)
      const { token, session } = await opened(system)
      await plant(system, token)
      await end(system, session)
      await system.sessions.commit(session)
      expect(await dataOf(system, token)).toBeNull()
      if (seen === null && listed === undefined) continue
      expect((await system.sessions.list()).sessions).toEqual([])
      for (const [, record] of await allRecords(system)) {
        expect(parsePayload(record.payload)?.kind).toBe('tombstone')
      }
    }
  })
})

describe('a migration that fails', () => {
  // A touch that fails takes nothing from the request, so it goes on.
  const heard = Object.entries(readers).filter(([who]) => who !== 'a request that touches')

  it.each(heard)('is heard of by %s, and nothing is stored', async (_, reader) => {
    let broken = false
    const fault = new Error('from migrate.up')
    const system = await systemOf({
      ...options,
      migrate: {
        version: 2,
        up(data) {
          if (broken) throw fault
          return data
        },
      },
    })
    const { token, session } = await opened(system)
    await write(system, token, { dataVersion: 1 })
    const before = await allRecords(system)
    broken = true
    expect(await codeOf(() => reader(system, session, token))).toBe(fault)
    expect(await allRecords(system)).toEqual(before)
    broken = false
    expect(await dataOf(system, token)).toEqual({ a: 2 })
  })

  it('does not keep a session from being ended', async () => {
    const system = await systemOf({
      ...options,
      migrate: {
        version: 2,
        up() {
          throw new Error('from migrate.up')
        },
      },
    })
    const { token, session } = await opened(system)
    await write(system, token, { dataVersion: 1 })
    session.destroy()
    expect((await system.sessions.commit(session)).outcome).toBe('ended')
    const second = await opened(system)
    await write(system, second.token, { dataVersion: 1 })
    await system.sessions.users.revokeAll('ada')
    expect(await allRecords(system)).toEqual(new Map())
    expect(told(system, 'destroyed')).toHaveLength(2)
  })
})

/** A session of ada's with data, stored, and a request that has opened it. */
async function opened(system: System): Promise<{ token: string; session: Session }> {
  const first = await system.sessions.open(null)
  first.set('a', 1)
  first.login('ada')
  first.flash.set('note', 'hi')
  const { token } = await system.sessions.commit(first)
  if (token === null) throw new Error('no token')
  return { token, session: await system.sessions.open(token) }
}

async function put(system: System, token: string, payloadOf: (facts: Facts) => string): Promise<Stored> {
  const { key, record } = await recordOf(system, token)
  if (record === null) throw new Error('nothing is stored')
  const next: StoredRecord = { ...record, payload: payloadOf(factsIn(record)), version: record.version + 1 }
  expect(await system.records.replace(key, next, record.version)).toBe(true)
  return { key, record: next }
}

/** Overwrites a record with other facts and values, as another process would. */
function write(
  system: System,
  token: string,
  facts: { readonly [Name in keyof Facts]?: Facts[Name] | undefined },
  values = '{"d":{"a":2},"f":{"note":"hello"}}',
): Promise<Stored> {
  return put(system, token, (present) => payloadOf(present, facts, values))
}

function payloadOf(
  present: Facts,
  facts: { readonly [Name in keyof Facts]?: Facts[Name] | undefined },
  values: string,
): string {
  return writePayload({ ...present, ...facts } as Facts, '{"note":"s"}', 'other.1', values)
}

/** Moves a session to a new token, as another process would; the successor is of an older shape. */
async function move(system: System, token: string, automatic: boolean): Promise<void> {
  const successor = system.engine.tokens.draw()
  const next = await system.engine.tokens.keyOf(successor, 0)
  const { key, record } = await recordOf(system, token)
  if (record === null) throw new Error('nothing is stored')
  const facts = factsIn(record)
  const payload = payloadOf(
    facts,
    { dataVersion: undefined, formerIds: [idOf(key)] },
    '{"d":{"a":2},"f":{"note":"hello"}}',
  )
  await system.records.create(next, { ...record, payload, version: 1 })
  const sealed = automatic ? { sealedNext: await sealSuccessor(token, successor) } : {}
  await put(system, token, () => writeTombstone({ at: system.clock(), root: facts.root, next, ...sealed }))
}

function factsIn({ payload }: StoredRecord): Facts {
  const parsed = parsePayload(payload)
  if (parsed?.kind !== 'session') throw new Error('not a session')
  return parsed.facts
}

/** A moved session lives on for administration, whoever may follow it. */
async function shownOf(system: System, token: string, seen: AnyData | null): Promise<AnyData | null> {
  const parsed = parsePayload((await recordOf(system, token)).record?.payload ?? '')
  const isMoved = parsed?.kind === 'tombstone' && parsed.tombstone.next !== undefined
  return isMoved ? { a: 2, from: 0 } : seen
}

/** Null if the work says that the session is gone, else what comes after it. */
async function isGone(work: () => Promise<void>, after: () => Promise<AnyData | null>): Promise<AnyData | null> {
  try {
    await work()
  } catch (error) {
    if (error instanceof SessionError && error.code === 'SESSION_GONE') return null
    throw error
  }
  return after()
}

function tokenIn(session: Session): string {
  return LiveSession.stateOf(session)?.base?.token ?? ''
}

function without(name: string, data: AnyData | null): AnyData | null {
  if (data === null) return null
  expect(data).toHaveProperty(name)
  const { [name]: _, ...others } = data
  return others
}
