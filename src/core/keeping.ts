import type { Outcome } from '../contract/adapter.ts'
import type { Envelope } from '../contract/codec.ts'
import type { Eventually, StoredRecord } from '../contract/store.ts'
import type { Batch, Place, Placed, State } from './request/state.ts'

/** A session that may go on. */
export interface Live {
  readonly kind: 'live'
  readonly token: string
  readonly key: string
  readonly record: StoredRecord
  readonly envelope: Envelope
  /** Epoch ms at which it was found to be live. */
  readonly at: number
  /** Sealed by an older secret: due to be sealed again. */
  readonly aged?: boolean
  /** What the owner's generation was when the token was sealed. */
  readonly generation?: string
}

/** What a token turned out to be. */
export type Found = Live | { readonly kind: 'retired' } | { readonly kind: 'nothing' }

/**
 * How sessions are kept: under keys in a store, or sealed in the token itself. Chosen once, at construction.
 *
 * What is common to both ways, the order of steps and what is due again after a failure, is in `open` and `carry-out`.
 */
export interface Keeping {
  /** Every change needs a new token on the response, so nothing can be stored once it has begun. */
  readonly inToken: boolean
  /** Whether a text could be a token. Nothing else is asked about one that could not. */
  wellFormed(text: string): boolean
  /** What a well-formed token stands for. */
  load(token: string): Eventually<Found>
  /** Stores a session for the first time, under a token of its own: nothing that the client sent becomes one. */
  place(state: State): Promise<Placed>
  /** Stores the changes; `elsewhere` when the state had to follow its session to another key first. */
  replace(state: State, batch: Batch): Eventually<Outcome | 'elsewhere'>
  /** Gives the session a new token, and stores the changes with it. */
  move(state: State, batch: Batch): Eventually<Outcome | 'elsewhere'>
  /** Extends the idle deadline; `gone` if the session is. */
  touch(state: State): Eventually<Outcome>
  /** Ends a session for good. */
  end(place: Place): Promise<void>
  /** Removes a flash message at once and answers it: of several requests exactly one gets it. */
  takeFlash(state: State, name: string): Promise<unknown>
  /** Ends all sessions of a user but one, where that takes no list of them. */
  revokeAll?(userId: string, exceptId: string | undefined): Promise<void>
}
