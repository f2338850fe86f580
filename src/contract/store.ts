/** A value at hand, or on its way. */
export type Eventually<Value> = Value | Promise<Value>

/**
 * What a store keeps for one session.
 *
 * A store treats `payload` as opaque text and never looks inside.
 */
export interface StoredRecord {
  /** Opaque text: a line of the engine's, and below it the text of the codec. */
  readonly payload: string
  /** The compare-and-swap token: 1 when created, one more with every `replace`. */
  readonly version: number
  /** Epoch ms. From this instant on `read` answers null, whatever the backend's own TTL does. */
  readonly expiresAt: number
  /** The signed-in owner, for stores that can index it. Absent for an anonymous session. */
  readonly userId?: string
}

/** What accompanies a store call. */
export interface StoreCallOptions {
  /** Aborted when the engine's `storeTimeout` has passed and no request waits for the result any more. */
  readonly signal?: AbortSignal
}

/**
 * The contract every keyed store fulfils: five atomic operations on single records.
 *
 * A store that has its answer at hand, such as one in memory, may return it without a promise: a request then waits for
 * nothing. Most are `async` functions. A `key` is 16 to 128 characters of `A-Z a-z 0-9 - _`, compared byte for byte. Every operation throws only on faults
 * (connection, disk, permission); normal outcomes are values. Encoding, hashing, deadlines, timeouts and error
 * wrapping belong to the engine.
 */
export interface Store {
  /** Names the backend in errors and events: `'memory'`, `'file'`, `'redis'`. */
  readonly name: string
  /** The record, or null if it is missing or expired. */
  read(key: string, options?: StoreCallOptions): Eventually<StoredRecord | null>
  /** Inserts if absent, atomically; false if a live record has the key already. An expired record counts as absent. */
  create(key: string, record: StoredRecord, options?: StoreCallOptions): Eventually<boolean>
  /**
   * Replaces the record if its version is still `expectedVersion`, atomically; false if it changed, expired or is gone.
   * Never creates.
   */
  replace(key: string, record: StoredRecord, expectedVersion: number, options?: StoreCallOptions): Eventually<boolean>
  /**
   * Moves the deadline of a live record if its version is still `expectedVersion`, atomically; false if it changed,
   * expired or is gone. Never creates, never changes payload or version: many touches of one version all succeed.
   */
  touch(key: string, expiresAt: number, expectedVersion: number, options?: StoreCallOptions): Eventually<boolean>
  /** Removes the record; removing what is not there is a success. */
  delete(key: string, options?: StoreCallOptions): Eventually<void>
}

/** A store whose expired records have to be removed by somebody. */
export interface Sweeping {
  /** Removes at most `limit` records with `expiresAt <= now`, and answers how many it removed. */
  sweep(now: number, options: { readonly limit: number; readonly signal?: AbortSignal }): Promise<number>
}

/** One page of a listing. */
export interface ListPage {
  readonly entries: ReadonlyArray<{ readonly key: string; readonly record: StoredRecord }>
  /** Hand it to the next call; null after the last page. */
  readonly cursor: string | null
}

/** A store that can enumerate and count its live records. */
export interface Listing {
  /**
   * Live records, each at least once if it lives through the whole listing. `prefix` limits it to the keys that begin
   * so. `limit` bounds a page; a page may be short, even empty, before the last one.
   */
  list(query: {
    readonly cursor?: string | null
    readonly limit: number
    readonly prefix?: string
    readonly signal?: AbortSignal
  }): Promise<ListPage>
  /** How many live records there are. */
  count(options?: StoreCallOptions): Promise<number>
}

/** A store that finds the records of one owner without a scan. */
export interface UserIndex {
  /** The keys of the live records whose `userId` is this one, in no particular order. */
  keysOf(userId: string, options?: StoreCallOptions): Promise<string[]>
}

/** A store that holds something to release. It releases only what it opened itself, never a client it was given. */
export interface Closing {
  close(): Promise<void>
}

/**
 * A store that keeps the session in its token, such as `sealedCookie()`.
 *
 * It brings a part of the engine with it, so only this package makes them.
 */
export interface SealedStore {
  readonly name: string
  /** Tells this kind from `Store`. */
  readonly sealed: true
  /** Where ended sessions are remembered; else a store that has nothing and refuses to keep anything. */
  readonly revocation: Store
}
