import type { Outcome } from '../../contract/adapter.ts'
import type { Eventually } from '../../contract/store.ts'
import { SessionError } from '../../errors.ts'
import { andThen, attempt } from '../../values/eventually.ts'
import { apply } from '../changes/change.ts'
import { type Engine, freshEnvelope, ownerOf } from '../engine.ts'
import { gone } from '../keyed/conflict.ts'
import { idOf } from '../token.ts'
import type { Plan } from './plan.ts'
import { Batch, type State } from './state.ts'

/** Performs a plan. What it could not store is due again. */
export function carryOut(engine: Engine, state: State, plan: Plan): Eventually<Outcome> {
  return plan.end ? endFirst(engine, state, plan) : carryOutStep(engine, state, plan)
}

async function endFirst(engine: Engine, state: State, plan: Plan): Promise<Outcome> {
  // Taken out one by one: an end that failed is due again.
  for (let place = state.ended[0]; place !== undefined; place = state.ended[0]) {
    await engine.keeping.end(place)
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
    () => andThen(change(engine, state, batch, step), (outcome) => settle(engine, state, batch, outcome)),
    (error) => {
      batch.restore()
      throw error
    },
  )
}

function change(
  engine: Engine,
  state: State,
  batch: Batch,
  step: 'create' | 'replace' | 'move',
): Eventually<Outcome | 'elsewhere'> {
  if (step === 'create') return create(engine, state, batch)
  return step === 'move' ? move(engine, state, batch) : engine.keeping.replace(state, batch)
}

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
  const again = change(engine, state, batch, state.regenerate ? 'move' : 'replace')
  return andThen(again, (outcome) => settle(engine, state, batch, outcome))
}

/** Stores a session for the first time, under a token of its own: nothing that the client sent becomes one. */
async function create(engine: Engine, state: State, batch: Batch): Promise<Outcome> {
  const { settings, listeners } = engine
  const owner = ownerOf(state.envelope)
  if (state.headersSent) {
    throw new SessionError('HEADERS_SENT', 'a new session needs a cookie, and the response has begun')
  }
  if (!settings.mayCreate(state.exchange)) {
    listeners.emit('limit', { at: settings.clock(), limit: 'create' })
    throw new SessionError('LIMIT_REACHED', 'limits.create refused a new session')
  }
  const placed = await engine.queue.watch(engine.keeping.place(state))
  if (batch.orphaned) state.ended.push(placed)
  else state.settle(placed, true, batch.asked)
  listeners.emit('created', { at: settings.clock(), id: idOf(placed.key), ...owner })
  return 'created'
}

/** Gives the session a new token. */
function move(engine: Engine, state: State, batch: Batch): Eventually<Outcome | 'elsewhere'> {
  if (!state.headersSent) return engine.keeping.move(state, batch)
  throw new SessionError('HEADERS_SENT', 'a new token needs a cookie, and the response has begun')
}

/** Extends the idle deadline. A failure has been reported as an event; the request loses nothing by it, so it goes on. */
function touch(engine: Engine, state: State): Eventually<Outcome> {
  state.touch = false
  const { record } = state
  const touching = attempt(
    () => engine.keeping.touch(state),
    () => 'nothing' as const,
  )
  // Unless the request has ended the session meanwhile.
  return andThen(touching, (outcome) => (outcome === 'gone' && state.record === record ? gone(engine, state) : outcome))
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
