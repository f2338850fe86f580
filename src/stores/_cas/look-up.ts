/** Entries of which each has been looked up. */
export interface LookedUp<Entry> {
  readonly found: Entry[]
  readonly others: Entry[]
}

/** Looks up entries, so many at once and not all: each answer may bring a payload along. */
export async function* lookedUp<Entry>(
  entries: readonly Entry[],
  atOnce: number,
  isThere: (entry: Entry) => Promise<boolean>,
  signal: Pick<AbortSignal, 'throwIfAborted'> | undefined,
): AsyncGenerator<LookedUp<Entry>> {
  for (let at = 0; at < entries.length; at += atOnce) {
    signal?.throwIfAborted()
    const part = entries.slice(at, at + atOnce)
    const answers = await Promise.all(part.map(isThere))
    yield { found: part.filter((_, nth) => answers[nth]), others: part.filter((_, nth) => !answers[nth]) }
  }
}
