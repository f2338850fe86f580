import type { AnyData, FlashMessages, LoginOptions, LogoutOptions, Session, SessionJson } from '../contract/session.ts'
import { toBase64Url } from '../crypto/base64url.ts'
import { SessionError } from '../errors.ts'
import { getOwn } from '../values/safe-object.ts'
import { type Change, listAt } from './changes/change.ts'
import { FlashBag } from './changes/flash.ts'
import type { Engine } from './engine.ts'
import type { Contents } from './record/contents.ts'
import { deadline, lastSeen } from './record/expiry.ts'
import { reloadState, saveState, takeFlash } from './request/commit.ts'
import type { SessionState } from './request/state.ts'
import { drawDraft, drawRoot, idOf } from './token.ts'

const stampBytes = 9
const longestDevice = 256
const longestUserId = 512

/** The one implementation of `Session`. Its state is private, so that inspecting it shows no token. */
export class LiveSession implements Session<AnyData, AnyData> {
  readonly #engine: Engine
  readonly #state: SessionState

  constructor(engine: Engine, state: SessionState) {
    this.#engine = engine
    this.#state = state
  }

  /** The engine's side of a session; undefined for an object that is not one. */
  static stateOf(session: object): SessionState | undefined {
    return #state in session ? session.#state : undefined
  }

  get id(): string {
    const state = this.#state
    state.accessed = true
    if (state.base !== null) return idOf(state.base.key)
    if (state.draft === null) {
      const drawn = drawDraft(this.#engine.tokens)
      // Where hashing takes time, it was drawn when the session was opened.
      if (!(drawn instanceof Promise)) state.draft = drawn
    }
    return state.draft === null ? '' : idOf(state.draft.key)
  }
  get root(): string {
    this.#state.accessed = true
    return this.#state.root
  }
  get isNew(): boolean {
    this.#state.accessed = true
    return this.#state.base === null
  }
  get isChanged(): boolean {
    return this.#state.isChanged || this.#state.ended.length > 0
  }
  get createdAt(): number {
    return this.#seen().facts.createdAt
  }
  get expiresAt(): number {
    const { facts } = this.#seen()
    const { clock, timeouts } = this.#engine.settings
    return this.#state.base?.record.expiresAt ?? deadline(facts, clock(), timeouts)
  }
  get lastSeenAt(): number {
    const { facts } = this.#seen()
    const { base } = this.#state
    const { clock, timeouts } = this.#engine.settings
    return base === null ? clock() : lastSeen(facts, base.record, clock(), timeouts)
  }
  get userId(): string | undefined {
    return this.#seen().facts.userId
  }
  get authenticatedAt(): number | undefined {
    return this.#seen().facts.authenticatedAt
  }
  get device(): string | undefined {
    return this.#seen().facts.device
  }

  get flash(): FlashMessages<AnyData> {
    const state = this.#state
    const { flash } = this.#seen()
    state.flash ??= new FlashBag(
      {
        stamp: () => toBase64Url(this.#engine.settings.random(stampBytes)),
        assertWritable: () => this.#assertWritable(),
        take: (key) => takeFlash(this.#engine, state, key),
      },
      flash,
    )
    return state.flash
  }

  isExpired(): boolean {
    return this.#engine.settings.clock() >= this.expiresAt
  }

  get(key: string): unknown {
    const value = getOwn(this.#seen().data, key)
    this.#state.log.handOut(key, value)
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
    if (!Number.isFinite(by)) throw new SessionError('VALUE_INVALID', 'increment needs a finite number to add.')
    return this.update(key, (current: unknown) => {
      if (current === undefined || typeof current === 'number') return (current ?? 0) + by
      throw new SessionError(
        'VALUE_INVALID',
        'increment needs a number, and the key holds something else: set a number first.',
      )
    })
  }

  push(key: string, ...items: unknown[]): number {
    this.#write({ op: 'push', key: checkedKey(key), items })
    return listAt(this.#state.log.contents.data, key).length
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
    const { codec } = this.#engine.settings
    const { data } = this.#seen()
    return {
      id: this.id,
      data: codec.decode(codec.encode({ data }))?.data ?? {},
      created_at: new Date(this.createdAt).toISOString(),
      expires_at: new Date(this.expiresAt).toISOString(),
    }
  }

  regenerate(): void {
    assertCookie(this.#state, 'regenerate()')
    this.#state.accessed = true
    this.#state.log.add({ op: 'regenerate' })
  }

  destroy(): void {
    this.#leave('destroy')
  }

  login(userId: string, { keep }: LoginOptions<AnyData> = {}): void {
    if (typeof userId !== 'string' || userId === '' || userId.length > longestUserId || /\p{Cs}/u.test(userId)) {
      throw new SessionError(
        'VALUE_INVALID',
        `login needs a user id: a string of 1 to ${longestUserId} characters, such as String(user.id).`,
      )
    }
    const state = this.#state
    assertCookie(state, 'login()')
    const { clock, random } = this.#engine.settings
    const device = deviceOf(state.origin.exchange?.header('user-agent') ?? null)
    this.#write({ op: 'login', userId, at: clock(), device, keep, root: drawRoot(random) })
  }

  logout({ clearSiteData = false }: LogoutOptions = {}): void {
    this.#leave('logout')
    this.#state.clearSiteData = clearSiteData
  }

  touch(): void {
    this.#state.accessed = this.#state.touch = true
  }

  save(): Promise<void> {
    this.#state.accessed = true
    return saveState(this.#engine, this.#state)
  }

  reload(): Promise<void> {
    this.#state.accessed = true
    return reloadState(this.#engine, this.#state)
  }

  #leave(reason: 'destroy' | 'logout'): void {
    const state = this.#state
    // Nothing is known of the session that should end here, so no caller may believe that it did.
    if (state.origin.fault !== null) throw state.origin.fault
    state.accessed = true
    state.leave(reason)
  }

  #seen(): Readonly<Contents> {
    this.#state.accessed = true
    return this.#state.log.contents
  }

  #assertWritable(): void {
    if (this.#state.base === null) assertCookie(this.#state, 'The first write to a session')
    else if (this.#engine.persistence.inToken) assertCookie(this.#state, 'A write to a sealed session')
  }

  #write(change: Change): void {
    this.#assertWritable()
    this.#state.accessed = true
    this.#state.log.add(change)
  }
}

function assertCookie(state: SessionState, what: string): void {
  if (!state.begun && !state.headersSent) return
  throw new SessionError('HEADERS_SENT', `${what} needs a cookie, and the response has begun: call it before.`)
}

function checkedKey(key: unknown): string {
  if (typeof key === 'string') return key
  throw new SessionError('VALUE_INVALID', 'A key of a session must be a string.')
}

/** A User-Agent as it may be shown in a list: printable, bounded. */
function deviceOf(userAgent: string | null): string | undefined {
  const printable = userAgent
    ?.replaceAll(/[^\x20-\x7e]/g, '')
    .trim()
    .slice(0, longestDevice)
  return printable === '' ? undefined : printable
}
