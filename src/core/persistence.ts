import type { DestroyedFacts } from '../contract/events.ts'
import type { Eventually, StoredRecord } from '../contract/store.ts'
import type { Change } from './changes/change.ts'
import type { FlashChanges } from './changes/flash.ts'
import type { Contents, Frozen } from './record/contents.ts'
import type { Facts } from './record/wire.ts'

/** Where a record is stored, and what was last known to be there. */
export interface Place {
  readonly key: string
  readonly record: StoredRecord
}

/** A session as it is stored: what a request was opened on, or its last commit has written. Never changed. */
export interface Base extends Place {
  readonly token: string
  readonly facts: Facts
  /** Of a session that is sealed in its token. */
  readonly sealed?: {
    /** The owner's revocation epoch that the token was issued in. */
    readonly epoch: string
    /** How many tokens this process had issued when the session was opened. */
    readonly issued: number
  }
}

/** A session that may go on. Its contents belong to the caller. */
export interface Live {
  readonly kind: 'live'
  readonly base: Base
  readonly contents: Contents
  /** The id of the write that stored it. */
  readonly writeId: string
  /** Sealed by an older secret: due to be sealed again. */
  readonly aged?: boolean
}

/** What a token turned out to be. */
export type Lookup = Live | { readonly kind: 'retired' } | { readonly kind: 'nothing' }

/** What one commit is to store, as values: nothing that the application does later changes it. */
export interface ChangeSet {
  readonly changes: readonly Change[]
  readonly flash: FlashChanges | null
  /** The session with the changes made. */
  readonly frozen: Frozen
  /** The ids of the writes that were tried for it; the persistence adds to them. */
  readonly writeIds: string[]
  /** The set that these changes begin with, whose writes may have been applied although they failed. */
  readonly tried: ChangeSet | null
}

/** What became of a change set. */
export type Written =
  | {
      readonly kind: 'saved' | 'moved' | 'touched'
      readonly base: Base
      /** What is stored now, where that is more than the changes made on what the request had. */
      readonly contents: Contents | null
      /** Where no change set was stored: the id of the write that the contents come from. */
      readonly writeId?: string
      /** The token is one that other requests of the session may have been given too. */
      readonly shared: boolean
    }
  /** Another request has ended the session, or moved it to a token that this one may not know. */
  | { readonly kind: 'gone' }
  /** There was nothing to do after all. */
  | { readonly kind: 'nothing' }

/** Who ends a session, and why. */
export type Ending = Pick<DestroyedFacts, 'reason' | 'by'>

/** A token drawn for a session that is not stored yet, because its id was asked for. */
export interface Draft {
  readonly token: string
  readonly key: string
}

export interface TouchHow {
  /** By the application, so even inside `renewAfter`. */
  readonly asked: boolean
  /** Under the newest secret, where the token holds the session. */
  readonly reseal: boolean
  /** The response can still carry a token. */
  readonly mayIssue: boolean
}

/**
 * How sessions are kept: under keys in a store, or sealed in the token itself. Chosen once, at construction.
 *
 * It takes values and returns values: of the request and its state it knows nothing. When a session has moved, it is
 * followed in here.
 */
export interface Persistence {
  /** Every change needs a new token on the response, so nothing can be stored once it has begun. */
  readonly inToken: boolean
  /** Whether a text could be a token. Nothing else is asked about one that could not. */
  wellFormed(text: string): boolean
  /** What a well-formed token stands for. */
  load(token: string): Eventually<Lookup>
  /** What a session holds now, wherever an automatic rotation has moved it; null if it is gone. */
  reload(base: Base): Promise<Live | null>
  /** Whether the token is the newest one of a live session. */
  isCurrent(base: Base): Eventually<boolean>
  /** Stores a session for the first time, under a token of its own: nothing that the client sent becomes one. */
  create(set: ChangeSet, draft: Draft | null): Promise<Base>
  /** Stores the changes over the version they were made on, or makes them again on what came in between. */
  write(base: Base, set: ChangeSet): Eventually<Written>
  /** Gives the session a new token, and stores the changes with it. Nothing happens if `automatic` does not fit. */
  move(base: Base, set: ChangeSet, automatic: boolean): Promise<Written>
  /** Extends the idle deadline. */
  touch(base: Base, how: TouchHow): Eventually<Written>
  /** Ends a session for good, wherever it has moved to. */
  end(place: Place, ending: Ending): Promise<void>
  /** Removes a flash message at once: of several requests exactly one gets it. */
  takeFlash(base: Base, name: string): Promise<{ readonly value: unknown; readonly written: Written }>
  /** Ends all sessions of a user but one, where that takes no list of them. */
  revokeAll?(userId: string, except: string | undefined): Promise<void>
}

/** The change set that a write has stored, though it seemed to fail. */
export function storedBy(tried: ChangeSet | null, writeId: string): ChangeSet | undefined {
  for (let set = tried; set !== null; set = set.tried) if (set.writeIds.includes(writeId)) return set
  return undefined
}

/** A change set that holds no changes. */
export function isEmpty({ changes, flash }: ChangeSet): boolean {
  return changes.length === 0 && flash === null
}
