import type { Outcome } from '../contract/sessions.ts'
import type { Eventually, SealedStore, Sealer, StoredRecord } from '../contract/store.ts'
import { andThen } from '../crypto/eventually.ts'
import { keyRing } from '../crypto/key-ring.ts'
import { SessionError } from '../errors.ts'
import { type Engine, ownerOf, pack } from './engine.ts'
import { deadline } from './expiry.ts'
import { invalid, judge, nothing } from './found.ts'
import type { Found, Keeping } from './keeping.ts'
import { type Revocations, revocationsIn } from './revocations.ts'
import type { Batch, State } from './state.ts'
import { idOf } from './token.ts'

/** No token is longer: a request with so much in a header would not have arrived. */
const longestToken = 65_536

/**
 * Sessions sealed in their tokens: whoever holds the token holds the record.
 *
 * Two overlapping requests each answer with a token of their own, and the one that the client keeps is the session.
 * Without a revocation store nothing can take back a token before its deadlines.
 */
export function sealedKeeping(engine: Engine, store: SealedStore): Keeping {
  const { settings } = engine
  const sealer = keyRing(settings.secrets, 'sealed-session', settings.transport.name, settings.random)
  const revocations = store.revocation === null ? null : revocationsIn(settings)
  const parts: Parts = { store, sealer, revocations }
  return {
    inToken: true,
    wellFormed: (text) => text.length <= longestToken && /^[\w-]+$/.test(text),
    load: (token) => load(engine, parts, token),
    place: (state) => place(engine, parts, state),
    replace: (state, batch) => replace(engine, parts, state, batch),
    move: (state, batch) => move(engine, parts, state, batch),
    touch: (state) => touch(engine, parts, state),
    async end({ key, record }) {
      const envelope = settings.codec.decode(record.payload)
      if (revocations !== null && envelope !== null) await revocations.end(engine, key, envelope)
      engine.listeners.emit('destroyed', { at: settings.clock(), id: idOf(key), ...ownerOf(envelope ?? {}) })
    },
    async revokeAll(userId, except) {
      if (revocations === null) unsupported(store.name, 'revoke sessions: give it a "revocation" store')
      await revocations.revokeAll(engine, userId, except)
    },
    takeFlash: async () =>
      unsupported(store.name, 'take a flash message from parallel requests: read it with flash.get()'),
  }
}

interface Parts {
  readonly store: SealedStore
  readonly sealer: Sealer
  readonly revocations: Revocations | null
}

function load(engine: Engine, parts: Parts, token: string, followed = false): Eventually<Found> {
  const { settings, listeners } = engine
  return andThen(parts.store.unseal(token, parts.sealer), (content) => {
    if (content === null) return invalid(engine, 'unknown')
    const { key, record, aged, generation } = content
    const at = settings.clock()
    const envelope = settings.codec.decode(record.payload)
    if (envelope === null) return invalid(engine, 'corrupt', key)
    if (at >= record.expiresAt) {
      listeners.emit('expired', { at, id: idOf(key), ...ownerOf(envelope) })
      return nothing
    }
    const live = { kind: 'live', token, key, record, envelope, at, aged, generation } as const
    if (parts.revocations === null) return judge(engine, live)
    return parts.revocations.check(engine, live).then((standing) => {
      if (standing.kind === 'live') return judge(engine, { ...live, generation: standing.generation })
      if (standing.kind === 'moved' && !followed) return load(engine, parts, standing.token, true)
      if (standing.kind === 'retired') invalid(engine, 'retired', key)
      return standing.kind === 'retired' ? standing : invalid(engine, 'unknown', key)
    })
  })
}

async function place(engine: Engine, parts: Parts, state: State) {
  const record = await pack(engine, state.envelope, 1)
  const key = state.key ?? (await drawKey(engine))
  state.generation = await generationOf(engine, parts, state)
  return { key, record, token: await seal(engine, parts, state, key, record) }
}

async function replace(engine: Engine, parts: Parts, state: State, batch: Batch): Promise<Outcome> {
  const { key, record } = state
  if (key === null || record === null) throw new Error('a session without a record cannot be replaced')
  if (state.headersSent) {
    throw new SessionError(
      'HEADERS_SENT',
      'a sealed session needs a cookie for each change, and the response has begun',
    )
  }
  if (!(await isLive(engine, parts, state))) return 'gone'
  const now = engine.settings.clock()
  const next = await pack(engine, state.envelope, record.version + 1, now)
  if (next.expiresAt <= now) return 'gone'
  const token = await seal(engine, parts, state, key, next)
  if (!batch.orphaned) state.settle({ token, key, record: next }, state.outgoing?.created ?? false)
  return 'saved'
}

async function move(engine: Engine, parts: Parts, state: State, batch: Batch): Promise<Outcome> {
  const { settings, listeners } = engine
  const previous = state.key
  if (previous === null) throw new Error('a session without a record cannot be moved')
  if (!(await isLive(engine, parts, state))) return 'gone'
  const automatic = !state.regenerate
  const now = settings.clock()
  state.envelope.rotatedAt = now
  const record = await pack(engine, state.envelope, 1)
  const key = await drawKey(engine)
  state.generation = await generationOf(engine, parts, state)
  const token = await seal(engine, parts, state, key, record)
  const successor = { key, token, automatic }
  if (parts.revocations !== null && !(await parts.revocations.retire(engine, previous, state.envelope, successor))) {
    return 'gone'
  }
  if (batch.orphaned) state.ended.push({ key, record })
  else state.settle({ token, key, record }, false)
  listeners.emit('rotated', {
    at: now,
    id: idOf(key),
    previousId: idOf(previous),
    automatic,
    ...ownerOf(state.envelope),
  })
  return 'moved'
}

/** An answer of its own is needed for this too, so it goes without once the response has begun. */
async function touch(engine: Engine, parts: Parts, state: State): Promise<Outcome> {
  const { settings } = engine
  const { key, record } = state
  if (key === null || record === null || state.headersSent) return 'nothing'
  if (!(await isLive(engine, parts, state))) return 'gone'
  const expiresAt = Math.max(record.expiresAt, deadline(state.envelope, settings.clock(), settings.timeouts))
  const next = { ...record, version: record.version + 1, expiresAt }
  const token = await seal(engine, parts, state, key, next)
  if (state.record === record) state.settle({ token, key, record: next }, false)
  return 'touched'
}

/** Whether nobody has ended or moved the session since it was opened: a response must not bring it back. */
async function isLive(engine: Engine, { revocations }: Parts, state: State): Promise<boolean> {
  const { key, record } = state
  if (revocations === null || key === null || record === null) return true
  const envelope = engine.settings.codec.decode(record.payload)
  const standing = await revocations.check(engine, { key, generation: state.generation, envelope: envelope ?? {} })
  if (standing.kind === 'live') state.generation = standing.generation
  return standing.kind === 'live'
}

async function generationOf(engine: Engine, { revocations }: Parts, { envelope }: State): Promise<string> {
  return revocations === null ? '' : revocations.generationOf(engine, envelope.userId)
}

async function drawKey({ tokens }: Engine): Promise<string> {
  return tokens.keyOf(tokens.mint(), 0)
}

async function seal(
  { settings, listeners }: Engine,
  { store, sealer }: Parts,
  { generation }: State,
  key: string,
  record: StoredRecord,
): Promise<string> {
  const token = await store.seal({ key, generation, record }, sealer)
  const { capacity = longestToken } = settings.transport
  if (token.length <= capacity) return token
  listeners.emit('limit', { at: settings.clock(), limit: 'cookie' })
  throw new SessionError(
    'COOKIE_TOO_LARGE',
    `the sealed session takes ${token.length} characters, and its cookie holds ${capacity}: keep less in it, use ` +
      'chunkedCookie() or a store on the server',
  )
}

function unsupported(name: string, what: string): never {
  throw new SessionError('UNSUPPORTED', `the store "${name}" cannot ${what}`)
}
