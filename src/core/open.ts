import type { Envelope, Retired } from '../contract/codec.ts'
import type { InvalidReason } from '../contract/events.ts'
import type { Exchange } from '../contract/exchange.ts'
import type { Eventually, StoredRecord } from '../contract/store.ts'
import { openText } from '../crypto/seal.ts'
import { isOutage } from '../errors.ts'
import { barredMs, checkData, type Engine, freshEnvelope, graceMs, ownerOf, sealPurpose } from './engine.ts'
import { andThen, attempt } from './eventually.ts'
import { absoluteDeadline } from './expiry.ts'
import { State } from './state.ts'
import { idOf } from './token.ts'

/** What a token turned out to be. */
type Found =
  | {
      readonly kind: 'live'
      readonly token: string
      readonly key: string
      readonly record: StoredRecord
      readonly envelope: Envelope
      /** Epoch ms at which it was found to be live. */
      readonly at: number
    }
  | { readonly kind: 'retired' }
  | { readonly kind: 'nothing' }

const mostCandidates = 8
const longestChain = 4
const retired: Found = { kind: 'retired' }
const nothing: Found = { kind: 'nothing' }

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
  const find = () => (tokens.length === 1 && only !== undefined ? load(engine, only) : loadOne(engine, tokens))
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
  if (candidates.length === 1 && only !== undefined) return engine.tokens.wellFormed(only) ? [only] : []
  const wellFormed = candidates.filter((candidate) => engine.tokens.wellFormed(candidate))
  return [...new Set(wellFormed)].slice(0, mostCandidates)
}

function begin(engine: Engine, exchange: Exchange | null, presented: boolean, barred = false): State {
  return new State(freshEnvelope(engine.settings.clock()), { exchange, presented, barred })
}

function resume(
  { settings }: Engine,
  exchange: Exchange | null,
  { token, key, record, envelope, at }: Extract<Found, { kind: 'live' }>,
  presented: readonly string[],
): State {
  const state = new State(envelope, { exchange, presented: true })
  state.token = token
  state.key = key
  state.record = record
  // A token that was followed to its successor: the answer that should have brought the new one was lost.
  if (!presented.includes(token)) state.outgoing = { token, created: false }
  state.rotate = at - (envelope.rotatedAt ?? envelope.createdAt) >= settings.rotateEvery
  return state
}

/** Several cookies of one name: their order says nothing (RFC 6265bis section 4.2.2), so only one may be live. */
async function loadOne(engine: Engine, tokens: readonly string[]): Promise<Found> {
  const found = await Promise.all(tokens.map((token) => load(engine, token)))
  const live = new Map(found.flatMap((each) => (each.kind === 'live' ? [[each.key, each] as const] : [])))
  if (live.size > 1) {
    engine.listeners.emit('token-conflict', { at: engine.settings.clock(), candidates: live.size })
    return nothing
  }
  const [only] = live.values()
  return only ?? (found.includes(retired) ? retired : nothing)
}

/** Finds out what one well-formed token stands for: under the newest secret's key, then under the older ones'. */
function load(engine: Engine, token: string, followed = 0, generation = 0): Eventually<Found> {
  if (generation === engine.tokens.generations) return invalid(engine, 'unknown')
  return andThen(engine.tokens.keyOf(token, generation), (key) =>
    andThen(engine.store.read(key), (record) => {
      const now = engine.settings.clock()
      if (record !== null && now < record.expiresAt) return judge(engine, token, key, record, now, followed)
      return load(engine, token, followed, generation + 1)
    }),
  )
}

function judge(
  engine: Engine,
  token: string,
  key: string,
  record: StoredRecord,
  now: number,
  followed: number,
): Eventually<Found> {
  const { timeouts, codec, schema } = engine.settings
  const envelope = codec.decode(record.payload)
  if (envelope === null) return invalid(engine, 'corrupt', key)
  if (envelope.retired !== undefined) return follow(engine, token, envelope.retired, followed)
  if (now >= absoluteDeadline(envelope, timeouts)) {
    engine.listeners.emit('expired', { at: now, id: idOf(key), ...ownerOf(envelope) })
    return nothing
  }
  if (!upToDate(engine, envelope)) return invalid(engine, 'newer-version', key)
  const live = { kind: 'live', token, key, record, envelope, at: now } as const
  if (schema === null) return live
  return checkData(schema, envelope.data).then((fault) => (fault === null ? live : invalid(engine, 'schema', key)))
}

/** Carries the data over to the present shape; false if it is of a newer one. */
function upToDate({ settings: { migrate } }: Engine, envelope: Envelope): boolean {
  const version = envelope.dataVersion ?? 0
  const present = migrate?.version ?? 0
  if (version < present && migrate !== null) envelope.data = migrate.up(envelope.data, version)
  return version <= present
}

async function follow(
  engine: Engine,
  token: string,
  { at, next, sealedNext }: Retired,
  followed: number,
): Promise<Found> {
  if (next === undefined) return invalid(engine, 'unknown')
  const age = engine.settings.clock() - at
  if (sealedNext === undefined) {
    // Only the answer to a parallel request can still be on its way; later the token is simply unknown.
    if (age >= barredMs) return invalid(engine, 'unknown')
    invalid(engine, 'retired')
    return retired
  }
  if (age >= graceMs) {
    engine.listeners.emit('token-reuse', { at: engine.settings.clock(), id: idOf(next) })
    return invalid(engine, 'retired')
  }
  const successor = await openText(token, sealPurpose, sealedNext)
  if (successor === null || followed >= longestChain) return invalid(engine, 'corrupt')
  return load(engine, successor, followed + 1)
}

function invalid(engine: Engine, reason: InvalidReason, key?: string): Found {
  const at = engine.settings.clock()
  engine.listeners.emit('invalid', key === undefined ? { at, reason } : { at, reason, id: idOf(key) })
  return nothing
}
