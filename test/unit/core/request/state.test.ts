import { describe, expect, it } from 'vitest'
import type { Engine } from '../../../../src/core/engine.ts'
import type { Base, ChangeSet, Live } from '../../../../src/core/persistence.ts'
import { type Contents, freshContents } from '../../../../src/core/record/contents.ts'
import { thaw } from '../../../../src/core/record/write.ts'
import { SessionState } from '../../../../src/core/request/state.ts'
import { browserRequest, systemOf } from '../system.ts'

const origin = { exchange: null, presented: true, barred: false, fault: null }

function contentsOf(data: Record<string, unknown>): Contents {
  return { facts: { createdAt: 1, root: 'root' }, data, flash: {} }
}

function baseOf(token: string, version = 1): Base {
  const record = { payload: '', version, expiresAt: 9 }
  return { token, key: `key of ${token}`, record, facts: { createdAt: 1, root: 'root' } }
}

function liveOf(data: Record<string, unknown>): Live {
  return { kind: 'live', base: baseOf('token-1'), contents: contentsOf(data), writeId: 'w' }
}

/** A change set at once: nothing here has a schema. */
function take(state: SessionState): ChangeSet {
  const set = state.take()
  if (set instanceof Promise) throw new Error('taking takes time')
  return set
}

async function stateOf(live: Live | null): Promise<{ state: SessionState; engine: Engine }> {
  const { engine } = await systemOf()
  return { state: new SessionState(engine, origin, live), engine }
}

describe('what a request is to store', () => {
  it('is its changes and the session with them, as values', async () => {
    const { state, engine } = await stateOf(liveOf({ a: 1 }))
    const list = [1]
    state.log.add({ op: 'set', key: 'list', value: list })
    const set = take(state)
    list.push(2)
    state.log.add({ op: 'set', key: 'later', value: 1 })
    expect(set).toMatchObject({ changes: [{ op: 'set', key: 'list' }], flash: null, writeIds: [], tried: null })
    expect(thaw(engine, set.frozen).data).toEqual({ a: 1, list: [1] })
    expect(set.frozen.facts).toEqual({ createdAt: 1, root: 'root' })
  })

  it('has a root, drawn when it is first needed and then the same', async () => {
    const { state } = await stateOf(null)
    expect(state.log.contents.facts.root).toBe('')
    const { root } = take(state).frozen.facts
    expect(root).toMatch(/^[\w-]{22}$/)
    expect([state.root, take(state).frozen.facts.root]).toEqual([root, root])
  })

  it('fails at once for what cannot be stored, and is due again', async () => {
    const { state } = await stateOf(liveOf({}))
    state.log.add({ op: 'set', key: 'a', value: () => 1 })
    expect(() => state.take()).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }))
    expect(state.isChanged).toBe(true)
    state.log.add({ op: 'delete', key: 'a' })
    expect(take(state).changes).toHaveLength(2)
  })
})

describe('whether there is anything worth a first record', () => {
  it.each<[string, boolean, (state: SessionState) => void]>([
    ['nothing', false, () => undefined],
    ['a value', true, ({ log }) => log.add({ op: 'set', key: 'a', value: undefined })],
    [
      'a value that was removed again',
      false,
      ({ log }) => {
        log.add({ op: 'set', key: 'a', value: 1 })
        log.add({ op: 'delete', key: 'a' })
      },
    ],
    ['a clear', false, ({ log }) => log.add({ op: 'clear' })],
    ['a regenerate', false, ({ log }) => log.add({ op: 'regenerate' })],
    [
      'a sign-in',
      true,
      ({ log }) => log.add({ op: 'login', userId: 'ada', at: 1, device: undefined, keep: undefined, root: 'r' }),
    ],
    ['a key that objects have of their own', true, ({ log }) => log.add({ op: 'set', key: '__proto__', value: 1 })],
  ])('%s: %s', async (_, expected, work) => {
    const { state } = await stateOf(null)
    work(state)
    expect(state.isSubstantial).toBe(expected)
  })
})

describe('once it is stored', () => {
  it('for the first time, the response gets its token', async () => {
    const { state } = await stateOf(null)
    state.log.add({ op: 'set', key: 'a', value: 1 })
    const set = take(state)
    state.settle({ kind: 'saved', base: baseOf('token-1'), contents: null, shared: false }, set, true)
    expect(state.outgoing).toEqual({ token: 'token-1', created: true, shared: false })
    expect([state.isChanged, state.base?.token]).toEqual([false, 'token-1'])
  })

  it('and moved before the response has begun, it is still the first that the client gets', async () => {
    const { state } = await stateOf(null)
    state.log.add({ op: 'set', key: 'a', value: 1 })
    state.settle({ kind: 'saved', base: baseOf('token-1'), contents: null, shared: false }, take(state), true)
    state.settle({ kind: 'moved', base: baseOf('token-2'), contents: null, shared: false }, take(state))
    expect(state.outgoing).toEqual({ token: 'token-2', created: true, shared: false })
  })

  it('under the token that the client has, the response gets none', async () => {
    const { state } = await stateOf(liveOf({}))
    state.rotationDue = state.aged = true
    state.settle({ kind: 'saved', base: baseOf('token-1', 2), contents: null, shared: false }, take(state))
    expect([state.outgoing, state.rotationDue, state.aged]).toEqual([null, true, true])
    state.settle({ kind: 'moved', base: baseOf('token-2'), contents: null, shared: true }, take(state))
    expect([state.outgoing, state.rotationDue, state.aged]).toEqual([
      { token: 'token-2', created: false, shared: true },
      false,
      false,
    ])
  })

  it('what was doubtful is settled by a commit, and by nothing else', async () => {
    const { state } = await stateOf(liveOf({}))
    const first = take(state)
    expect([first.tried, state.tried]).toEqual([null, first])
    expect(take(state).tried).toBe(first)
    state.settle({ kind: 'touched', base: baseOf('token-1', 2), contents: null, shared: false }, null)
    expect(state.tried?.tried).toBe(first)
    state.settle({ kind: 'saved', base: baseOf('token-1', 3), contents: null, shared: false }, take(state))
    expect(state.tried).toBeNull()
  })
})

describe('a session that is left behind', () => {
  it('is to be ended, and nothing of it goes into the new one', async () => {
    const { state } = await stateOf(liveOf({ a: 1 }))
    state.log.add({ op: 'set', key: 'b', value: 1 })
    state.touch = state.rotationDue = state.aged = true
    state.outgoing = { token: 'token-1', created: false, shared: true }
    const { root } = state
    state.leave('logout')
    expect(state.ended).toEqual([{ place: baseOf('token-1'), reason: 'logout' }])
    expect(state).toMatchObject({
      base: null,
      draft: null,
      outgoing: null,
      touch: false,
      rotationDue: false,
      aged: false,
      cleared: true,
      isChanged: false,
    })
    expect([state.log.contents, state.root === root]).toEqual([
      { ...freshContents(state.engine.settings.clock()), facts: expect.any(Object) },
      false,
    ])
    state.leave('destroy')
    expect(state.ended).toHaveLength(1)
  })
})

describe('changes that have nowhere to go', () => {
  it('are dropped, but not what came after them', async () => {
    const { state } = await stateOf(liveOf({}))
    state.log.add({ op: 'set', key: 'a', value: 1 })
    const set = take(state)
    state.log.add({ op: 'set', key: 'b', value: 1 })
    state.outgoing = { token: 'token-2', created: false, shared: true }
    state.giveUp(set.changes.length, set.flash)
    expect([state.log.pending, state.outgoing]).toEqual([[{ op: 'set', key: 'b', value: 1 }], null])
  })
})

describe('whether the response can still carry a token', () => {
  it('is asked of the exchange each time, and not possible after it was given what it needs', async () => {
    const { engine } = await systemOf()
    const exchange = browserRequest(null)
    const state = new SessionState(engine, { ...origin, exchange }, null)
    expect(state.headersSent).toBe(false)
    exchange.sent = true
    expect(state.headersSent).toBe(true)
    exchange.sent = false
    state.sent = true
    expect(state.headersSent).toBe(true)
    expect(new SessionState(engine, origin, null).headersSent).toBe(false)
  })
})
