import type { Exchange } from '../../contract/exchange.ts'
import type { Eventually } from '../../contract/store.ts'
import { isOutage } from '../../errors.ts'
import { andThen, attempt } from '../../values/eventually.ts'
import type { Engine } from '../engine.ts'
import type { Live, Lookup } from '../persistence.ts'
import { reportRefused } from '../record/read.ts'
import { SessionState } from './state.ts'

const mostCandidates = 8

/** Finds the session that a request's candidates stand for, or begins a new one. */
export function openState(
  engine: Engine,
  exchange: Exchange | null,
  candidates: readonly string[],
): Eventually<SessionState> {
  if (candidates.length === 0) return begin(engine, exchange, { presented: false })
  const tokens = issuable(engine, candidates)
  if (tokens.length === 0) {
    reportRefused(engine, 'malformed')
    return begin(engine, exchange, {})
  }
  return openPresented(engine, exchange, tokens)
}

function openPresented(engine: Engine, exchange: Exchange | null, tokens: readonly string[]): Eventually<SessionState> {
  const [only] = tokens
  const find = () =>
    tokens.length === 1 && only !== undefined ? engine.persistence.load(only) : loadOne(engine, tokens)
  const found = (it: Lookup) =>
    it.kind === 'live'
      ? resume(engine, exchange, it, tokens)
      : begin(engine, exchange, { barred: it.kind === 'retired' })
  return attempt(
    () => andThen(find(), found),
    (error) => {
      if (!engine.settings.anonymousOnStoreError || !isOutage(error)) throw error
      return begin(engine, exchange, { barred: true, fault: error })
    },
  )
}

function issuable(engine: Engine, candidates: readonly string[]): string[] {
  const [only] = candidates
  if (candidates.length === 1 && only !== undefined) return engine.persistence.wellFormed(only) ? [only] : []
  const wellFormed = candidates.filter((candidate) => engine.persistence.wellFormed(candidate))
  return [...new Set(wellFormed)].slice(0, mostCandidates)
}

function begin(
  engine: Engine,
  exchange: Exchange | null,
  { presented = true, barred = false, fault = null }: { presented?: boolean; barred?: boolean; fault?: Error | null },
): SessionState {
  return new SessionState(engine, { exchange, presented, barred, fault }, null)
}

function resume(engine: Engine, exchange: Exchange | null, live: Live, presented: readonly string[]): SessionState {
  const state = new SessionState(engine, { exchange, presented: true, barred: false, fault: null }, live)
  const { token, facts } = live.base
  // A token that was followed to its successor: the answer that should have brought the new one was lost.
  if (!presented.includes(token)) state.outgoing = { token, created: false, shared: true }
  const { clock, rotateEvery } = engine.settings
  state.rotationDue = clock() - (facts.rotatedAt ?? facts.createdAt) >= rotateEvery
  return state
}

/** Several cookies of one name: their order says nothing (RFC 6265bis section 4.2.2), so only one may be live. */
async function loadOne(engine: Engine, tokens: readonly string[]): Promise<Lookup> {
  const found = await Promise.all(tokens.map((token) => engine.persistence.load(token)))
  const live = new Map<string, Live>()
  for (const each of found) {
    if (each.kind !== 'live') continue
    const { key, record } = each.base
    // Sealed tokens of one session, left under several paths: the newest is the session.
    if (!(record.version <= (live.get(key)?.base.record.version ?? -1))) live.set(key, each)
  }
  if (live.size > 1) {
    engine.listeners.emit('token-conflict', { at: engine.settings.clock(), candidates: live.size })
    return { kind: 'nothing' }
  }
  const [only] = live.values()
  return only ?? found.find(({ kind }) => kind === 'retired') ?? { kind: 'nothing' }
}
