/// <reference lib="esnext.disposable" preserve="true" />
import type { AdapterSeam, Committed, ResponseFacts } from './adapter.ts'
import type { SessionEventName, SessionListener } from './events.ts'
import type { Exchange, FetchRequest } from './exchange.ts'
import type { AnyData, Session } from './session.ts'
import type { Store } from './store.ts'

/** A stored session as administration sees it. Never contains the token. */
export interface SessionInfo {
  /** Safe to log and to show. It changes with the token, so keep `root` where the session must be found again later. */
  readonly id: string
  /** The same for as long as the session lives: through `regenerate`, rotation and the sign-in of one user. */
  readonly root: string
  /** The owner; undefined while nobody is signed in. */
  readonly userId: string | undefined
  /** Epoch ms, like all times here. */
  readonly createdAt: number
  /** When it ends unless it is used: the nearer of the idle and the absolute deadline. */
  readonly expiresAt: number
  /** The last use that extended the idle deadline; at most `renewAfter` behind. */
  readonly lastSeenAt: number
  /** The last sign-in; undefined if there was none. */
  readonly authenticatedAt: number | undefined
  /** The User-Agent that signed in, at most 256 characters. */
  readonly device: string | undefined
  /** A private copy, in the present shape (`migrate`). */
  readonly data: Record<string, unknown>
}

export interface RevokeOptions {
  /** Who revokes, for the `destroyed` event: a user id, a name, a job. Default: absent. */
  readonly by?: string | undefined
}

export interface RevokeAllOptions extends RevokeOptions {
  /** The session that goes on, by its `root` or `id`. Default: none. */
  readonly except?: string | undefined
}

export interface ListQuery {
  /** From the page before. */
  readonly cursor?: string | null
  /** Sessions per page, 1 to 1000; default 100. */
  readonly limit?: number
}

export interface SessionPage {
  readonly sessions: SessionInfo[]
  /** Null after the last page. A page may be short, even empty, before that. */
  readonly cursor: string | null
}

export interface SweeperOptions {
  /** An interval in ms or as text (`'30m'`), or a cron expression (`'0,30 * * * *'`). */
  readonly every: number | string
}

/** A running sweeper. */
export interface Sweeper {
  /** Stops it; a sweep that is under way ends after its current batch. Idempotent. */
  stop(): void
}

/** The sessions of one user at a time, by the id that `login` was given. */
export interface Users {
  /** The user's live sessions, the last used first. Needs a store with a user index. */
  list(userId: string): Promise<SessionInfo[]>
  /**
   * Ends one of them, by its `root`, its `id` or one of its last four ids; false if the user has no such session. Needs a store
   * with a user index.
   */
  revoke(userId: string, handle: string, options?: RevokeOptions): Promise<boolean>
  /**
   * Ends all of them, but the one that `except` names. Tries all before it throws the first failure.
   *
   * Needs a store with a user index, or a sealed cookie with a revocation store, where it raises no events and `by` has no
   * effect; throws `UNSUPPORTED` otherwise.
   */
  revokeAll(userId: string, options?: RevokeAllOptions): Promise<void>
}

/** The session system of one application. */
export interface Sessions<Data extends object = AnyData, Flash extends object = AnyData> {
  /** The session of a request: of whatever the adapter was given. Throws `NO_SESSION` if none ran for it. */
  of(carrier: object): Session<Data, Flash>
  /** As `of`, but undefined if no adapter ran for it. */
  tryOf(carrier: object): Session<Data, Flash> | undefined
  /** The session of the request that the calling code serves. Throws `NO_SESSION` outside of one. */
  current(): Session<Data, Flash>
  /** As `current`, but undefined outside of a request. */
  tryCurrent(): Session<Data, Flash> | undefined
  /**
   * Opens the session of a request. Null, an unknown or a malformed token opens a new one.
   *
   * Throws `STORE_FAILED` or `STORE_TIMEOUT` unless `onStoreError` is `'anonymous'`.
   */
  open(source: Exchange | FetchRequest | string | null): Promise<Session<Data, Flash>>
  /** Stores what changed and puts the token on the response. Adapters call it; so does code without an adapter. */
  commit(session: Session<Data, Flash>, response?: ResponseFacts): Promise<Committed>
  /**
   * The live session with this `id`, `root`, or an id that it had until a moment ago; null if there is none. Needs a store
   * that lists; a root is looked for in all records.
   */
  find(handle: string): Promise<SessionInfo | null>
  /** Live sessions, a page at a time. Needs a store that lists. */
  list(query?: ListQuery): Promise<SessionPage>
  /**
   * How many records are live. Tombstones count too: those of the last minute, those of rotations for `rotateEvery`. Needs a
   * store that counts.
   */
  count(): Promise<number>
  /** Ends the session that `find` would return; false if there is none. Needs a store that lists. */
  revoke(handle: string, options?: RevokeOptions): Promise<boolean>
  /** The sessions of one user. */
  readonly users: Users
  /** Removes all expired records and returns how many. Needs a store that sweeps. */
  sweep(): Promise<number>
  /** Sweeps again and again until stopped or closed. Safe on several nodes at once. */
  startSweeper(options: SweeperOptions): Promise<Sweeper>
  /** Resolves when the store answers; throws `STORE_FAILED` or `STORE_TIMEOUT`. */
  ready(): Promise<void>
  /** Subscribes; the answer unsubscribes. */
  on<Name extends SessionEventName>(event: Name, listener: SessionListener<Name>): () => void
  /** Stops sweeping, waits for the commits under way and releases what was opened. Idempotent. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>

  /** The store, every call of it under `storeTimeout`; it knows keys, never tokens. */
  readonly store: Store

  /** For adapters. */
  readonly adapter: AdapterSeam<Data, Flash>
}
