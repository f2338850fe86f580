import type { Outcome } from '../contract/sessions.ts'
import type { Eventually, StoredRecord } from '../contract/store.ts'
import { SessionError } from '../errors.ts'
import { conflictError, mostAttempts, onConflict } from './conflict.ts'
import { endSession } from './end.ts'
import { type Engine, freshEnvelope, ownerOf, pack } from './engine.ts'
import { andThen, attempt } from './eventually.ts'
import { deadline } from './expiry.ts'
import { apply } from './intents.ts'
import { move } from './move.ts'
import { type Placed, placeRecord } from './place.ts'
import type { Plan } from './plan.ts'
import type { Lane } from './queue.ts'
import { refresh } from './refresh.ts'
import { Batch, type State } from './state.ts'
import { idOf } from './token.ts'

/** Performs a plan. What it could not store is due again. */
export function carryOut(engine: Engine, state: State, plan: Plan): Eventually<Outcome> {
  return plan.end ? endFirst(engine, state, plan) : carryOutStep(engine, state, plan)
}

async function endFirst(engine: Engine, state: State, plan: Plan): Promise<Outcome> {
  // Taken out one by one: an end that failed is due again.
  for (let place = state.ended[0]; place !== undefined; place = state.ended[0]) {
    await endSession(engine, place)
    state.ended.shift()
  }
  const outcome = await carryOutStep(engine, state, plan)
  return outcome === 'nothing' ? 'ended' : outcome
}

function carryOutStep(engine: Engine, state: State, { step }: Plan): Eventually<Outcome> {
  if (step === 'nothing') return 'nothing'
  if (step === 'touch') return touch(engine, state)
  if (step === 'refuse') return gone(engine, state)
  const batch = new Batch(state)
  return attempt(
    () => andThen(changes[step](engine, state, batch), (outcome) => settle(engine, state, batch, outcome)),
    (error) => {
      batch.restore()
      throw error
    },
  )
}

type Change = (engine: Engine, state: State, batch: Batch) => Eventually<Outcome | 'elsewhere'>

const changes: Record<'create' | 'replace' | 'move', Change> = { create, replace, move }

function settle(engine: Engine, state: State, batch: Batch, outcome: Outcome | 'elsewhere'): Eventually<Outcome> {
  if (outcome === 'elsewhere') return followOn(engine, state, batch)
  if (batch.orphaned) return outcome
  if (outcome === 'gone') return state.login ? loginAfresh(engine, state, batch) : gone(engine, state)
  batch.stored()
  return outcome
}

/** An automatic rotation has moved the session, and this request was allowed to follow. */
function followOn(engine: Engine, state: State, batch: Batch): Eventually<Outcome> {
  // The request has ended the session meanwhile, and with it what was stored here.
  if (batch.orphaned) return 'gone'
  if (!state.regenerate && batch.empty) return 'moved'
  const again = state.regenerate ? move : replace
  return andThen(again(engine, state, batch), (outcome) => settle(engine, state, batch, outcome))
}

/** Stores a session for the first time, under a token of its own: nothing that the client sent becomes one. */
async function create(engine: Engine, state: State, batch: Batch): Promise<Outcome> {
  const { settings, listeners } = engine
  const owner = ownerOf(state.envelope)
  if (state.headersSent) {
    throw new SessionError(
      'HEADERS_SENT',
      'a new session needs a cookie, and the response has begun: write to it before',
    )
  }
  if (!settings.mayCreate(state.exchange)) {
    listeners.emit('limit', { at: settings.clock(), limit: 'create' })
    throw new SessionError('LIMIT_REACHED', 'limits.create refused a new session')
  }
  const placed = await engine.queue.watch(place(engine, state))
  if (batch.orphaned) state.ended.push(placed)
  else state.settle(placed, true)
  listeners.emit('created', { at: settings.clock(), id: idOf(placed.key), ...owner })
  return 'created'
}

async function place(engine: Engine, state: State): Promise<Placed> {
  return placeRecord(engine, await pack(engine, state.envelope, 1), state.token)
}

/** Writes the changes over the version they were made on, or makes them again on what came in between. */
function replace(engine: Engine, state: State, batch: Batch): Eventually<Outcome | 'elsewhere'> {
  const { key } = state
  if (key === null) throw new Error('a session without a record cannot be replaced')
  return engine.queue.run(key, (lane) => {
    const replacement = { engine, state, batch, lane, key }
    return lane.latest === undefined ? write(replacement, 1) : rewrite(replacement, lane.latest, 1)
  })
}

interface Replacement {
  readonly engine: Engine
  readonly state: State
  readonly batch: Batch
  readonly lane: Lane
  readonly key: string
}

function write(replacement: Replacement, attempts: number): Eventually<Outcome | 'elsewhere'> {
  const { engine, state, batch, lane, key } = replacement
  const { record } = state
  // Another key has a queue of its own to wait in.
  if (state.key !== key || record === null) return 'elsewhere'
  const now = engine.settings.clock()
  return andThen(pack(engine, state.envelope, record.version + 1, now), (next) => {
    if (next.expiresAt <= now) return 'gone'
    return andThen(engine.store.replace(key, next, record.version), (stored) => {
      if (!stored) return retry(replacement, attempts)
      lane.latest = next
      if (!batch.orphaned) state.record = next
      return 'saved'
    })
  })
}

async function retry(replacement: Replacement, attempts: number): Promise<Outcome | 'elsewhere'> {
  const { engine, state, lane, key } = replacement
  await onConflict(engine, state, attempts)
  if (attempts === mostAttempts) throw conflictError()
  const fresh = await engine.store.read(key)
  lane.latest = fresh
  return rewrite(replacement, fresh, attempts + 1)
}

async function rewrite(
  replacement: Replacement,
  latest: StoredRecord | null,
  attempts: number,
): Promise<Outcome | 'elsewhere'> {
  const { engine, state, batch } = replacement
  return (await refresh(engine, state, batch, latest)) ? write(replacement, attempts) : 'gone'
}

function touch(engine: Engine, state: State): Eventually<Outcome> {
  const { store, settings } = engine
  const { key, record } = state
  state.touch = false
  if (key === null || record === null) return 'nothing'
  const expiresAt = deadline(state.envelope, settings.clock(), settings.timeouts)
  if (expiresAt <= record.expiresAt) return 'nothing'
  // A failed extension has been reported as an event; the request loses nothing by it, so it goes on.
  const touching = attempt(
    () => store.touch(key, expiresAt),
    () => null,
  )
  return andThen(touching, (touched) => {
    // Unless the request has ended the session meanwhile.
    const present = state.record === record
    if (touched === true && present) state.record = { ...record, expiresAt }
    if (touched === false) return present ? gone(engine, state) : 'gone'
    return touched === null ? 'nothing' : 'touched'
  })
}

/** Signing in always succeeds: when another request has moved or ended the session, in one of its own. */
async function loginAfresh(engine: Engine, state: State, batch: Batch): Promise<Outcome> {
  state.token = state.key = state.record = state.exposed = null
  state.envelope = batch.replay(freshEnvelope(engine.settings.clock()))
  for (const intent of state.intents) apply(state.envelope, intent)
  const outcome = await create(engine, state, batch)
  batch.stored()
  return outcome
}

/** The changes have nowhere to go, and the client gets no cookie: it may already hold a newer one. */
function gone({ listeners, settings }: Engine, state: State): Outcome {
  state.regenerate = state.login = state.rotate = false
  state.outgoing = null
  if (state.fault === null) listeners.emit('gone', { at: settings.clock(), ...(state.key && { id: idOf(state.key) }) })
  return 'gone'
}
