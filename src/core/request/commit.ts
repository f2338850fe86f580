import type { Committed, Outcome, ResponseFacts } from '../../contract/adapter.ts'
import type { Eventually } from '../../contract/store.ts'
import { SessionError } from '../../errors.ts'
import { andThen, attempt } from '../../values/eventually.ts'
import type { Engine } from '../engine.ts'
import { carryOut, gone, planOf } from './carry-out.ts'
import type { RequestExchange } from './exchange.ts'
import { writeHeaders } from './headers.ts'
import type { SessionState } from './state.ts'

/**
 * Stores what a request leaves behind and puts on its response what the client needs.
 *
 * Returns at once when there is nothing to store. When storing fails, the response gets no more than the token of an
 * earlier commit: a client that holds a good token keeps it.
 */
export function finishState(engine: Engine, state: SessionState, response: ResponseFacts): Eventually<Committed> {
  if (state.origin.exchange !== null) state.begun = true
  if (state.busy !== null) return afterwards(state, () => finishState(engine, state, response))
  const todo = planOf(engine, state, !engine.settings.commitOn(response))
  if (todo.step === 'nothing' && !todo.end) {
    const checking = withdrawStaleToken(engine, state)
    return checking instanceof Promise
      ? checking.then(() => conclude(engine, state, 'nothing'))
      : conclude(engine, state, 'nothing')
  }
  let committing: Eventually<Outcome>
  try {
    committing = exclusively(state, () => carryOut(engine, state, todo))
  } catch (error) {
    return keepToken(engine, state, error)
  }
  return committing instanceof Promise
    ? committing.then(
        (outcome) => conclude(engine, state, outcome),
        (error) => keepToken(engine, state, error),
      )
    : conclude(engine, state, committing)
}

/** The store has acknowledged a move before, and the old token leads nowhere any more: the client must get the new one. */
async function keepToken(engine: Engine, state: SessionState, error: unknown): Promise<never> {
  await withdrawStaleToken(engine, state)
  if (state.outgoing !== null) putOnResponse(engine, state)
  throw error
}

/** Stores the changes now; the response gets its cookie when it begins. */
export async function saveState(engine: Engine, state: SessionState): Promise<void> {
  if (state.busy !== null) return afterwards(state, () => saveState(engine, state))
  if (state.origin.fault !== null && state.isSubstantial) throw state.origin.fault
  const todo = planOf(engine, state, false)
  if (todo.step === 'nothing' && !todo.end) return
  if ((await exclusively(state, () => carryOut(engine, state, todo))) === 'gone') throw goneError()
}

/** Brings the session up to what is stored now, with the changes that are not stored yet made on it. */
export async function reloadState(engine: Engine, state: SessionState): Promise<void> {
  return exclusively(state, async () => {
    const { base, log } = state
    if (base === null) return
    const live = await engine.persistence.reload(base)
    if (state.log !== log) return
    if (live === null) {
      gone(engine, state, 0, null)
      throw goneError()
    }
    const { contents, writeId } = live
    state.settle({ kind: 'saved', base: live.base, contents, writeId, shared: true }, null)
  })
}

/** Removes a flash message from the store at once. */
export async function takeFlash(engine: Engine, state: SessionState, key: string): Promise<unknown> {
  return exclusively(state, async () => {
    const { base, log } = state
    if (base === null) return undefined
    const { value, written } = await engine.persistence.takeFlash(base, key)
    if (state.log === log && 'base' in written) state.settle(written, null)
    return value
  })
}

function goneError(): SessionError {
  return new SessionError(
    'SESSION_GONE',
    'Another request has ended the session or moved it to a new token, so nothing was stored. Begin again with the next request.',
  )
}

/** Lets one commit of a request run at a time. */
function exclusively<Result>(state: SessionState, work: () => Eventually<Result>): Eventually<Result> {
  if (state.busy !== null) return afterwards(state, () => exclusively(state, work))
  const done = work()
  if (!(done instanceof Promise)) return done
  state.busy = done
  const release = () => {
    state.busy = null
  }
  // This handler is registered first, so it runs first: before the caller's and before the next in the queue.
  done.then(release, release)
  return done
}

function afterwards<Result>(state: SessionState, work: () => Eventually<Result>): Promise<Result> {
  // How the commit before ended is its own caller's business.
  return Promise.resolve(state.busy).then(work, work)
}

/**
 * Takes back a token that others of the session's requests have as well, if one of them has moved the session on since: the
 * answer that comes last must not put it over the newer one. Nothing is known if the store fails; then it is kept.
 */
function withdrawStaleToken(engine: Engine, state: SessionState): Eventually<void> {
  const { base, outgoing } = state
  if (base === null || outgoing === null || !outgoing.shared || state.sent) return
  const checking = attempt(
    () => engine.persistence.isCurrent(base),
    () => true,
  )
  return andThen(checking, (isCurrent) => {
    if (!isCurrent && state.outgoing === outgoing) state.outgoing = null
  })
}

function conclude(engine: Engine, state: SessionState, outcome: Outcome): Committed {
  const token = state.outgoing?.token ?? null
  if (state.origin.exchange === null) {
    state.outgoing = null
    return { outcome, headers: [], token }
  }
  return { outcome, headers: putOnResponse(engine, state), token }
}

function putOnResponse(engine: Engine, state: SessionState): Committed['headers'] {
  const { exchange } = state.origin
  if (exchange === null) return []
  if (!state.sent && !exchange.headersSent) writeHeaders(engine, state, exchange)
  state.sent = true
  state.outgoing = null
  return (exchange as Partial<RequestExchange>).collected ?? []
}
