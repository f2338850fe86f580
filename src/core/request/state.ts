import { own, put } from '../../codecs/envelope.ts'
import type { Envelope } from '../../contract/codec.ts'
import type { Exchange } from '../../contract/exchange.ts'
import type { StoredRecord } from '../../contract/store.ts'
import { apply, type Intent } from '../changes/change.ts'
import type { FlashBag } from '../changes/flash.ts'
import { type Exposure, matches, snapshot } from '../changes/snapshot.ts'

/** Where a session is stored: the token's hash, and the record as it was last read or written. */
export interface Place {
  readonly key: string
  readonly record: StoredRecord
}

/** A session under a token that the client is yet to get. */
export interface Placed extends Place {
  readonly token: string
}

/** What is engine-side of a session within one request. */
export class State {
  readonly exchange: Exchange | null
  /** The client sent something that claimed to be a token. */
  readonly presented: boolean
  /** The request may not create a session, or the client would lose a newer cookie; with `fault`, the store failed. */
  readonly barred: boolean
  readonly fault: Error | null
  /** The bearer's token and its hash; for a session that is not stored they exist as soon as its id was asked for. */
  token: string | null = null
  key: string | null = null
  /** The owner's generation that a sealed token was issued in. */
  generation = ''
  /** Null until stored. */
  record: StoredRecord | null = null
  /** The session with all intents applied. */
  envelope: Envelope
  intents: Intent[] = []
  exposed: Map<string, Exposure> | null = null
  flash: FlashBag | null = null
  accessed = false
  regenerate = false
  login = false
  /** Counts the calls of `regenerate` and `login`, so that a commit takes no later one for its own. */
  asked = 0
  touch = false
  /** The token is due for an automatic rotation. */
  rotate = false
  /** Sessions that the request ended. */
  ended: Place[] = []
  cleared = false
  clearSiteData = false
  /** The token that the response must carry. */
  outgoing: { readonly token: string; readonly created: boolean } | null = null
  /** The response has begun: nothing that would need a cookie may be asked for any more. */
  begun = false
  /** The response has been given what it needs. */
  sent = false
  /** The commit under way. */
  busy: Promise<unknown> | null = null
  /** Counts the sessions that the request has left behind. */
  restarts = 0

  constructor(
    envelope: Envelope,
    origin: { exchange: Exchange | null; presented: boolean; barred?: boolean; fault?: Error },
  ) {
    this.envelope = envelope
    this.exchange = origin.exchange
    this.presented = origin.presented
    this.barred = origin.barred ?? false
    this.fault = origin.fault ?? null
  }

  get headersSent(): boolean {
    return this.sent || (this.exchange?.headersSent ?? false)
  }

  /** Whether the record lacks something of this session. Values changed in place become intents here. */
  get changed(): boolean {
    // To look at every value that the application holds is the dear part.
    if (this.intents.length > 0 || this.flash?.changed === true) return true
    this.collect()
    return this.intents.length > 0
  }

  /** Whether there is anything worth a first record. */
  get substantial(): boolean {
    if (!this.changed) return false
    return this.envelope.userId !== undefined || this.flash?.leaves === true || !isEmpty(this.envelope.data)
  }

  /** Makes a change and remembers it. */
  add(intent: Intent): void {
    // What was changed in place so far came before this intent, and must come before it in a replay too. Other keys have
    // no part in what is about one alone.
    if ('key' in intent) this.#collectKey(intent.key)
    else this.collect()
    apply(this.envelope, intent)
    this.intents.push(intent)
    if (this.exposed === null) return
    if ('key' in intent) this.exposed.delete(intent.key)
    else for (const key of this.exposed.keys()) if (!Object.hasOwn(this.envelope.data, key)) this.exposed.delete(key)
  }

  /** Remembers that the application holds this object and could change it in place. */
  expose(key: string, value: unknown): void {
    if (typeof value !== 'object' || value === null) return
    this.exposed ??= new Map()
    if (this.exposed.get(key)?.value !== value) this.exposed.set(key, { value, snapshot: snapshot(value) })
  }

  /** Turns values that were changed in place into intents. */
  collect(): void {
    if (this.exposed === null) return
    for (const key of this.exposed.keys()) this.#collectKey(key)
  }

  /** Goes on from another base, on which the changes not yet stored are made again. */
  rebase(place: Place, base: Envelope): void {
    this.collect()
    this.key = place.key
    this.record = place.record
    // The application goes on with the objects it holds, as long as nobody else has changed what they stand for.
    if (this.exposed !== null) {
      for (const [key, { value, snapshot: taken }] of this.exposed) {
        if (matches(own(base.data, key), taken)) put(base.data, key, value)
        else this.exposed.delete(key)
      }
    }
    for (const intent of this.intents) apply(base, intent)
    this.envelope = base
  }

  /** The session lives under a token that the client is yet to get. */
  settle({ token, key, record }: Placed, created: boolean, asked: number): void {
    this.token = token
    this.key = key
    this.record = record
    this.outgoing = { token, created }
    this.rotate = false
    if (asked === this.asked) this.regenerate = this.login = false
  }

  /** Leaves the stored session behind; what is written from now on belongs to a new one. */
  restart(fresh: Envelope): void {
    this.restarts++
    this.token = this.key = this.record = null
    this.envelope = fresh
    this.intents = []
    this.exposed = null
    this.flash?.forget()
    this.regenerate = this.login = this.touch = this.rotate = false
    this.outgoing = null
  }

  #collectKey(key: string): void {
    const exposure = this.exposed?.get(key)
    if (exposure === undefined || matches(exposure.value, exposure.snapshot)) return
    const { value } = exposure
    this.exposed?.set(key, { value, snapshot: snapshot(value) })
    this.intents.push({ op: 'set', key, value })
  }
}

/** The changes that one commit stores. What the application adds meanwhile stays in the state for the next. */
export class Batch {
  readonly intents: readonly Intent[]
  readonly #state: State
  readonly #flash: ReturnType<FlashBag['takeChanges']> | null
  readonly #restarts: number
  readonly asked: number

  constructor(state: State) {
    state.collect()
    this.#state = state
    this.#restarts = state.restarts
    this.asked = state.asked
    this.intents = state.intents
    state.intents = []
    this.#flash = state.flash?.takeChanges() ?? null
    if (this.#flash !== null) state.flash?.write(state.envelope, this.#flash)
  }

  /** The request has ended the session while this commit was under way: nothing of it concerns the state any more. */
  get orphaned(): boolean {
    return this.#state.restarts !== this.#restarts
  }

  get empty(): boolean {
    return this.intents.length === 0 && this.#flash === null
  }

  /** Makes the changes on what another commit has stored. */
  replay(base: Envelope): Envelope {
    for (const intent of this.intents) apply(base, intent)
    if (this.#flash !== null) this.#state.flash?.write(base, this.#flash)
    return base
  }

  /** The store has acknowledged them: watches the objects that the application still holds. */
  stored(): void {
    if (this.orphaned) return
    for (const intent of this.intents) {
      if (intent.op !== 'set' && intent.op !== 'update') continue
      this.#state.expose(intent.key, own(this.#state.envelope.data, intent.key))
    }
  }

  /** Nothing was stored: they are due again. */
  restore(): void {
    if (this.orphaned) return
    this.#state.intents = [...this.intents, ...this.#state.intents]
    if (this.#flash !== null) this.#state.flash?.restore(this.#flash)
  }
}

function isEmpty(data: Record<string, unknown>): boolean {
  for (const key in data) if (Object.hasOwn(data, key)) return false
  return true
}
