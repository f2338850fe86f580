import type { Codec } from '../../contract/codec.ts'
import { getOwn, setOwn } from '../../values/safe-object.ts'
import type { Contents } from '../record/contents.ts'
import type { Facts } from '../record/wire.ts'
import { apply, type Change, identityIn } from './change.ts'
import { type FlashChanges, withChanges } from './flash.ts'
import { HandedOut } from './handed-out.ts'

/** What a commit has stored. */
interface Stored {
  readonly changes: readonly Change[]
  readonly flash: FlashChanges | null
}

// Most requests change nothing.
const none: Change[] = []

/**
 * What one request has changed since its session was stored, and what the session looks like with it.
 *
 * Changes are only ever added. A commit takes those that are there, as values; when they are stored, `stored` drops
 * them. What the application does in the meantime waits behind them for the next commit, and a commit that failed has changed
 * nothing here: all of it is due again.
 */
export class ChangeLog {
  readonly #codec: Codec
  readonly #contents: Contents
  #pending: Change[] = none
  #handedOut: HandedOut | null = null

  constructor(codec: Codec, contents: Contents) {
    this.#codec = codec
    this.#contents = contents
  }

  /** The session with all changes made, as the application sees it. */
  get contents(): Readonly<Contents> {
    return this.#contents
  }

  /** The changes that are not stored yet. */
  get pending(): readonly Change[] {
    return this.#pending
  }

  /** Whether the record lacks something. Values that were changed in place become changes here. Never throws. */
  get isChanged(): boolean {
    // To look at every value that the application holds is expensive.
    if (this.#pending.length > 0) return true
    this.#collect()
    return this.#pending.length > 0
  }

  /** Makes a change and remembers it. */
  add(change: Change): void {
    // What was changed in place so far came before this change, and must come before it in a replay too. A change of one
    // key has nothing to do with the others.
    if ('key' in change) this.#collectKey(change.key)
    else this.#collect()
    apply(this.#contents, change)
    this.#remember(change)
    if (this.#handedOut === null || change.op === 'regenerate') return
    if ('key' in change) return this.#handedOut.forget(change.key)
    for (const key of this.#handedOut.keys()) {
      if (!Object.hasOwn(this.#contents.data, key)) this.#handedOut.forget(key)
    }
  }

  /** Remembers that the application holds this value and could change it in place. */
  handOut(key: string, value: unknown): void {
    if (typeof value !== 'object' || value === null) return
    this.#handedOut ??= new HandedOut((each) => this.#codec.encode({ data: { value: each } }))
    this.#handedOut.watch(key, value)
  }

  /** The changes that a commit is to store. */
  take(): readonly Change[] {
    this.#collect()
    return this.#pending.slice()
  }

  /** The values of these changes were frozen: what the application does to its objects from now on is another change. */
  watch(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.op === 'set' || change.op === 'update' || change.op === 'push') {
        this.handOut(change.key, getOwn(this.#contents.data, change.key))
      }
    }
  }

  /** Draws what names the session, when it is first needed. */
  name(root: string): void {
    this.#contents.facts = { ...this.#contents.facts, root }
  }

  /** The changes of a set are stored, under these facts, and nothing else is. */
  stored({ changes, flash }: Stored, facts: Facts): void {
    this.drop(changes.length)
    this.#contents.flash = withChanges(this.#contents.flash, flash)
    this.#contents.facts = identityIn(this.#pending) === 'login' ? signedIn(facts, this.#contents.facts) : facts
  }

  /** The first `count` changes were given up, or are stored. */
  drop(count: number): void {
    this.#pending = count === this.#pending.length ? none : this.#pending.slice(count)
  }

  /**
   * Goes on from what the store holds now, in which the first `count` changes are made: makes the others again on it.
   *
   * The application goes on with the objects that it holds, as long as no other request has changed what they stand for.
   */
  rebase(base: Contents, count: number): void {
    this.#collect()
    if (this.#handedOut !== null) {
      for (const key of this.#handedOut.keys()) {
        if (!Object.hasOwn(base.data, key)) continue
        const twin = this.#handedOut.twinOf(key, base.data[key])
        if (twin !== undefined) setOwn(base.data, key, twin)
      }
    }
    this.drop(count)
    for (const change of this.#pending) apply(base, change)
    this.#contents.facts = base.facts
    this.#contents.data = base.data
    this.#contents.flash = base.flash
  }

  #remember(change: Change): void {
    if (this.#pending === none) this.#pending = [change]
    else this.#pending.push(change)
  }

  #collect(): void {
    if (this.#handedOut === null) return
    for (const key of this.#handedOut.keys()) this.#collectKey(key)
  }

  #collectKey(key: string): void {
    if (this.#handedOut === null) return
    for (const value of this.#handedOut.takeChanged(key)) {
      setOwn(this.#contents.data, key, value)
      this.#remember({ op: 'set', key, value })
    }
  }
}

/** What was stored, with a sign-in that is to be stored yet. */
function signedIn(stored: Facts, { root, userId, authenticatedAt, device }: Facts): Facts {
  const { device: _, ...others } = stored
  const identity = {
    root,
    ...(userId !== undefined && { userId }),
    ...(authenticatedAt !== undefined && { authenticatedAt }),
  }
  return { ...others, ...identity, ...(device !== undefined && { device }) }
}
