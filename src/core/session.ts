import { own } from '../codecs/envelope.ts'
import type { Envelope } from '../contract/codec.ts'
import type { AnyData, FlashMessages, LoginOptions, LogoutOptions, Session, SessionJson } from '../contract/session.ts'
import { SessionError } from '../errors.ts'
import type { Intent } from './changes/change.ts'
import { FlashBag } from './changes/flash.ts'
import type { State } from './request/state.ts'

/** What a session asks the engine for. */
export interface SessionHost {
  /** Every change needs a new token on the response. */
  readonly inToken: boolean
  now(): number
  /** The public handle, for which a session that is not stored yet draws its token. */
  idOf(state: State): string
  deadline(envelope: Envelope): number
  lastSeen(state: State): number
  stamp(): string
  fresh(): Envelope
  /** The data as it would come back from the store, without a reference to what is in use. */
  copyOf(envelope: Envelope): Record<string, unknown>
  save(state: State): Promise<void>
  takeFlash(state: State, key: string): Promise<unknown>
}

const longestDevice = 256
const longestUserId = 512

/** The one implementation of `Session`. Its state is private, so that inspecting it shows no token. */
export class LiveSession implements Session<AnyData, AnyData> {
  readonly #host: SessionHost
  readonly #state: State

  constructor(host: SessionHost, state: State) {
    this.#host = host
    this.#state = state
  }

  /** The engine's side of a session; undefined for an object that is not one. */
  static stateOf(session: object): State | undefined {
    return #state in session ? session.#state : undefined
  }

  get id(): string {
    this.#state.accessed = true
    return this.#host.idOf(this.#state)
  }
  get isNew(): boolean {
    this.#state.accessed = true
    return this.#state.record === null
  }
  get isChanged(): boolean {
    const state = this.#state
    return state.changed || state.regenerate || state.ended.length > 0
  }
  get createdAt(): number {
    return this.#seen().createdAt
  }
  get expiresAt(): number {
    const envelope = this.#seen()
    return this.#state.record?.expiresAt ?? this.#host.deadline(envelope)
  }
  get lastSeenAt(): number {
    this.#state.accessed = true
    return this.#host.lastSeen(this.#state)
  }
  get userId(): string | undefined {
    return this.#seen().userId
  }
  get authenticatedAt(): number | undefined {
    return this.#seen().authenticatedAt
  }
  get device(): string | undefined {
    return this.#seen().device
  }

  get flash(): FlashMessages<AnyData> {
    const state = this.#state
    state.accessed = true
    state.flash ??= new FlashBag(
      {
        stamp: () => this.#host.stamp(),
        assertWritable: () => this.#assertWritable(),
        take: (key) => this.#host.takeFlash(state, key),
      },
      { ...state.envelope.flash },
    )
    return state.flash
  }

  isExpired(): boolean {
    return this.#host.now() >= this.expiresAt
  }

  get(key: string): unknown {
    const value = own(this.#seen().data, key)
    this.#state.expose(key, value)
    return value
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#seen().data, key)
  }

  set(key: string, value: unknown): void {
    this.#write({ op: 'set', key: checkedKey(key), value })
  }

  delete(key: string): unknown {
    const { data } = this.#seen()
    if (!Object.hasOwn(data, key)) return undefined
    const value = data[key]
    this.#write({ op: 'delete', key })
    return value
  }

  update<Value>(key: string, change: (current: never) => Value): Value {
    this.#write({ op: 'update', key: checkedKey(key), change: change as (current: unknown) => unknown })
    return this.get(key) as Value
  }

  increment(key: string, by = 1): number {
    if (!Number.isFinite(by)) throw new SessionError('VALUE_INVALID', 'increment needs a finite number to add')
    return this.update(key, (current: unknown) => {
      if (current === undefined || typeof current === 'number') return (current ?? 0) + by
      throw new SessionError('VALUE_INVALID', 'increment needs a number, and the key holds none')
    })
  }

  push(key: string, ...items: unknown[]): number {
    const grown = this.update(key, (current: unknown) => {
      if (current === undefined || Array.isArray(current)) return [...(current ?? []), ...items]
      throw new SessionError('VALUE_INVALID', 'push needs an array, and the key holds none')
    })
    return grown.length
  }

  clear(): void {
    this.#write({ op: 'clear' })
  }

  keys(): string[] {
    return Object.keys(this.#seen().data)
  }

  entries(): [string, never][] {
    return this.keys().map((key) => [key, this.get(key) as never])
  }

  toJSON(): SessionJson {
    return {
      id: this.id,
      data: this.#host.copyOf(this.#seen()),
      created_at: new Date(this.createdAt).toISOString(),
      expires_at: new Date(this.expiresAt).toISOString(),
    }
  }

  regenerate(): void {
    assertCookie(this.#state, 'regenerate()')
    this.#state.accessed = this.#state.regenerate = true
    this.#state.asked++
  }

  destroy(): void {
    const state = this.#state
    // Nothing is known of the session that should end here, so nobody may be told that it did.
    if (state.fault !== null) throw state.fault
    state.accessed = state.cleared = true
    if (state.record !== null && state.key !== null) state.ended.push({ key: state.key, record: state.record })
    state.restart(this.#host.fresh())
  }

  login(userId: string, options: LoginOptions<AnyData> = {}): void {
    if (typeof userId !== 'string' || userId === '' || userId.length > longestUserId || /\p{Cs}/u.test(userId)) {
      throw new SessionError('VALUE_INVALID', `login needs a user id: a string of 1 to ${longestUserId} characters`)
    }
    const state = this.#state
    assertCookie(state, 'login()')
    const device = deviceOf(state.exchange?.header('user-agent') ?? null)
    this.#write({ op: 'login', userId, at: this.#host.now(), device, keep: options.keep })
    state.regenerate = state.login = true
    state.asked++
  }

  logout({ clearSiteData = false }: LogoutOptions = {}): void {
    this.destroy()
    this.#state.clearSiteData = clearSiteData
  }

  touch(): void {
    this.#state.accessed = this.#state.touch = true
  }

  save(): Promise<void> {
    this.#state.accessed = true
    return this.#host.save(this.#state)
  }

  #seen(): Envelope {
    this.#state.accessed = true
    return this.#state.envelope
  }

  #assertWritable(): void {
    if (this.#state.record === null) assertCookie(this.#state, 'the first write to a session')
    else if (this.#host.inToken) assertCookie(this.#state, 'a write to a sealed session')
  }

  #write(intent: Intent): void {
    const state = this.#state
    this.#assertWritable()
    state.accessed = true
    state.add(intent)
  }
}

function assertCookie(state: State, what: string): void {
  if (!state.begun && !state.headersSent) return
  throw new SessionError('HEADERS_SENT', `${what} needs a cookie, and the response has begun: call it before`)
}

function checkedKey(key: unknown): string {
  if (typeof key === 'string') return key
  throw new SessionError('VALUE_INVALID', 'a session key must be a string')
}

/** A User-Agent as it may be shown in a list: printable, bounded. */
function deviceOf(userAgent: string | null): string | undefined {
  const printable = userAgent
    ?.replaceAll(/[^\x20-\x7e]/g, '')
    .trim()
    .slice(0, longestDevice)
  return printable === '' ? undefined : printable
}
