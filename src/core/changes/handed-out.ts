import { matches, snapshot, type TextOf } from './snapshot.ts'

/** An object that the application holds, and what it looked like when it was last looked at. */
interface Handle {
  readonly value: object
  snapshot: unknown
  /** One that was handed out under the same key before, and may be in use still. */
  readonly older: Handle | undefined
}

/**
 * The objects that the application was given or has given, each of which it may change in place.
 *
 * All of them count until the application replaces the value: also one whose value another request has changed
 * in the meantime, or what is done to it from then on would be lost without a word.
 */
export class HandedOut {
  readonly #textOf: TextOf
  readonly #handles = new Map<string, Handle>()

  constructor(textOf: TextOf) {
    this.#textOf = textOf
  }

  /** Watches an object from now on; one that is watched already keeps its snapshot. */
  watch(key: string, value: object): void {
    const newest = this.#handles.get(key)
    for (let handle = newest; handle !== undefined; handle = handle.older) if (handle.value === value) return
    this.#handles.set(key, { value, snapshot: snapshot(value, this.#textOf), older: newest })
  }

  /** Stops watching what was handed out under a key: the application has put something else there. */
  forget(key: string): void {
    this.#handles.delete(key)
  }

  keys(): Iterable<string> {
    return this.#handles.keys()
  }

  /** The objects under a key that were changed since they were last looked at, the oldest first; looks at them anew. */
  takeChanged(key: string): object[] {
    const changed: object[] = []
    for (let handle = this.#handles.get(key); handle !== undefined; handle = handle.older) {
      if (matches(handle.value, handle.snapshot, this.#textOf)) continue
      handle.snapshot = snapshot(handle.value, this.#textOf)
      changed.unshift(handle.value)
    }
    return changed
  }

  /** The object of the application that looks like this value, newest first. */
  twinOf(key: string, value: unknown): object | undefined {
    for (let handle = this.#handles.get(key); handle !== undefined; handle = handle.older) {
      if (matches(value, handle.snapshot, this.#textOf)) return handle.value
    }
    return undefined
  }
}
