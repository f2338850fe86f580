const rememberedMs = 600_000
const most = 10_000

/**
 * The keys of sessions that this process has ended of late.
 *
 * A store that fails over to a replica may lose a deletion that it has acknowledged, and the session would be back.
 */
export class EndedKeys {
  readonly #until = new Map<string, number>()

  add(key: string, now: number): void {
    for (const [oldest, until] of this.#until) {
      if (until > now && this.#until.size < most) break
      this.#until.delete(oldest)
    }
    this.#until.set(key, now + rememberedMs)
  }

  has(key: string): boolean {
    return this.#until.has(key)
  }
}
