import type { Exchange } from '../../contract/exchange.ts'
import type { Eventually } from '../../contract/store.ts'
import { ChangeLog } from '../changes/change-log.ts'
import { type FlashBag, withChanges } from '../changes/flash.ts'
import type { EngineParts } from '../parts.ts'
import { type Base, type ChangeSet, type Draft, type Live, storedBy, type Written } from '../persistence.ts'
import { freshContents } from '../record/contents.ts'
import { freeze } from '../record/write.ts'
import { drawRoot } from '../token.ts'

/** The token that the response must carry. */
export interface Outgoing {
  readonly token: string
  /** The first token of a new session. */
  readonly created: boolean
  /** Other requests may have been given it too, and moved the session on since. */
  readonly shared: boolean
}

/** A session that the request is to end. */
export interface Ended {
  readonly place: Base
  readonly reason: 'destroy' | 'logout'
}

// Most requests have nothing of these.
const none: readonly never[] = []

/** How a request came. */
export interface Origin {
  readonly exchange: Exchange | null
  /** The client sent something that claimed to be a token. */
  readonly presented: boolean
  /** The request may not create a session, or the client would lose a newer cookie; with `fault`, the store failed. */
  readonly barred: boolean
  readonly fault: Error | null
}

/**
 * The engine's side of a session within one request.
 *
 * The first half is what the application asks for, written by the session's verbs; the second is what has become of it,
 * written by opening and committing alone.
 */
export class SessionState {
  readonly engine: EngineParts
  readonly origin: Origin
  log: ChangeLog
  flash: FlashBag | null = null
  accessed = false
  touch = false
  /** Sessions that the request is to end. */
  ended: readonly Ended[] = none
  cleared = false
  clearSiteData = false

  /** Null until the session is stored. */
  base: Base | null = null
  draft: Draft | null = null
  outgoing: Outgoing | null = null
  /** The token is due for an automatic rotation. */
  rotationDue = false
  /** The token is due to be sealed by the newest secret. */
  aged = false
  /** The change set of the last commit that has not succeeded: its writes may have been applied all the same. */
  tried: ChangeSet | null = null
  /** The response has begun: nothing that would need a cookie may be asked for any more. */
  begun = false
  /** The response has been given what it needs. */
  sent = false
  /** The commit under way. */
  busy: Promise<unknown> | null = null

  constructor(engine: EngineParts, origin: Origin, live: Live | null) {
    const { codec, clock } = engine.settings
    this.engine = engine
    this.origin = origin
    this.log = new ChangeLog(codec, live?.contents ?? freshContents(clock()))
    this.base = live?.base ?? null
    this.aged = live?.aged ?? false
  }

  get headersSent(): boolean {
    return this.sent || (this.origin.exchange?.headersSent ?? false)
  }

  /** Whether the record lacks something of this session. */
  get isChanged(): boolean {
    return this.flash?.isChanged === true || this.log.isChanged
  }

  /** Whether there is anything worth a first record. */
  get isSubstantial(): boolean {
    if (!this.isChanged) return false
    const { facts, data } = this.log.contents
    return facts.userId !== undefined || this.flash?.leaves === true || !isEmpty(data)
  }

  /** What names the session: drawn when it is first needed. */
  get root(): string {
    this.#name()
    return this.log.contents.facts.root
  }

  #name(): void {
    if (this.log.contents.facts.root === '') this.log.name(drawRoot(this.engine.settings.random))
  }

  /** Leaves the session behind, to be ended; what is written from now on belongs to a new one. */
  leave(reason: 'destroy' | 'logout'): void {
    const { codec, clock } = this.engine.settings
    if (this.base !== null) this.ended = [...this.ended, { place: this.base, reason }]
    this.log = new ChangeLog(codec, freshContents(clock()))
    this.tried = null
    this.flash?.forget()
    this.cleared = true
    this.touch = false
    this.startAfresh()
  }

  /** What was stored for a session that the request has left since. */
  alsoEnd(place: Base): void {
    const reason = this.ended.at(-1)?.reason ?? 'destroy'
    this.ended = [...this.ended.filter((each) => each.place.key !== place.key), { place, reason }]
  }

  /** What is stored from now on is a session of its own, under a token of its own. */
  startAfresh(): void {
    this.base = this.draft = this.outgoing = null
    this.rotationDue = this.aged = false
  }

  /** What a commit is to store, as values. Throws `VALUE_INVALID`, `DATA_INVALID` or `RECORD_TOO_LARGE`. */
  take(): Eventually<ChangeSet> {
    const { log } = this
    this.#name()
    const changes = log.take()
    const flash = this.flash?.changes() ?? null
    const { facts, data, flash: messages } = log.contents
    const freezing = freeze(this.engine, { facts, data, flash: withChanges(messages, flash) })
    log.watch(changes)
    return freezing instanceof Promise
      ? freezing.then((frozen) => this.#tries({ changes, flash, frozen, writeIds: [], tried: this.tried }))
      : this.#tries({ changes, flash, frozen: freezing, writeIds: [], tried: this.tried })
  }

  #tries(set: ChangeSet): ChangeSet {
    this.tried = set
    return set
  }

  /** The session is stored so; `set` are the changes that were, if it was a commit. */
  settle({ base, contents, writeId = '', shared }: Stored, set: ChangeSet | null, created = false): void {
    const stored = set ?? storedBy(this.tried, writeId) ?? null
    if (contents !== null) this.log.rebase(contents, stored?.changes.length ?? 0)
    else if (stored !== null) this.log.stored(stored, base.facts)
    if (stored !== null) {
      this.tried = null
      if (stored.flash !== null) this.flash?.drop(stored.flash)
    }
    // Both are the server's own: nothing is guessed here.
    if (!Object.is(base.token, this.base?.token)) {
      this.outgoing = { token: base.token, created: created || this.outgoing?.created === true, shared }
      this.rotationDue = this.aged = false
    }
    this.base = base
  }

  /** Changes have nowhere to go, and the client gets no token: it may already hold a newer one. */
  giveUp(count: number, flash: ChangeSet['flash']): void {
    this.log.drop(count)
    this.tried = null
    if (flash !== null) this.flash?.drop(flash)
    this.rotationDue = false
    this.outgoing = null
  }
}

type Stored = Extract<Written, { readonly base: Base }>

function isEmpty(data: Record<string, unknown>): boolean {
  for (const key in data) if (Object.hasOwn(data, key)) return false
  return true
}
