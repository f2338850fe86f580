import type { Committed, Outcome, ResponseFacts } from '../../contract/adapter.ts'
import type { Eventually } from '../../contract/store.ts'
import { SessionError } from '../../errors.ts'
import { andThen } from '../../values/eventually.ts'
import type { Engine } from '../engine.ts'
import { isStale } from '../expiry.ts'
import { carryOut } from './carry-out.ts'
import type { RequestExchange } from './exchange.ts'
import { writeHeaders } from './headers.ts'
import { type Plan, plan } from './plan.ts'
import type { State } from './state.ts'

/**
 * Stores what a request leaves behind and puts on its response what the client needs.
 *
 * Answers at once when there is nothing to store. When storing fails nothing is put on the response: a client that
 * holds a good token keeps it.
 */
export function finishState(engine: Engine, state: State, response: ResponseFacts): Eventually<Committed> {
  if (state.exchange !== null) state.begun = true
  if (state.busy !== null) return afterwards(state, () => finishState(engine, state, response))
  const todo = planOf(engine, state, !engine.settings.commitOn(response))
  if (todo.step === 'nothing' && !todo.end) return conclude(engine, state, 'nothing')
  return andThen(
    exclusively(state, () => carryOut(engine, state, todo)),
    (outcome) => conclude(engine, state, outcome),
  )
}

/** Stores the changes now; the response gets its cookie when it begins. */
export async function saveState(engine: Engine, state: State): Promise<void> {
  if (state.busy !== null) return afterwards(state, () => saveState(engine, state))
  if (state.fault !== null && state.substantial) throw state.fault
  const todo = planOf(engine, state, false)
  if (todo.step === 'nothing' && !todo.end) return
  const outcome = await exclusively(state, () => carryOut(engine, state, todo))
  if (outcome !== 'gone') return
  throw new SessionError('SESSION_GONE', 'the session was ended or moved to a new token by another request')
}

/** Lets one commit of a state run at a time. */
export function exclusively<Result>(state: State, work: () => Eventually<Result>): Eventually<Result> {
  if (state.busy !== null) return afterwards(state, () => exclusively(state, work))
  const done = work()
  if (!(done instanceof Promise)) return done
  state.busy = done
  const release = () => {
    state.busy = null
  }
  // Asked first, so it is told first: before the caller and before the next in turn.
  done.then(release, release)
  return done
}

function afterwards<Result>(state: State, work: () => Eventually<Result>): Promise<Result> {
  // How the one before ended is told to whoever asked for it.
  return Promise.resolve(state.busy).then(work, work)
}

function planOf({ settings }: Engine, state: State, failed: boolean): Plan {
  const { record } = state
  const stored = record !== null
  const changed = stored ? state.changed : state.substantial
  const rotate = state.rotate && !state.headersSent
  return plan({
    stored,
    changed,
    ending: state.ended.length > 0,
    moving: state.regenerate || rotate,
    login: state.login,
    // A change extends the deadline anyway.
    stale: stored && !changed && (state.touch || isStale(state.envelope, record, settings.clock(), settings.timeouts)),
    barred: state.barred,
    failed,
  })
}

function conclude(engine: Engine, state: State, outcome: Outcome): Committed {
  const { exchange, outgoing } = state
  if (exchange === null) {
    state.outgoing = null
    return { outcome, headers: [], token: outgoing?.token ?? null }
  }
  if (!state.sent && !exchange.headersSent) writeHeaders(engine, state, exchange)
  state.sent = true
  state.outgoing = null
  const headers = (exchange as Partial<RequestExchange>).collected ?? []
  return { outcome, headers, token: outgoing?.token ?? null }
}
