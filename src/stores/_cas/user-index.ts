import { type Deadlines, inBatches, type Note } from './batches.ts'
import { lookedUp } from './look-up.ts'
import { type Abortable, type Patience, untilSettled } from './settle.ts'

/** One key in the index of an owner. */
export interface Entry {
  readonly key: string
  /** When it was noted, epoch ms: its record follows. */
  readonly since: number
  /** Epoch ms; the record of the key is not live from then on. */
  readonly until: number
}

/** What an owner's item holds. */
export interface Entries {
  readonly entries: readonly Entry[]
  /** With more entries than that the next note looks which records are still there. */
  readonly fullAt: number
}

/** One item for each owner in a backend that writes on condition. */
export interface OwnerItems<Held> {
  /** No entries where there is nothing, or something else; `held` is what the next write is conditional on. */
  read(userId: string): Promise<Entries & { readonly held: Held }>
  /** Over what was read, or into the free place; false if somebody else was faster. */
  write(userId: string, held: Held, content: Entries): Promise<boolean>
}

/** Which keys an owner may have records under: a superset, from which `keysOf` picks. */
export interface CasUserIndex {
  /**
   * Notes that a record of this owner is about to be written. Answers until when (epoch ms) the note stays, however
   * often the record is renewed up to then. Calls for one owner at a time share a write; one that is aborted ends with
   * it, and keeps none of the others from it.
   */
  note: Note
  /** The keys of the live records of this owner. Forgets those whose record is gone or another's. */
  keysOf(userId: string, signal?: AbortSignal): Promise<string[]>
}

/** What differs between backends. */
export interface CasUserIndexOptions<Held> {
  readonly items: OwnerItems<Held>
  /** The owner of the live record that has this key. */
  readonly ownerOf: (key: string) => Promise<string | undefined>
  readonly clock: () => number
  readonly patience: Patience
  /** How much longer than its deadline a note stays for a record with so much time left, ms. */
  readonly spareMs: (left: number) => number
  /** How long an entry without a record stays, ms: the record may be on its way. */
  readonly graceMs: number
  /** An index with so few entries is not looked through by a note. */
  readonly leastFullAt: number
  /** How many records are read at once. */
  readonly readsAtOnce: number
}

/** An index of owners over compare-and-swap. */
export function casUserIndex<Held>(options: CasUserIndexOptions<Held>): CasUserIndex {
  const { items, ownerOf, clock, patience, spareMs, graceMs, leastFullAt, readsAtOnce } = options

  const isLasting = ({ until }: Entry): boolean => until > clock()

  /** Those whose record is there, and those that stay: the same, and the young ones. */
  async function lookThrough(
    userId: string,
    entries: readonly Entry[],
    signal: Abortable | undefined,
  ): Promise<{ readonly theirs: ReadonlySet<Entry>; readonly kept: readonly Entry[] }> {
    const theirs = new Set<Entry>()
    const isTheirs = async ({ key }: Entry): Promise<boolean> => (await ownerOf(key)) === userId
    for await (const { found } of lookedUp(entries, readsAtOnce, isTheirs, signal)) {
      for (const entry of found) theirs.add(entry)
    }
    const now = clock()
    return { theirs, kept: entries.filter((entry) => theirs.has(entry) || entry.since + graceMs > now) }
  }

  async function noteAll(userId: string, deadlines: Deadlines, signal: Abortable): Promise<Deadlines> {
    return untilSettled(patience, signal, async () => {
      const now = clock()
      const { held, entries, ...size } = await items.read(userId)
      const present = new Map(entries.map(({ key, until }) => [key, until]))
      const noted = new Map<string, number>()
      for (const [key, expiresAt] of deadlines) {
        // Of two writers, the one whose record comes to stay may have been the first here.
        noted.set(key, Math.max(expiresAt + spareMs(expiresAt - now), present.get(key) ?? 0))
      }
      let others: readonly Entry[] = entries.filter((entry) => !noted.has(entry.key) && isLasting(entry))
      let { fullAt } = size
      if (others.length + noted.size > fullAt) {
        others = (await lookThrough(userId, others, signal)).kept
        fullAt = Math.max(leastFullAt, 2 * others.length)
      }
      const added = [...noted].map(([key, until]): Entry => ({ key, since: now, until }))
      return (await items.write(userId, held, { entries: [...others, ...added], fullAt })) ? noted : undefined
    })
  }

  return {
    note: inBatches(noteAll),

    async keysOf(userId, signal) {
      const { held, entries, fullAt } = await items.read(userId)
      const { theirs, kept } = await lookThrough(userId, entries.filter(isLasting), signal)
      // Whoever changed the index meanwhile wins, and the dead entries go the next time.
      if (kept.length < entries.length) await items.write(userId, held, { entries: kept, fullAt })
      return [...theirs].map(({ key }) => key)
    },
  }
}

/** When the last of them ends. */
export function latest(entries: readonly Entry[]): number {
  return entries.reduce((latest, { until }) => Math.max(latest, until), 0)
}
