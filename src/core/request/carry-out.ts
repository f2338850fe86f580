import type { Outcome } from '../../contract/adapter.ts'
import type { Eventually } from '../../contract/store.ts'
import { SessionError } from '../../errors.ts'
import { andThen, attempt } from '../../values/eventually.ts'
import { identityIn } from '../changes/change.ts'
import { withChanges } from '../changes/flash.ts'
import { replay } from '../changes/replay.ts'
import type { Engine } from '../engine.ts'
import type { Base, ChangeSet, Written } from '../persistence.ts'
import { type Contents, freshContents, identityOf } from '../record/contents.ts'
import { isStale } from '../record/expiry.ts'
import { freeze, thaw } from '../record/write.ts'
import { drawRoot, idOf } from '../token.ts'
import { type Plan, plan, type Step } from './plan.ts'
import type { SessionState } from './state.ts'

/** What there is to do. `failed`: the response failed, so that only an end is kept. */
export function planOf({ settings }: Engine, state: SessionState, failed: boolean): Plan {
  const { base } = state
  const stored = base !== null
  const changed = stored ? state.isChanged : state.isSubstantial
  const identity = identityIn(state.log.pending)
  const due = state.touch || state.aged
  return plan({
    stored,
    changed,
    ending: state.ended.length > 0,
    moving: identity !== null || (state.rotationDue && !state.headersSent),
    login: identity === 'login',
    // A change extends the deadline anyway.
    stale: stored && !changed && (due || isStale(base.facts, base.record, settings.clock(), settings.timeouts)),
    barred: state.origin.barred,
    failed,
  })
}

/** Performs a plan. What it could not store is due again. */
export function carryOut(engine: Engine, state: SessionState, { end, step }: Plan): Eventually<Outcome> {
  return end ? endFirst(engine, state, step) : carryOutStep(engine, state, step)
}

async function endFirst(engine: Engine, state: SessionState, step: Step): Promise<Outcome> {
  // Taken out one by one: an end that failed is due again.
  for (let ended = state.ended[0]; ended !== undefined; ended = state.ended[0]) {
    const { place, reason } = ended
    const by = place.facts.userId
    await engine.persistence.end(place, by === undefined ? { reason } : { reason, by })
    state.ended = state.ended.slice(1)
  }
  const outcome = await carryOutStep(engine, state, step)
  return outcome === 'nothing' ? 'ended' : outcome
}

function carryOutStep(engine: Engine, state: SessionState, step: Step): Eventually<Outcome> {
  switch (step) {
    case 'nothing':
      return 'nothing'
    case 'touch':
      return touch(engine, state)
    case 'refuse':
      return gone(engine, state, state.log.pending.length, state.flash?.changes() ?? null)
    default:
      return store(engine, state, step)
  }
}

function store(engine: Engine, state: SessionState, step: 'create' | 'replace' | 'move'): Eventually<Outcome> {
  const { log } = state
  assertToken(engine, state, step)
  return andThen(state.take(), (set) => {
    const written = persist(engine, state, set, step)
    return written instanceof Promise
      ? written.then((it) => settle(engine, state, log, set, it))
      : settle(engine, state, log, set, written)
  })
}

function assertToken(engine: Engine, state: SessionState, step: 'create' | 'replace' | 'move'): void {
  if (!state.headersSent || (step === 'replace' && !engine.persistence.inToken)) return
  const what = {
    create: 'A new session needs a cookie',
    move: 'A new token needs a cookie',
    replace: 'A sealed session needs a cookie for each change',
  }
  throw new SessionError('HEADERS_SENT', `${what[step]}, and the response has begun: write to the session before.`)
}

function persist(
  engine: Engine,
  state: SessionState,
  set: ChangeSet,
  step: 'create' | 'replace' | 'move',
): Eventually<Written | Created> {
  const { base } = state
  if (step === 'create' || base === null) return create(engine, state, set)
  if (step === 'replace') return engine.persistence.write(base, set)
  return engine.persistence.move(base, set, identityIn(set.changes) === null)
}

interface Created {
  readonly kind: 'created'
  readonly base: Base
  readonly contents: Contents | null
  readonly shared: false
}

/** Stores a session for the first time, under a token of its own: nothing that the client sent becomes one. */
async function create(engine: Engine, state: SessionState, set: ChangeSet): Promise<Created> {
  const { settings, listeners, persistence } = engine
  if (!settings.mayCreate(state.origin.exchange)) {
    listeners.emit('limit', { at: settings.clock(), limit: 'create' })
    throw new SessionError('LIMIT_REACHED', 'limits.create refused a new session.')
  }
  const base = await persistence.create(set, state.draft)
  listeners.emit('created', { at: settings.clock(), id: idOf(base.key), ...identityOf(base.facts) })
  return { kind: 'created', base, contents: null, shared: false }
}

function settle(
  engine: Engine,
  state: SessionState,
  log: SessionState['log'],
  set: ChangeSet,
  written: Written | Created,
): Eventually<Outcome> {
  // The request has left the session while this commit was under way: what was stored is to be ended too.
  if (state.log !== log) {
    if ('base' in written) state.alsoEnd(written.base)
    return written.kind
  }
  if (written.kind === 'gone') {
    if (identityIn(set.changes) === 'login') return createAfresh(engine, state, log, set)
    return gone(engine, state, set.changes.length, set.flash)
  }
  if (written.kind === 'nothing') {
    // A rotation that does not fit: whatever else is due is done without.
    state.rotationDue = false
    const { step } = planOf(engine, state, false)
    return carryOutStep(engine, state, step)
  }
  const { kind } = written
  state.settle({ ...written, kind: kind === 'created' ? 'saved' : kind }, set, kind === 'created')
  return kind
}

/** Signing in always succeeds: when another request has moved or ended the session, in one of its own. */
async function createAfresh(
  engine: Engine,
  state: SessionState,
  log: SessionState['log'],
  set: ChangeSet,
): Promise<Outcome> {
  const contents = afterwards(engine, state)
  const fresh = afterwards(engine, state)
  const values = thaw(engine, set.frozen)
  replay(set.changes, values, contents)
  contents.flash = withChanges(contents.flash, set.flash, values.flash)
  contents.facts = { ...contents.facts, root: drawRoot(engine.settings.random) }
  const frozen = await freeze(engine, contents)
  state.startAfresh()
  // Should it fail, what is tried again is no more than this either.
  log.rebase(fresh, 0)
  const created = await create(engine, state, { ...set, frozen })
  return settle(engine, state, log, set, { ...created, contents })
}

/** What a session of one's own begins with: nothing, and what belonged to another user is not carried over into it. */
function afterwards({ settings }: Engine, { base }: SessionState): Contents {
  const contents = freshContents(settings.clock())
  const owner = base?.facts.userId
  if (owner !== undefined) contents.facts = { ...contents.facts, userId: owner }
  return contents
}

/** Extends the idle deadline. A failure has been reported as an event; the request loses nothing by it, so it goes on. */
function touch(engine: Engine, state: SessionState): Eventually<Outcome> {
  const { base, log, touch: asked, aged: reseal } = state
  state.touch = false
  if (base === null) return 'nothing'
  const touching = attempt(
    () => engine.persistence.touch(base, { asked, reseal, mayIssue: !state.headersSent }),
    () => ({ kind: 'nothing' }) as const,
  )
  return andThen(touching, (touched) => {
    if (touched.kind === 'nothing' || state.log !== log) return 'nothing'
    if (touched.kind === 'gone') return gone(engine, state, 0, null)
    state.settle(touched, null)
    return touched.kind
  })
}

/** Changes were dropped because another request had ended or moved the session. */
export function gone(engine: Engine, state: SessionState, count: number, flash: ChangeSet['flash']): Outcome {
  const { base, origin } = state
  state.giveUp(count, flash)
  const who = base === null ? {} : { id: idOf(base.key), ...identityOf(base.facts) }
  if (origin.fault === null) engine.listeners.emit('gone', { at: engine.settings.clock(), ...who })
  return 'gone'
}
