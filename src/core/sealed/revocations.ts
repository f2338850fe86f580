import type { Envelope } from '../../contract/codec.ts'
import type { StoredRecord } from '../../contract/store.ts'
import { toBase64Url } from '../../crypto/base64url.ts'
import { sha256 } from '../../crypto/hash.ts'
import { keyRing } from '../../crypto/key-ring.ts'
import { SessionError } from '../../errors.ts'
import { barredMs, type Engine, freshEnvelope, graceMs } from '../engine.ts'
import { absoluteDeadline } from '../expiry.ts'
import { conflictError, mostAttempts } from '../keyed/conflict.ts'
import type { Settings } from '../options.ts'
import type { State } from '../request/state.ts'
import { idOf } from '../token.ts'

/** What is known on the server of a sealed session. */
export type Standing =
  /** Nothing against it; `generation` is its owner's, to seal it with from now on. */
  | { readonly kind: 'live'; readonly generation: string }
  /** Rotated a moment ago: its new token, which the client has not got yet. */
  | { readonly kind: 'moved'; readonly token: string }
  /** Moved a moment ago by `regenerate` or `login`. */
  | { readonly kind: 'retired' }
  | { readonly kind: 'ended' }

/** What is asked about. */
export interface Presented {
  readonly key: string
  readonly generation: string
  readonly envelope: Partial<Envelope>
}

export interface Revocations {
  check(engine: Engine, presented: Presented, report?: boolean): Promise<Standing>
  /** Ends a session, wherever it has moved to. */
  end(engine: Engine, key: string, envelope: Envelope, record: StoredRecord): Promise<void>
  /** Marks a session as moved; false if it was ended or moved before. */
  retire(engine: Engine, key: string, state: Pick<State, 'envelope' | 'record'>, successor: Successor): Promise<boolean>
  /** What new tokens of a user are sealed with. */
  generationOf(engine: Engine, userId: string | undefined): Promise<string>
  /** Ends all sessions of a user but one. */
  revokeAll(engine: Engine, userId: string, exceptId: string | undefined): Promise<void>
}

export interface Successor {
  readonly key: string
  readonly token: string
  readonly automatic: boolean
}

const live: Standing = { kind: 'live', generation: '' }
const ended: Standing = { kind: 'ended' }
const stampBytes = 9

/**
 * Marks in a keyed store of what sealed tokens must no longer be accepted: under a session's key, and under the hash of
 * a user's id the generation that the user's tokens must have. A mark lives as long as a token could.
 */
export function revocationsIn({ secrets, transport, random }: Settings): Revocations {
  // A mark must not give away the token that it leads to.
  const sealer = keyRing(secrets, 'sealed-successor', transport.name, random)

  async function userKey(userId: string): Promise<string> {
    return sha256(`${transport.name}\0user\0${userId}`)
  }

  async function standingOf(
    engine: Engine,
    key: string,
    record: StoredRecord | null,
    report: boolean,
  ): Promise<Standing> {
    const envelope = record === null ? null : engine.settings.codec.decode(record.payload)
    if (record === null) return live
    if (envelope?.retired?.next === undefined) return ended
    const { at, next, sealedNext } = envelope.retired
    const age = engine.settings.clock() - at
    if (sealedNext === undefined) return age < barredMs ? { kind: 'retired' } : ended
    if (age >= graceMs) {
      if (report) engine.listeners.emit('token-reuse', { at: engine.settings.clock(), id: idOf(next) })
      return ended
    }
    const opened = await sealer.open(sealedNext)
    const lead = `${key} `
    return opened?.text.startsWith(lead) ? { kind: 'moved', token: opened.text.slice(lead.length) } : ended
  }

  return {
    async check(engine, { key, generation, envelope: { userId } }, report = true) {
      const { store } = engine
      if (userId === undefined) return standingOf(engine, key, await store.read(key), report)
      const [own, users] = await Promise.all([store.read(key), userKey(userId).then((at) => store.read(at))])
      const standing = await standingOf(engine, key, own, report)
      if (standing.kind !== 'live') return standing
      const mark = userMark(engine, users)
      if (mark === null) return { kind: 'live', generation }
      const excepted = mark.except === idOf(key) && (mark.since === null || mark.since.includes(generation))
      if (mark.generation !== generation && !excepted) return ended
      return { kind: 'live', generation: mark.generation }
    },

    async end(engine, first, envelope, last) {
      const { store, settings } = engine
      const payload = settings.codec.encode({ ...freshEnvelope(settings.clock()), retired: { at: settings.clock() } })
      let expiresAt = Math.max(forgettable(engine, envelope), last.expiresAt)
      for (let key: string | undefined = first; key !== undefined; ) {
        if (await store.create(key, { payload, version: 1, expiresAt })) return
        const record: StoredRecord | null = await store.read(key)
        // A sign-in in between has given the successor a later deadline, which its predecessor's mark has too.
        expiresAt = Math.max(expiresAt, record?.expiresAt ?? 0)
        key = record === null ? undefined : settings.codec.decode(record.payload)?.retired?.next
      }
    },

    async retire(engine, key, { envelope, record }, successor) {
      const { codec, clock } = engine.settings
      const sealedNext = successor.automatic ? { sealedNext: await sealer.seal(`${key} ${successor.token}`) } : {}
      const retired = { at: clock(), next: successor.key, ...sealedNext }
      const payload = codec.encode({ ...freshEnvelope(clock()), retired })
      const expiresAt = Math.max(forgettable(engine, envelope), record?.expiresAt ?? 0)
      if (await engine.store.create(key, { payload, version: 1, expiresAt })) return true
      // A client that repeats a write whose answer it lost meets its own mark.
      const present = await engine.store.read(key)
      return present !== null && codec.decode(present.payload)?.retired?.next === successor.key
    },

    async generationOf(engine, userId) {
      if (userId === undefined) return ''
      const mark = userMark(engine, await engine.store.read(await userKey(userId)))
      if (mark?.generation === '\0') throw new SessionError('STORE_FAILED', 'a revocation mark cannot be read')
      return mark?.generation ?? ''
    },

    async revokeAll(engine, userId, except) {
      const { store, settings } = engine
      const key = await userKey(userId)
      const now = settings.clock()
      const generation = toBase64Url(settings.random(stampBytes))
      // Twice as long as a token can live, for clocks that are put back.
      const expiresAt = now + 2 * settings.timeouts.absolute
      for (let attempt = 1; attempt <= mostAttempts; attempt++) {
        const present = await store.read(key)
        const version = (present?.version ?? 0) + 1
        const before = userMark(engine, present)
        const since =
          before === null ? null : [before.generation, ...(before.except === except ? (before.since ?? [null]) : [])]
        const known = since === null || since.includes(null) ? null : since
        const data = { generation, ...(except === undefined ? {} : { except, ...(known && { since: known }) }) }
        // No session, should the store be listed by a system that keeps sessions in it.
        const payload = settings.codec.encode({ ...freshEnvelope(now), data, retired: { at: now } })
        const mark = { payload, version, expiresAt }
        if (await (present === null ? store.create(key, mark) : store.replace(key, mark, present.version))) return
      }
      throw conflictError()
    },
  }
}

function userMark(engine: Engine, record: StoredRecord | null) {
  if (record === null) return null
  // A mark that cannot be read must not let anybody in.
  const { generation, except, since } = engine.settings.codec.decode(record.payload)?.data ?? {}
  return {
    generation: typeof generation === 'string' ? generation : '\0',
    except,
    since: Array.isArray(since) ? (since as unknown[]) : null,
  }
}

/** When no token of the session can be alive any more. */
function forgettable({ settings }: Engine, envelope: Envelope): number {
  return Math.max(absoluteDeadline(envelope, settings.timeouts), settings.clock() + graceMs)
}
