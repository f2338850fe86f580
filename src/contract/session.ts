/** The shape of the data or flash messages where the application declares none. */
export type AnyData = Record<string, unknown>

/** The string keys of `Data`. */
export type Key<Data> = keyof Data & string

/** The keys whose values are `Wanted`, or unknown. */
export type KeyOf<Data, Wanted> = {
  [K in Key<Data>]-?: unknown extends Data[K] ? K : NonNullable<Data[K]> extends Wanted ? K : never
}[Key<Data>]

/** What one element of an array-valued key is. */
export type Item<Value> = unknown extends Value
  ? unknown
  : NonNullable<Value> extends ReadonlyArray<infer Element>
    ? Element
    : never

/** One-time messages. A message set now arrives in the next request and leaves when it is read. */
export interface FlashMessages<Messages extends object = AnyData> {
  /** Leaves a message for a later request; it is not visible in this one. */
  set<K extends Key<Messages>>(key: K, value: Messages[K]): void
  /** Shows a message in this request only; it is never stored. */
  now<K extends Key<Messages>>(key: K, value: Messages[K]): void
  /** The message, which is removed when this request is committed. Two overlapping requests may both get it. */
  get<K extends Key<Messages>>(key: K): Messages[K] | undefined
  /** The message, removed at once and atomically: of several overlapping requests exactly one gets it. */
  take<K extends Key<Messages>>(key: K): Promise<Messages[K] | undefined>
  /** The message, without removing it. */
  peek<K extends Key<Messages>>(key: K): Messages[K] | undefined
  /** Lets a message that was read here live on for another request; without a key, all of them. */
  keep(key?: Key<Messages>): void
  /** All messages, removed when this request is committed. */
  all(): Partial<Messages>
}

export interface LoginOptions<Data> {
  /**
   * The keys of the data that are carried into the signed-in session. Default: all, except after a change of user,
   * when nothing is carried that is not named here.
   */
  readonly keep?: ReadonlyArray<Key<Data>>
}

export interface LogoutOptions {
  /** Also sends `Clear-Site-Data: "cache", "cookies", "storage"`, which empties the browser's stores for the origin. Default false. */
  readonly clearSiteData?: boolean
}

/** What `JSON.stringify(session)` shows. */
export interface SessionJson {
  readonly id: string
  readonly data: Record<string, unknown>
  /** ISO 8601. */
  readonly created_at: string
  /** ISO 8601. */
  readonly expires_at: string
}

/**
 * One visitor's session within one request.
 *
 * Verbs record what to change; the change is stored when the response begins (or by `save`). A session that is never
 * written to costs nothing: no record, no cookie.
 */
export interface Session<Data extends object = AnyData, Flash extends object = AnyData> {
  /** Short and safe to log. It changes with the token (`regenerate`, `login`, `rotateEvery`), and can not be used as one. */
  readonly id: string
  /**
   * Names the session for as long as it lives, through every change of its token; safe to log. It is another one after
   * `destroy`, and after a `login` of another user.
   */
  readonly root: string
  /** True until the session has been stored for the first time. */
  readonly isNew: boolean
  /** True when there are changes that are not stored yet. */
  readonly isChanged: boolean
  /** Epoch ms. */
  readonly createdAt: number
  /** Epoch ms at which the session ends if it is not used: the nearer of the idle and the absolute deadline. */
  readonly expiresAt: number
  /** Epoch ms of the last request that extended the idle deadline; at most `renewAfter` behind. */
  readonly lastSeenAt: number
  readonly userId: string | undefined
  /** Epoch ms of the last `login`. */
  readonly authenticatedAt: number | undefined
  /** The User-Agent that signed in, at most 256 characters. */
  readonly device: string | undefined
  readonly flash: FlashMessages<Flash>

  /** Whether the deadline has passed since the request began. */
  isExpired(): boolean
  /** The value, or undefined. An object that is changed in place is stored like one that was `set`. */
  get<K extends Key<Data>>(key: K): Data[K] | undefined
  /** Tells a stored `undefined` or null from absence. */
  has(key: Key<Data>): boolean
  set<K extends Key<Data>>(key: K, value: Data[K]): void
  /** Removes the value and returns it. */
  delete<K extends Key<Data>>(key: K): Data[K] | undefined
  /**
   * Replaces a value by what `change` makes of it, and returns the result. When a concurrent request was faster,
   * `change` runs again on the value that this one stored: no step is lost, so it must not have side effects, nor change
   * its argument.
   */
  update<K extends Key<Data>, Value extends Data[K]>(key: K, change: (current: Data[K] | undefined) => Value): Value
  /** Adds `by` (default 1) to a number, which starts at 0, and returns the sum. Exact under concurrency. */
  increment(key: KeyOf<Data, number>, by?: number): number
  /** Appends to an array, which starts empty, and returns its length. Exact under concurrency. */
  push<K extends KeyOf<Data, readonly unknown[]>>(key: K, ...items: Item<Data[K]>[]): number
  /** Removes all data. The owner, the deadlines and the flash messages stay. */
  clear(): void
  keys(): Key<Data>[]
  entries(): { [K in Key<Data>]: [K, Exclude<Data[K], undefined>] }[Key<Data>][]
  toJSON(): SessionJson

  /** Moves the session to a new token; the old one is dead at once, unless it is sealed and no ends are remembered. Data and deadlines stay. */
  regenerate(): void
  /**
   * Ends the session for good. What is written afterwards belongs to a new one. Throws `STORE_FAILED` or `STORE_TIMEOUT`
   * if the store could not say which session this is (`onStoreError: 'anonymous'`).
   */
  destroy(): void
  /** Records the owner, moves to a new token and starts a new absolute lifetime. */
  login(userId: string, options?: LoginOptions<Data>): void
  /** Ends the session for good, as `destroy` does. */
  logout(options?: LogoutOptions): void
  /** Extends the idle deadline even inside `renewAfter`. */
  touch(): void
  /** Stores the changes now. Throws `SESSION_GONE` if another request ended the session or moved it to a new token. */
  save(): Promise<void>
  /**
   * Brings the session up to what is stored now, for code that holds it longer than a request: a WebSocket, a job. It
   * follows automatic rotations; changes that are not stored yet are made again on what it finds. A session that was never
   * stored stays as it is; a sealed one learns of ends and moves, not of what others wrote.
   *
   * Throws `SESSION_GONE` if the session was ended, or moved by `regenerate` or `login`.
   */
  reload(): Promise<void>
}
