import { lstat } from 'node:fs/promises'
import type { Listing, ListPage, StoredRecord, Sweeping } from '../../contract/store.ts'
import { failedWith, type RecordFile } from './record.ts'
import type { fileTree } from './tree.ts'

/** How many files are looked at together. */
const batchSize = 32

/** What goes through all the files of a store, one folder after the other. */
export function fileWalk({
  tree,
  clock,
  readLive,
  remove,
  clearOrphans,
}: {
  readonly tree: ReturnType<typeof fileTree>
  readonly clock: () => number
  readonly readLive: (key: string) => Promise<StoredRecord | null>
  /** Removes a record if `isDue` says so; answers whether it did. */
  readonly remove: (key: string, isDue: (found: RecordFile) => boolean, signal?: AbortSignal) => Promise<boolean>
  /** Removes what killed processes left behind. */
  readonly clearOrphans: () => Promise<void>
}): Sweeping & Listing {
  let sweptUpTo = ''

  async function deadlineOf(key: string): Promise<number | null> {
    try {
      return Math.round((await lstat(tree.pathOf(key))).mtimeMs)
    } catch (error) {
      if (failedWith(error, 'ENOENT')) return null
      throw error
    }
  }

  return {
    async sweep(now, { limit, signal }) {
      let removed = 0
      if (limit < 1) return removed
      // Goes on where the last call reached its limit, or a loop of calls would look at all live records each time.
      const start = sweptUpTo
      sweptUpTo = ''
      const ranges =
        start === ''
          ? [{ from: '', to: '~' }]
          : [
              { from: start, to: '~' },
              { from: '', to: start },
            ]
      for (const { from, to } of ranges) {
        for await (const { folder, keys } of tree.leaves(from)) {
          if (folder > to) break
          for (const batch of batches(keys)) {
            signal?.throwIfAborted()
            const deadlines = await Promise.all(batch.map(deadlineOf))
            for (const [index, key] of batch.entries()) {
              const deadline = deadlines[index] ?? null
              if (deadline === null || deadline > now) continue
              if (await remove(key, (found) => found.expiresAt <= now, signal)) removed += 1
              if (removed < limit) continue
              sweptUpTo = folder + key
              return removed
            }
          }
        }
      }
      await clearOrphans()
      return removed
    },

    async list({ cursor, limit, prefix, signal }) {
      const entries: Array<ListPage['entries'][number]> = []
      for await (const { folder, keys } of tree.leaves(cursor ?? '', prefix)) {
        while (keys.length > 0) {
          signal?.throwIfAborted()
          const batch = keys.splice(0, Math.max(1, Math.min(batchSize, limit - entries.length)))
          const records = await Promise.all(batch.map(readLive))
          for (const [index, key] of batch.entries()) {
            const record = records[index]
            if (record) entries.push({ key, record })
          }
          if (entries.length >= limit) return { entries, cursor: folder + batch.at(-1) }
        }
      }
      return { entries, cursor: null }
    },

    async count({ signal } = {}) {
      let total = 0
      for await (const { keys } of tree.leaves('')) {
        for (const batch of batches(keys)) {
          signal?.throwIfAborted()
          const deadlines = await Promise.all(batch.map(deadlineOf))
          total += deadlines.filter((deadline) => deadline !== null && deadline > clock()).length
        }
      }
      return total
    },
  }
}

function* batches(keys: readonly string[]): Generator<readonly string[]> {
  for (let at = 0; at < keys.length; at += batchSize) yield keys.slice(at, at + batchSize)
}
