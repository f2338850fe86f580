import type { Outcome } from '../../contract/adapter.ts'
import type { Eventually, SealedStore, Sealer, StoredRecord } from '../../contract/store.ts'
import { keyRing } from '../../crypto/key-ring.ts'
import { SessionError } from '../../errors.ts'
import { andThen } from '../../values/eventually.ts'
import { type Engine, ownerOf, pack } from '../engine.ts'
import { deadline } from '../expiry.ts'
import type { Found, Keeping } from '../keeping.ts'
import { invalid, judge, nothing } from '../record/found.ts'
import type { Batch, Place, State } from '../request/state.ts'
import { idOf } from '../token.ts'
import { type Revocations, revocationsIn } from './revocations.ts'

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
  const revocations = store.revocable ? revocationsIn(settings) : null
  const parts: Parts = { store, sealer, revocations }
  return {
    inToken: true,
    wellFormed: (text) => text.length <= longestToken && /^[\w-]+$/.test(text),
    load: (token) => load(engine, parts, token),
    place: (state) => place(engine, parts, state),
    replace: (state, batch) => watched(engine, replace(engine, parts, state, batch)),
    move: (state, batch) => engine.queue.watch(move(engine, parts, state, batch)),
    touch: (state) => watched(engine, touch(engine, parts, state)),
    end: (place) => engine.queue.watch(end(engine, parts, place)),
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

function replace(engine: Engine, parts: Parts, state: State, batch: Batch): Eventually<Outcome | 'elsewhere'> {
  if (state.headersSent) {
    throw new SessionError(
      'HEADERS_SENT',
      'a sealed session needs a cookie for each change, and the response has begun',
    )
  }
  return ifLive(engine, parts, state, batch, () => {
    const { key, record } = state
    if (key === null || record === null) throw new Error('a session without a record cannot be replaced')
    const now = engine.settings.clock()
    return andThen(pack(engine, state.envelope, record.version + 1, now), (next) => {
      if (next.expiresAt <= now) return 'gone'
      return andThen(seal(engine, parts, state, key, next), (token) => {
        if (!batch.orphaned) state.settle({ token, key, record: next }, state.outgoing?.created ?? false, batch.asked)
        return 'saved'
      })
    })
  })
}

async function move(engine: Engine, parts: Parts, state: State, batch: Batch): Promise<Outcome | 'elsewhere'> {
  const { settings, listeners } = engine
  const previous = state.key
  if (previous === null) throw new Error('a session without a record cannot be moved')
  const { login } = state
  const automatic = !state.regenerate
  const { rotatedAt } = state.envelope
  const standing = await standingOf(engine, parts, state, batch)
  if (standing !== 'live') return standing
  const now = settings.clock()
  state.envelope.rotatedAt = now
  const record = await pack(engine, state.envelope, 1)
  const key = await drawKey(engine)
  // A session that goes on keeps the generation that it was found live in: a newer one would pass over a revokeAll.
  if (login) state.generation = await generationOf(engine, parts, state)
  const sealing = async () => seal(engine, parts, state, key, record)
  const token = await sealing().catch((error: unknown) => {
    // Nobody asked for this rotation: what fits without it is not refused.
    if (automatic && (error as { code?: unknown }).code === 'COOKIE_TOO_LARGE') return null
    throw error
  })
  if (token === null) {
    if (rotatedAt === undefined) delete state.envelope.rotatedAt
    else state.envelope.rotatedAt = rotatedAt
    state.rotate = false
    return batch.empty ? 'nothing' : 'elsewhere'
  }
  const successor = { key, token, automatic }
  if (parts.revocations !== null && !(await parts.revocations.retire(engine, previous, state, successor))) {
    const latest = await standingOf(engine, parts, state, batch)
    return latest === 'live' ? 'gone' : latest
  }
  if (batch.orphaned) state.ended.push({ key, record })
  else state.settle({ token, key, record }, false, batch.asked)
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
function touch(engine: Engine, parts: Parts, state: State): Eventually<Outcome> {
  const { settings } = engine
  const { key, record, asked } = state
  if (key === null || record === null || state.headersSent) return 'nothing'
  const standing = ifLive(engine, parts, state, null, () => {
    const expiresAt = Math.max(record.expiresAt, deadline(state.envelope, settings.clock(), settings.timeouts))
    const next = { ...record, version: record.version + 1, expiresAt }
    return andThen(seal(engine, parts, state, key, next), (token) => {
      if (state.record === record) state.settle({ token, key, record: next }, false, asked)
      return 'touched' as const
    })
  })
  return andThen(standing, (outcome) => (outcome === 'elsewhere' ? 'moved' : outcome))
}

/** Goes on at once where nothing is remembered on the server. */
function ifLive(
  engine: Engine,
  parts: Parts,
  state: State,
  batch: Batch | null,
  work: () => Eventually<Outcome>,
): Eventually<Outcome | 'elsewhere'> {
  if (parts.revocations === null) return work()
  return standingOf(engine, parts, state, batch).then((standing) => (standing === 'live' ? work() : standing))
}

async function end(engine: Engine, { revocations }: Parts, { key, record }: Place): Promise<void> {
  const { settings, listeners } = engine
  const envelope = settings.codec.decode(record.payload)
  if (revocations !== null && envelope !== null) await revocations.end(engine, key, envelope, record)
  listeners.emit('destroyed', { at: settings.clock(), id: idOf(key), ...ownerOf(envelope ?? {}) })
}

/**
 * Whether nobody has ended or moved the session since it was opened: a response must not bring it back. `elsewhere`
 * when an automatic rotation has moved it and the state has followed.
 */
async function standingOf(
  engine: Engine,
  parts: Parts,
  state: State,
  batch: Batch | null,
): Promise<'live' | 'gone' | 'elsewhere'> {
  const { revocations } = parts
  const { key, record, restarts } = state
  if (revocations === null || key === null || record === null) return 'live'
  const envelope = engine.settings.codec.decode(record.payload)
  const standing = await revocations.check(
    engine,
    { key, generation: state.generation, envelope: envelope ?? {} },
    false,
  )
  if (standing.kind === 'live') {
    if (state.restarts === restarts) state.generation = standing.generation
    return 'live'
  }
  if (standing.kind !== 'moved') return 'gone'
  const found = await load(engine, parts, standing.token, true)
  if (found.kind !== 'live' || state.restarts !== restarts) return 'gone'
  state.token = found.token
  state.generation = found.generation ?? ''
  state.rotate = false
  state.outgoing = { token: found.token, created: false }
  state.rebase(found, batch === null ? found.envelope : batch.replay(found.envelope))
  return 'elsewhere'
}

/** What takes time is waited for by `close`. */
function watched<Answer>({ queue }: Engine, answer: Eventually<Answer>): Eventually<Answer> {
  return answer instanceof Promise ? queue.watch(answer) : answer
}

async function generationOf(engine: Engine, { revocations }: Parts, { envelope }: State): Promise<string> {
  return revocations === null ? '' : revocations.generationOf(engine, envelope.userId)
}

async function drawKey({ tokens }: Engine): Promise<string> {
  return tokens.keyOf(tokens.mint(), 0)
}

function seal(
  { settings, listeners }: Engine,
  { store, sealer }: Parts,
  { generation }: State,
  key: string,
  record: StoredRecord,
): Eventually<string> {
  return andThen(store.seal({ key, generation, record }, sealer), (token) => {
    const { capacity = longestToken } = settings.transport
    if (token.length <= capacity) return token
    listeners.emit('limit', { at: settings.clock(), limit: 'cookie' })
    throw new SessionError(
      'COOKIE_TOO_LARGE',
      `the sealed session takes ${token.length} characters, and its cookie holds ${capacity}: keep less in it, use ` +
        'chunkedCookie() or a store on the server',
    )
  })
}

function unsupported(name: string, what: string): never {
  throw new SessionError('UNSUPPORTED', `the store "${name}" cannot ${what}`)
}
