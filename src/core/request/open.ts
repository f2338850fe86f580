import type { Exchange } from '../../contract/exchange.ts'
import type { Eventually } from '../../contract/store.ts'
import { isOutage } from '../../errors.ts'
import { andThen, attempt } from '../../values/eventually.ts'
import { type Engine, freshEnvelope } from '../engine.ts'
import type { Found, Live } from '../keeping.ts'
import { invalid, nothing, retired } from '../record/found.ts'
import { State } from './state.ts'

const mostCandidates = 8

/** Finds the session that a request's candidates stand for, or begins a new one. */
export function openState(engine: Engine, exchange: Exchange | null, candidates: readonly string[]): Eventually<State> {
  if (candidates.length === 0) return begin(engine, exchange, false)
  const tokens = issuable(engine, candidates)
  if (tokens.length === 0) {
    invalid(engine, 'malformed')
    return begin(engine, exchange, true)
  }
  return openPresented(engine, exchange, tokens)
}

function openPresented(engine: Engine, exchange: Exchange | null, tokens: readonly string[]): Eventually<State> {
  const [only] = tokens
  const find = () => (tokens.length === 1 && only !== undefined ? engine.keeping.load(only) : loadOne(engine, tokens))
  const found = (it: Found) =>
    it.kind === 'live' ? resume(engine, exchange, it, tokens) : begin(engine, exchange, true, it.kind === 'retired')
  return attempt(
    () => andThen(find(), found),
    (error) => {
      if (!engine.settings.anonymousOnStoreError || !isOutage(error)) throw error
      const fresh = freshEnvelope(engine.settings.clock())
      return new State(fresh, { exchange, presented: true, barred: true, fault: error })
    },
  )
}

function issuable(engine: Engine, candidates: readonly string[]): string[] {
  const [only] = candidates
  if (candidates.length === 1 && only !== undefined) return engine.keeping.wellFormed(only) ? [only] : []
  const wellFormed = candidates.filter((candidate) => engine.keeping.wellFormed(candidate))
  return [...new Set(wellFormed)].slice(0, mostCandidates)
}

function begin(engine: Engine, exchange: Exchange | null, presented: boolean, barred = false): State {
  return new State(freshEnvelope(engine.settings.clock()), { exchange, presented, barred })
}

function resume(
  { settings }: Engine,
  exchange: Exchange | null,
  { token, key, record, envelope, at, aged = false, generation = '' }: Live,
  presented: readonly string[],
): State {
  const state = new State(envelope, { exchange, presented: true })
  state.token = token
  state.key = key
  state.record = record
  state.touch = aged
  state.generation = generation
  // A token that was followed to its successor: the answer that should have brought the new one was lost.
  if (!presented.includes(token)) state.outgoing = { token, created: false }
  state.rotate = at - (envelope.rotatedAt ?? envelope.createdAt) >= settings.rotateEvery
  return state
}

/** Several cookies of one name: their order says nothing (RFC 6265bis section 4.2.2), so only one may be live. */
async function loadOne(engine: Engine, tokens: readonly string[]): Promise<Found> {
  const found = await Promise.all(tokens.map((token) => engine.keeping.load(token)))
  const live = new Map<string, Live>()
  for (const each of found) {
    // Sealed tokens of one session, left under several paths: the newest is the session.
    if (each.kind === 'live' && !(each.record.version <= (live.get(each.key)?.record.version ?? -1)))
      live.set(each.key, each)
  }
  if (live.size > 1) {
    engine.listeners.emit('token-conflict', { at: engine.settings.clock(), candidates: live.size })
    return nothing
  }
  const [only] = live.values()
  return only ?? (found.includes(retired) ? retired : nothing)
}
