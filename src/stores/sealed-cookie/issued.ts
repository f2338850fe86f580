const most = 10_000

/**
 * Which sessions this process has issued a token for of late, in order.
 *
 * A sealed session that only read must not answer with what it was opened on when another request has changed the
 * session since: the browser keeps the answer that comes last.
 */
export class IssuedTokens {
  readonly #last = new Map<string, number>()
  #count = 0

  /** How many there were so far. */
  get count(): number {
    return this.#count
  }

  add(key: string): number {
    this.#last.delete(key)
    this.#last.set(key, ++this.#count)
    for (const oldest of this.#last.keys()) {
      if (this.#last.size <= most) break
      this.#last.delete(oldest)
    }
    return this.#count
  }

  /** Whether a token of the session was issued after the first `count`. */
  hasSince(key: string, count: number): boolean {
    return (this.#last.get(key) ?? 0) > count
  }
}
