import type { Eventually, StoredRecord } from '../../contract/store.ts'
import type { EngineParts } from '../../core/engine.ts'
import { deadline, isStale } from '../../core/expiry.ts'
import { asMade, type Made, remake } from '../../core/keyed/remake.ts'
import {
  type Base,
  type ChangeSet,
  type Ending,
  isEmpty,
  type Live,
  type Lookup,
  type Persistence,
  type Place,
  type TouchHow,
  type Written,
} from '../../core/persistence.ts'
import { identityOf, underNewKey } from '../../core/record/contents.ts'
import { factsIn, readRecord, reportRefused } from '../../core/record/read.ts'
import type { Facts } from '../../core/record/wire.ts'
import { fits, pack } from '../../core/record/write.ts'
import { idOf } from '../../core/token.ts'
import { keyRing, type Sealer } from '../../crypto/key-ring.ts'
import { SessionError } from '../../errors.ts'
import { andThen } from '../../values/eventually.ts'
import { IssuedTokens } from './issued.ts'
import { type Revocations, revocationsIn } from './revocations.ts'
import { openToken, sealToken } from './token-text.ts'

/** No token is longer: a request with so much in a header would not have arrived. */
const longestToken = 65_536

/**
 * Sessions sealed in their tokens: whoever holds the token holds the record.
 *
 * Two overlapping requests each answer with a token of their own, and the one that the client keeps is the session.
 * Without a revocation store nothing can take back a token before its deadlines.
 */
export function sealedPersistence(
  engine: EngineParts,
  { name, revocable }: { readonly name: string; readonly revocable: boolean },
): Persistence {
  const { settings, queue } = engine
  const sealer = keyRing(settings.secrets, 'sealed-session', settings.transport.name, settings.random)
  const revocations = revocable ? revocationsIn(engine) : null
  const parts: Parts = { engine, sealer, revocations, issued: new IssuedTokens() }
  /** What takes time is waited for by `close`. */
  const watched = <Result>(work: Eventually<Result>) => (work instanceof Promise ? queue.watch(work) : work)
  return {
    inToken: true,
    wellFormed: (text) => text.length <= longestToken && /^[\w-]+$/.test(text),
    load: (token) => load(parts, token, true),
    reload: (base) => reload(parts, base),
    isCurrent: (base) => isCurrent(parts, base),
    create: (set, draft) => queue.watch(create(parts, set, draft?.key)),
    write: (base, set) => watched(write(parts, asMade(base, set), set)),
    move: (base, set, automatic) => queue.watch(move(parts, asMade(base, set), set, automatic)),
    touch: (base, how) => watched(touch(parts, base, how)),
    end: (place, ending) => queue.watch(end(parts, place, ending)),
    async takeFlash() {
      throw unsupported(name, 'take a flash message from parallel requests: read it with flash.get()')
    },
    async revokeAll(userId, except) {
      if (revocations === null) throw unsupported(name, 'revoke sessions: give it a "revocation" store')
      await revocations.revokeAll(userId, except)
    },
  }
}

interface Parts {
  readonly engine: EngineParts
  readonly sealer: Sealer
  readonly revocations: Revocations | null
  readonly issued: IssuedTokens
}

const nothing: Lookup = { kind: 'nothing' }

function load(parts: Parts, token: string, mayFollow: boolean): Eventually<Lookup> {
  const { engine, issued, revocations } = parts
  return andThen(openToken(parts.sealer, token), (content) => {
    if (content === null) return refuse(engine, 'unknown')
    const { key, epoch, aged } = content
    return andThen(withDeadline(parts, key, content.record), (record) =>
      andThen(readRecord(engine, key, record), (reading) => {
        if (reading.kind === 'refused') {
          reportRefused(engine, reading.reason, key, reading.contents)
          return nothing
        }
        if (reading.kind !== 'live') {
          const facts = factsIn(record)
          if (facts === null || engine.ended.has(key)) return refuse(engine, 'unknown', key)
          engine.listeners.emit('expired', { at: engine.settings.clock(), id: idOf(key), ...identityOf(facts) })
          return nothing
        }
        const { contents } = reading
        const base = { token, key, record, facts: contents.facts, sealed: { epoch, issued: issued.count } }
        const live: Live = { kind: 'live', base, contents, aged }
        if (revocations === null) return live
        return revocations.check({ key, epoch, facts: contents.facts }).then((status): Eventually<Lookup> => {
          if (status.kind === 'live') return inEpoch(live, status.epoch)
          if (status.kind === 'moved' && mayFollow) return load(parts, status.token, false)
          if (status.kind !== 'retired') return refuse(engine, 'unknown', key)
          reportRefused(engine, 'retired', key)
          return status
        })
      }),
    )
  })
}

/** The record with the idle deadline that was extended on the server since the token was issued. */
function withDeadline({ engine, revocations }: Parts, key: string, record: StoredRecord): Eventually<StoredRecord> {
  if (revocations === null) return record
  const { clock, timeouts } = engine.settings
  const facts = factsIn(record)
  if (facts === null || !isStale(facts, record, clock(), timeouts)) return record
  return revocations
    .aliveUntil(key)
    .then((until) => (until > record.expiresAt ? { ...record, expiresAt: until } : record))
}

function inEpoch(live: Live, epoch: string): Live {
  const { base } = live
  return { ...live, base: { ...base, sealed: { epoch, issued: base.sealed?.issued ?? 0 } } }
}

function refuse(engine: EngineParts, reason: 'unknown', key?: string): Lookup {
  reportRefused(engine, reason, key)
  return nothing
}

async function reload(parts: Parts, base: Base): Promise<Live | null> {
  const current = await currentOf(parts, base)
  if (current.kind === 'elsewhere') return current.live
  if (current.kind === 'gone') return null
  const reading = await readRecord(parts.engine, base.key, base.record)
  return reading.kind === 'live' ? { kind: 'live', base: current.base, contents: reading.contents } : null
}

function isCurrent(parts: Parts, base: Base): Eventually<boolean> {
  return andThen(currentOf(parts, base), ({ kind }) => kind === 'live')
}

type Current =
  | { readonly kind: 'live'; readonly base: Base }
  | { readonly kind: 'elsewhere'; readonly live: Live }
  | { readonly kind: 'gone' }

/**
 * Whether nobody has ended or moved the session since it was opened: a response must not bring it back. Known at once
 * where nothing is remembered on the server.
 */
function currentOf(parts: Parts, base: Base): Eventually<Current> {
  const { engine, revocations } = parts
  const { key, facts, sealed } = base
  if (engine.ended.has(key)) return { kind: 'gone' }
  if (revocations === null) return { kind: 'live', base }
  const { epoch = '', issued = 0 } = sealed ?? {}
  return revocations.check({ key, epoch, facts }, false).then(async (status): Promise<Current> => {
    if (status.kind === 'live') return { kind: 'live', base: { ...base, sealed: { epoch: status.epoch, issued } } }
    if (status.kind !== 'moved') return { kind: 'gone' }
    const found = await load(parts, status.token, false)
    return found.kind === 'live' ? { kind: 'elsewhere', live: found } : { kind: 'gone' }
  })
}

async function create(parts: Parts, { frozen }: ChangeSet, drawnKey: string | undefined): Promise<Base> {
  const { engine } = parts
  const record = pack(engine, frozen, 1, engine.settings.clock())
  const key = drawnKey ?? (await drawKey(engine))
  return seal(parts, key, record, frozen.facts, await epochOf(parts, frozen.facts))
}

function write(parts: Parts, made: Made, set: ChangeSet): Eventually<Written> {
  const { engine } = parts
  return andThen(currentOf(parts, made.base), (current) => {
    if (current.kind === 'elsewhere') return writeElsewhere(parts, current.live, set)
    if (current.kind === 'gone') return current
    const { key, record, sealed } = current.base
    const now = engine.settings.clock()
    const next = pack(engine, made.frozen, record.version + 1, now)
    if (next.expiresAt <= now) return { kind: 'gone' }
    return andThen(seal(parts, key, next, made.frozen.facts, sealed?.epoch ?? ''), (base) => ({
      kind: 'saved',
      base,
      contents: made.contents,
      shared: false,
    }))
  })
}

async function writeElsewhere(parts: Parts, live: Live, set: ChangeSet): Promise<Written> {
  if (isEmpty(set)) return followed(live)
  const written = await write(parts, await remake(parts.engine, set, live), set)
  return written.kind === 'saved' ? { ...written, shared: true } : written
}

function followed({ base, contents }: Live): Written {
  return { kind: 'moved', base, contents, shared: true }
}

async function move(parts: Parts, made: Made, set: ChangeSet, automatic: boolean): Promise<Written> {
  const { engine, revocations } = parts
  const current = await currentOf(parts, made.base)
  if (current.kind === 'gone') return current
  if (current.kind === 'elsewhere') {
    if (automatic) return writeElsewhere(parts, current.live, set)
    return move(parts, await remake(engine, set, current.live), set, automatic)
  }
  const now = engine.settings.clock()
  const previous = made.base.key
  const frozen = { ...made.frozen, facts: underNewKey(made.frozen.facts, idOf(previous), now) }
  const unfit = () => (isEmpty(set) ? { kind: 'nothing' as const } : write(parts, made, set))
  // Nobody asked for this rotation: what fits without it is not refused.
  if (automatic && !fits(engine, frozen)) return unfit()
  const record = pack(engine, frozen, 1, now)
  const key = await drawKey(engine)
  // A session that goes on keeps the epoch that it was found live in: a newer one would pass over a revokeAll.
  const signsIn = set.changes.some(({ op }) => op === 'login')
  const epoch = signsIn ? await epochOf(parts, frozen.facts) : (current.base.sealed?.epoch ?? '')
  const sealing = async () => seal(parts, key, record, frozen.facts, epoch, !automatic)
  const base = await sealing().catch((error: unknown) => {
    if (automatic && error instanceof SessionError && error.code === 'COOKIE_TOO_LARGE') return null
    throw error
  })
  if (base === null) return unfit()
  const successor = { key, token: base.token, automatic }
  if (revocations !== null && !(await revocations.retire(made.base, frozen.facts, successor))) {
    const latest = await currentOf(parts, made.base)
    return latest.kind === 'elsewhere' ? writeElsewhere(parts, latest.live, set) : { kind: 'gone' }
  }
  const ids = { id: idOf(key), previousId: idOf(previous) }
  engine.listeners.emit('rotated', { at: now, ...ids, automatic, ...identityOf(frozen.facts) })
  return { kind: 'moved', base, contents: made.contents, shared: automatic }
}

/**
 * Extends the idle deadline: on the server, where sessions are remembered there, so that a request that only read sends no
 * token, which could take the place of a newer one. Else by a new token, unless another request has issued one meanwhile.
 */
function touch(parts: Parts, opened: Base, { asked, reseal, mayIssue }: TouchHow): Eventually<Written> {
  const { engine, revocations, issued } = parts
  return andThen(currentOf(parts, opened), (current) => {
    if (current.kind === 'gone') return current
    if (current.kind === 'elsewhere') return followed(current.live)
    const { base } = current
    const { key, record, facts, sealed } = base
    const expiresAt = Math.max(record.expiresAt, deadline(facts, engine.settings.clock(), engine.settings.timeouts))
    const touched = (to: Base): Written => ({ kind: 'touched', base: to, contents: null, shared: false })
    if (revocations !== null && !reseal) {
      return revocations
        .keepAlive(key, facts, expiresAt, asked)
        .then((extended) =>
          extended ? touched({ ...base, record: { ...record, expiresAt } }) : { kind: 'nothing' as const },
        )
    }
    if (!mayIssue || issued.hasSince(key, sealed?.issued ?? 0)) return { kind: 'nothing' }
    const next = { ...record, version: record.version + 1, expiresAt }
    return andThen(seal(parts, key, next, facts, sealed?.epoch ?? ''), touched)
  })
}

async function end({ engine, revocations }: Parts, { key, record }: Place, ending: Ending): Promise<void> {
  const facts = factsIn(record)
  if (revocations !== null && facts !== null) await revocations.end(key, facts, record)
  engine.ended.add(key, engine.settings.clock())
  const who = facts === null ? {} : identityOf(facts)
  engine.listeners.emit('destroyed', { at: engine.settings.clock(), id: idOf(key), ...who, ...ending })
}

async function epochOf({ revocations }: Parts, { userId }: Facts): Promise<string> {
  return revocations === null ? '' : revocations.epochOf(userId)
}

async function drawKey({ tokens }: EngineParts): Promise<string> {
  return tokens.keyOf(tokens.draw(), 0)
}

function seal(
  { engine, sealer, issued }: Parts,
  key: string,
  record: StoredRecord,
  facts: Facts,
  epoch: string,
  report = true,
): Eventually<Base> {
  const { settings, listeners } = engine
  return andThen(sealToken(sealer, { key, epoch, record }), (token) => {
    const { capacity = longestToken } = settings.transport
    if (token.length <= capacity) {
      return { token, key, record, facts, sealed: { epoch, issued: issued.add(key) } }
    }
    if (report) listeners.emit('limit', { at: settings.clock(), limit: 'cookie', ...identityOf(facts) })
    throw new SessionError(
      'COOKIE_TOO_LARGE',
      `the sealed session takes ${token.length} characters, and its cookie holds ${capacity}: keep less in it, use ` +
        'chunkedCookie() or a store on the server',
    )
  })
}

function unsupported(name: string, what: string): SessionError {
  return new SessionError('UNSUPPORTED', `the store "${name}" cannot ${what}`)
}
