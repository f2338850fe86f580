import type { StoredRecord } from '../../contract/store.ts'
import { conflictError, mostAttempts } from '../../core/keyed/conflict.ts'
import { createKnown, replaceKnown } from '../../core/keyed/known.ts'
import { barredMs, type EngineParts, graceMs } from '../../core/parts.ts'
import type { Base, Place } from '../../core/persistence.ts'
import { answersTo } from '../../core/record/contents.ts'
import { absoluteDeadline, renewAfterOf } from '../../core/record/expiry.ts'
import { tombstoneIn } from '../../core/record/read.ts'
import { type Facts, writeNote } from '../../core/record/wire.ts'
import { packTombstone } from '../../core/record/write.ts'
import { idOf } from '../../core/token.ts'
import { toBase64Url } from '../../crypto/base64url.ts'
import { sha256 } from '../../crypto/hash.ts'
import { keyRing } from '../../crypto/key-ring.ts'
import { SessionError } from '../../errors.ts'
import { type Epoch, epochIn, epochNote, unreadable } from './epoch.ts'

/** What is known on the server of a sealed session. */
export type Status =
  /** Nothing against it; `epoch` is its owner's, to seal it with from now on. */
  | { readonly kind: 'live'; readonly epoch: string }
  /** Rotated a moment ago: its new token, which the client has not got yet. */
  | { readonly kind: 'moved'; readonly token: string }
  /** Moved a moment ago by `regenerate` or `login`. */
  | { readonly kind: 'retired' }
  | { readonly kind: 'ended' }

/** The session that is asked about. */
export interface Presented {
  readonly key: string
  readonly epoch: string
  readonly facts: Facts
}

/** What the server remembers of sealed sessions. */
export interface Revocations {
  check(presented: Presented, report?: boolean): Promise<Status>
  /** Ends a session, wherever it has moved to. */
  end(key: string, facts: Facts, last: StoredRecord): Promise<void>
  /** Marks a session as moved; false if it was ended or moved before. */
  retire(base: Base, facts: Facts, successor: Successor): Promise<boolean>
  /** What new tokens of a user are sealed with. */
  epochOf(userId: string | undefined): Promise<string>
  /** Ends all sessions of a user but one, by its id or root. */
  revokeAll(userId: string, except: string | undefined): Promise<void>
  /** Extends the idle deadline without a new token; false if it is extended far enough already. */
  keepAlive(key: string, facts: Facts, expiresAt: number, asked: boolean): Promise<boolean>
  /** Epoch ms until which a session was extended; 0 if it never was. */
  aliveUntil(key: string): Promise<number>
}

export interface Successor {
  readonly key: string
  readonly token: string
  readonly automatic: boolean
}

const ended: Status = { kind: 'ended' }
const epochBytes = 9

/**
 * Records in a keyed store of what sealed tokens must no longer be accepted: a tombstone under a session's key, and under
 * the hash of a user's id the epoch that the user's tokens must be of. Each lives as long as a token could.
 */
export function revocationsIn(engine: EngineParts): Revocations {
  const { settings, store, listeners } = engine
  const { transport, clock } = settings
  // A tombstone must not give away the token that it leads to.
  const sealer = keyRing(settings.secrets, 'sealed-successor', transport.name, settings.random)
  const userKey = async (userId: string) => sha256(`${transport.name}\0user\0${userId}`)
  const aliveKey = async (key: string) => sha256(`${transport.name}\0alive\0${key}`)
  /** When no token of the session can be alive any more. */
  const forgettable = (facts: Facts, record: StoredRecord) =>
    Math.max(absoluteDeadline(facts, settings.timeouts), clock() + graceMs, record.expiresAt)
  const unwritten = { version: 0 }

  /** What a tombstone says; null if there is none. */
  async function statusIn(key: string, record: StoredRecord | null, report: boolean): Promise<Status | null> {
    if (record === null) return null
    const tombstone = tombstoneIn(record)
    if (tombstone?.next === undefined) return ended
    const { at, root, next, sealedNext } = tombstone
    const age = clock() - at
    if (sealedNext === undefined) return age < barredMs ? { kind: 'retired' } : ended
    if (age >= graceMs) {
      if (report) listeners.emit('token-reuse', { at: clock(), id: idOf(next), root })
      return ended
    }
    const opened = await sealer.open(sealedNext)
    const lead = `${key} `
    return opened?.text.startsWith(lead) ? { kind: 'moved', token: opened.text.slice(lead.length) } : ended
  }

  return {
    async check({ key, epoch, facts }, report = true) {
      const { userId } = facts
      if (userId === undefined) return (await statusIn(key, await store.read(key), report)) ?? { kind: 'live', epoch }
      const [own, users] = await Promise.all([store.read(key), userKey(userId).then((at) => store.read(at))])
      const status = await statusIn(key, own, report)
      if (status !== null) return status
      const present = epochIn(users)
      if (present === null || present.epoch === epoch || isExcepted(present, { key, epoch, facts })) {
        return { kind: 'live', epoch: present?.epoch ?? epoch }
      }
      return ended
    },

    async end(first, facts, last) {
      let expiresAt = forgettable(facts, last)
      for (let key: string | undefined = first; key !== undefined; ) {
        const tombstone = packTombstone(engine, unwritten, { root: facts.root }, expiresAt)
        if (await createKnown(engine, key, tombstone)) return
        const record: StoredRecord | null = await store.read(key)
        // A sign-in in between has given the successor a later deadline, which its predecessor's tombstone has too.
        expiresAt = Math.max(expiresAt, record?.expiresAt ?? 0)
        key = tombstoneIn(record)?.next
      }
    },

    async retire({ key, record }: Place, facts, { key: next, token, automatic }) {
      const sealedNext = automatic ? { sealedNext: await sealer.seal(`${key} ${token}`) } : {}
      const left = { root: facts.root, next, ...sealedNext }
      if (await createKnown(engine, key, packTombstone(engine, unwritten, left, forgettable(facts, record))))
        return true
      // A client that repeats a write whose answer it lost meets its own tombstone.
      return tombstoneIn(await store.read(key))?.next === next
    },

    async epochOf(userId) {
      if (userId === undefined) return ''
      const present = epochIn(await store.read(await userKey(userId)))
      if (present?.epoch === unreadable)
        throw new SessionError('STORE_FAILED', 'sealedCookie: the revocation record of a user cannot be read.')
      return present?.epoch ?? ''
    },

    async revokeAll(userId, except) {
      const key = await userKey(userId)
      const epoch = toBase64Url(settings.random(epochBytes))
      // Twice as long as a token can live, for clocks that are put back.
      const expiresAt = clock() + 2 * settings.timeouts.absolute
      for (let attempt = 1; attempt <= mostAttempts; attempt++) {
        const present = await store.read(key)
        const version = (present?.version ?? 0) + 1
        const payload = writeNote(epochNote(epoch, except, epochIn(present)))
        const record = { payload, version, expiresAt }
        const stored =
          present === null ? createKnown(engine, key, record) : replaceKnown(engine, key, record, present.version)
        if (await stored) return
      }
      throw conflictError()
    },

    async keepAlive(key, facts, expiresAt, asked) {
      const at = await aliveKey(key)
      const present = await store.read(at)
      const distance = asked ? 1 : renewAfterOf(facts, settings.timeouts)
      if (present === null) return store.create(at, { payload: writeNote('alive'), version: 1, expiresAt })
      return expiresAt - present.expiresAt >= distance && store.touch(at, expiresAt, present.version)
    },

    async aliveUntil(key) {
      return (await store.read(await aliveKey(key)))?.expiresAt ?? 0
    },
  }
}

function isExcepted({ except, since }: Epoch, { key, epoch, facts }: Presented): boolean {
  return except !== undefined && answersTo(except, idOf(key), facts) && (since === undefined || since.includes(epoch))
}
