/** All that the decision what to store depends on. */
export interface PlanFacts {
  /** The session has a record. */
  readonly stored: boolean
  /** There is data, an owner or a message that the record does not have; for a session without one, anything at all. */
  readonly changed: boolean
  /** The request ended the session that it came with. */
  readonly ending: boolean
  /** `regenerate` or `login` was called, or the token is due for rotation. */
  readonly moving: boolean
  /** `login` was called. */
  readonly login: boolean
  /** The idle deadline is due for an extension. */
  readonly stale: boolean
  /** The request came with a token that was just retired, or the store failed when it came. */
  readonly barred: boolean
  /** The response failed: only an end is kept. */
  readonly failed: boolean
}

/**
 * What to do about a session.
 *
 * `refuse` is an anonymous request that wrote something but must not set a cookie: the client may be about to receive,
 * or already hold, a newer one.
 */
export type Step = 'nothing' | 'touch' | 'create' | 'replace' | 'move' | 'refuse'

export interface Plan {
  readonly end: boolean
  readonly step: Step
}

/** Decides what to store. Pure: facts in, plan out. */
export function plan(facts: PlanFacts): Plan {
  return { end: facts.ending, step: facts.failed ? 'nothing' : stepFor(facts) }
}

function stepFor({ stored, changed, moving, login, stale, barred }: PlanFacts): Step {
  if (!stored) {
    if (!changed) return 'nothing'
    return barred && !login ? 'refuse' : 'create'
  }
  if (moving) return 'move'
  if (changed) return 'replace'
  return stale ? 'touch' : 'nothing'
}
