import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { parsePayload } from '../../../../src/core/record/wire.ts'
import { idOf } from '../../../../src/core/token.ts'
import type { Session } from '../../../../src/index.ts'
import type { StoreOperation } from '../../../../src/testing/index.ts'
import { allRecords, codeOf, dataOf, recordOf, type System, settle, systemOf, tokenOf, told, visit } from '../system.ts'

const minute = 60_000

type Verb = 'rotation' | 'regenerate' | 'login'

const verbs: Readonly<Record<Verb, (session: Session) => void>> = {
  rotation: () => undefined,
  regenerate: (session) => session.regenerate(),
  login: (session) => session.login('ada'),
}

/** A session of ada's that is due for a rotation, and nothing else. */
async function due(): Promise<{ system: System; token: string }> {
  const system = await systemOf({ rotateEvery: '5m', idleTimeout: '1h' })
  const token = await tokenOf(system, { cart: ['a'] }, 'ada')
  system.clock.advance(6 * minute)
  return { system, token }
}

/** The sessions that are stored, by what they hold. */
async function live(system: System): Promise<unknown[]> {
  const parsed = [...(await allRecords(system)).values()].map(({ payload }) => parsePayload(payload))
  return parsed.flatMap((each) => (each?.kind === 'session' ? [JSON.parse(each.values)] : []))
}

describe('a move', () => {
  it.each(Object.entries(verbs))('by %s takes the session to a new key, and leaves a tombstone', async (verb, work) => {
    const { system, token } = await due()
    const { key } = await recordOf(system, token)
    const opened = await system.sessions.open(token)
    const { outcome, token: next } = await visit(system, token, (session) => {
      work(session)
      session.set('more', 1)
    })
    expect(outcome).toBe('moved')
    const successor = await recordOf(system, next ?? '')
    const session = await system.sessions.open(next)
    expect([session.toJSON().data, session.userId, session.root]).toEqual([
      { cart: ['a'], more: 1 },
      'ada',
      opened.root,
    ])
    const tombstone = parsePayload((await recordOf(system, token)).record?.payload ?? '')
    expect(tombstone).toEqual({
      kind: 'tombstone',
      tombstone: {
        at: system.clock(),
        root: opened.root,
        next: successor.key,
        ...(verb === 'rotation' && { sealedNext: expect.any(String) }),
      },
    })
    expect(JSON.stringify(tombstone)).not.toContain(next)
    expect((await allRecords(system)).size).toBe(2)
    expect(told(system, 'rotated')).toEqual([
      {
        id: idOf(successor.key),
        previousId: idOf(key),
        automatic: verb === 'rotation',
        root: opened.root,
        userId: 'ada',
      },
    ])
  })

  it('remembers the last four ids, the newest first', async () => {
    const system = await systemOf()
    let token = await tokenOf(system, { a: 1 })
    const ids: string[] = []
    for (let moves = 0; moves < 6; moves++) {
      ids.unshift(idOf((await recordOf(system, token)).key))
      token = (await visit(system, token, (session) => session.regenerate())).carried
    }
    const parsed = parsePayload((await recordOf(system, token)).record?.payload ?? '')
    expect(parsed).toMatchObject({ kind: 'session', facts: { formerIds: ids.slice(0, 4), rotatedAt: system.clock() } })
  })

  it('carries over what another process writes between its two steps', async () => {
    for (const work of Object.values(verbs)) {
      const { system, token } = await due()
      const other = await system.another({ rotateEvery: '12h' })
      const held = system.store.faults.hold('replace', { times: 1 })
      const moving = visit(system, token, (session) => {
        work(session)
        session.increment('n')
        session.push('cart', 'mine')
      })
      await held.reached
      await visit(other, token, (session) => {
        session.increment('n')
        session.push('cart', 'theirs')
        session.set('theirs', 1)
      })
      held.release()
      const { outcome, token: next } = await moving
      expect(outcome).toBe('moved')
      expect(await dataOf(system, next ?? '')).toEqual({ cart: ['a', 'theirs', 'mine'], n: 2, theirs: 1 })
      expect(await live(system)).toHaveLength(1)
    }
  })

  it('that another process has ended in between is gone, and leaves nothing', async () => {
    for (const work of [verbs.rotation, verbs.regenerate]) {
      const { system, token } = await due()
      const other = await system.another()
      const held = system.store.faults.hold('replace', { times: 1 })
      const moving = visit(system, token, work)
      await held.reached
      await visit(other, token, (session) => session.destroy())
      held.release()
      expect((await moving).outcome).toBe('gone')
      await settle()
      expect(await allRecords(system)).toEqual(new Map())
    }
  })

  it('that another process was faster with leaves one successor, whose record alone is there', async () => {
    const { system, token } = await due()
    const other = await system.another()
    const held = system.store.faults.hold('replace', { times: 1 })
    const losing = visit(system, token, verbs.regenerate)
    await held.reached
    const won = await visit(other, token, verbs.regenerate)
    // The record of the one that loses is there at this moment.
    expect(await live(system)).toHaveLength(2)
    held.release()
    expect(await losing).toMatchObject({ outcome: 'gone', token: null })
    await settle()
    expect(await live(system)).toHaveLength(1)
    expect(await dataOf(system, won.carried)).toEqual({ cart: ['a'] })
    expect(await system.sessions.users.list('ada')).toHaveLength(1)
  })

  it('of two rotations at once the later one follows, with its changes, and its own record goes', async () => {
    const { system, token } = await due()
    const other = await system.another()
    const held = system.store.faults.hold('replace', { times: 1 })
    const losing = visit(system, token, (session) => session.set('mine', 1))
    await held.reached
    const won = await visit(other, token, (session) => session.set('theirs', 1))
    held.release()
    const lost = await losing
    expect([lost.outcome, lost.token]).toEqual(['saved', won.token])
    await settle()
    expect(await live(system)).toEqual([{ d: { cart: ['a'], theirs: 1, mine: 1 } }])
  })

  it('of a rotation and a regenerate at once the regenerate has the last word', async () => {
    const { system, token } = await due()
    const other = await system.another()
    const held = system.store.faults.hold('replace', { times: 1 })
    const regenerating = visit(system, token, (session) => {
      session.regenerate()
      session.set('mine', 1)
    })
    await held.reached
    const rotated = await visit(other, token)
    held.release()
    const { outcome, token: next } = await regenerating
    expect([outcome, next === rotated.token]).toEqual(['moved', false])
    expect(await dataOf(system, next ?? '')).toEqual({ cart: ['a'], mine: 1 })
    expect(await dataOf(system, rotated.carried)).toBeNull()
    await settle()
    expect(await live(system)).toHaveLength(1)
  })

  it('within one process all of many rotations at once come to the same token, and no change is lost', async () => {
    const { system, token } = await due()
    const visits = await Promise.all(
      Array.from({ length: 10 }, () => visit(system, token, (session) => session.increment('n'))),
    )
    expect(new Set(visits.map(({ token: next }) => next)).size).toBe(1)
    await settle()
    expect(await live(system)).toEqual([{ d: { cart: ['a'], n: 10 } }])
  })
})

describe('a rotation at the limit of what a record holds', () => {
  async function atTheLimit(recordBytes: number) {
    const plain = await systemOf()
    const token = await tokenOf(plain, { text: 'x'.repeat(200) })
    return { system: await plain.another({ rotateEvery: '5m', renewAfter: '1m', limits: { recordBytes } }), token }
  }

  it('does not happen, and whatever else is due does', async () => {
    const { system, token } = await atTheLimit(300)
    system.clock.advance(6 * minute)
    const { expiresAt } = await system.sessions.open(token)
    expect(await visit(system, token)).toMatchObject({ outcome: 'touched', token: null })
    expect((await system.sessions.open(token)).expiresAt).toBeGreaterThan(expiresAt)
    expect((await visit(system, token)).outcome).toBe('nothing')
    expect((await visit(system, token, (session) => session.set('n', 1))).outcome).toBe('saved')
    expect(told(system, 'limit')).toEqual([])
    expect((await visit(system, token, (session) => session.set('text', ''))).outcome).toBe('moved')
    expect(await live(system)).toHaveLength(1)
  })

  it('that was asked for is refused, and the session stays', async () => {
    const { system, token } = await atTheLimit(300)
    expect(await codeOf(() => visit(system, token, (session) => session.regenerate()))).toBe('RECORD_TOO_LARGE')
    expect(await dataOf(system, token)).toEqual({ text: 'x'.repeat(200) })
    await settle()
    expect(await live(system)).toHaveLength(1)
  })
})

describe('a move whose store call has an outcome that nobody learns', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const faults = {
    'fails before it is applied': (system: System, operation: StoreOperation) =>
      system.store.faults.fail(operation, { times: 1 }),
    'fails after it was applied': (system: System, operation: StoreOperation) =>
      system.store.faults.loseReply(operation, { times: 1 }),
    'takes too long and is never applied': (system: System, operation: StoreOperation) =>
      system.store.faults.hang(operation, { times: 1 }),
    'takes too long and was applied': (system: System, operation: StoreOperation) =>
      system.store.faults.hang(operation, { times: 1, applied: true }),
  }

  /** The work, however long the store takes: its result, or its error. */
  async function patiently<Result>(work: Promise<Result>): Promise<Result | unknown> {
    let done = false
    const settled = work
      .catch((error: unknown) => error)
      .finally(() => {
        done = true
      })
    // Sealing takes real time, so a call of the store may begin late.
    while (!done) {
      await settle(1)
      await vi.advanceTimersByTimeAsync(500)
    }
    return settled
  }

  const rows = (Object.keys(verbs) as Verb[]).flatMap((verb) =>
    (['create', 'replace', 'delete'] as const).flatMap((operation) =>
      (Object.keys(faults) as (keyof typeof faults)[]).map((fault) => ({ verb, operation, fault })),
    ),
  )

  async function attempted({ verb, operation, fault }: (typeof rows)[number]) {
    const { system, token } = await due()
    faults[fault](system, operation)
    // The record of a move that lost is removed by a delete.
    if (operation === 'delete') system.store.faults.fail('replace', { times: 1 })
    const answer = await patiently(visit(system, token, verbs[verb]))
    system.store.faults.clear()
    await settle()
    const carried = answer instanceof Error ? token : (answer as { carried: string }).carried
    return { system, token, carried, answer }
  }

  /** The tombstone is stored, and the client was not told: its token led nowhere, so it must not lead anywhere again. */
  const isLost = ({ verb, operation, fault }: (typeof rows)[number]) =>
    verb !== 'rotation' && operation === 'replace' && fault === 'takes too long and was applied'

  it.each(rows.filter(isLost))('by $verb, of which $operation $fault: the old token stays dead', async (row) => {
    const { system, token } = await attempted(row)
    expect(await dataOf(system, token)).toBeNull()
    system.clock.advance(minute)
    expect(await dataOf(system, token)).toBeNull()
  })

  const kept = rows.filter((row) => !isLost(row))
  it.each(kept)('by $verb, of which $operation $fault: the client is still in its session', async (row) => {
    const attempt = await attempted(row)
    const { system } = attempt
    // A request within the grace of a rotation is given the successor.
    const next = row.verb === 'rotation' ? await patiently(visit(system, attempt.carried)) : attempt
    const { carried } = next as typeof attempt
    for (const later of [0, minute / 2, minute]) {
      system.clock.advance(later)
      expect(await dataOf(system, carried)).toEqual({ cart: ['a'] })
      expect((await system.sessions.open(carried)).userId).toBe('ada')
    }
  })

  it.each(kept.filter(({ operation }) => operation !== 'delete'))(
    'by $verb, of which $operation $fault: one session is listed',
    async (row) => {
      const { system, carried } = await attempted(row)
      const visited = await patiently(visit(system, carried))
      expect(visited).not.toBeInstanceOf(Error)
      await settle()
      expect(await system.sessions.users.list('ada')).toHaveLength(1)
      expect(await live(system)).toHaveLength(1)
    },
  )

  it.each(rows)(
    'by $verb, of which $operation $fault: the old token never leads to it once the new one is known',
    async (row) => {
      const { system, token, carried } = await attempted(row)
      if (carried === token) return
      system.clock.advance(minute)
      expect(await dataOf(system, token)).toBeNull()
    },
  )

  it('a tombstone that is stored after the store was given up leads whoever holds the token of a rotation on', async () => {
    const { system, token } = await due()
    const held = system.store.faults.hold('replace', { times: 1 })
    expect(await patiently(visit(system, token))).toMatchObject({ code: 'STORE_TIMEOUT' })
    expect(await dataOf(system, token)).toEqual({ cart: ['a'] })
    held.release()
    await settle()
    const { carried } = await visit(system, token)
    expect(carried).not.toBe(token)
    expect(await dataOf(system, carried)).toEqual({ cart: ['a'] })
    expect(await live(system)).toHaveLength(1)
  })

  it('after moves that failed one after the other one session is listed', async () => {
    const { system, token } = await due()
    for (let tries = 0; tries < 3; tries++) {
      // The tombstone is tried twice.
      system.store.faults.fail('replace', { times: 2 })
      expect(await codeOf(() => visit(system, token, verbs.regenerate))).toBe('STORE_FAILED')
    }
    await settle()
    expect(await system.sessions.users.list('ada')).toHaveLength(1)
    expect(await dataOf(system, token)).toEqual({ cart: ['a'] })
  })
})
