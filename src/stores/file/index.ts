import { lstatSync, renameSync, unlinkSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Listing, Store, StoredRecord, Sweeping, UserIndex } from '../../contract/store.ts'
import { cleaned } from '../_faults/cleaned.ts'
import { withoutFileNames } from './fault.ts'
import { fileLocks, newNonce } from './lock.ts'
import { examine, failedWith, moveDeadline, type RecordFile, readRecord, writeRecord } from './record.ts'
import { fileTree, namesIn } from './tree.ts'
import { fileWalk } from './walk.ts'

/** Where the files go. */
export interface FileStoreOptions {
  /**
   * A directory for this store alone, on a local disk; created with mode 0700 if absent. A relative path starts at the
   * working directory of the moment. A symbolic link or a world-writable directory is refused.
   */
  readonly directory: string
  /** Epoch ms. Default: `Date.now`. */
  readonly clock?: () => number
}

const orphanMs = 60_000

/**
 * Keeps each session in a private file, `<directory>/x/s/xs...`; any number of processes may share the directory.
 *
 * A save is on the disk when it is acknowledged, and is seen whole or not at all, even after `kill -9`. The deadline is
 * the file's modification time, to the ms: a directory copied without its times is one of expired sessions. A damaged
 * file counts as missing. For Node.js, Bun and Deno on POSIX systems; on Windows file modes protect nothing, and the
 * symbolic links that serve as locks need Developer Mode.
 *
 * @throws SessionError `CONFIG_INVALID` if the directory is a symbolic link, world-writable, or a file.
 */
export function fileStore(options: FileStoreOptions): Store & Sweeping & Listing & UserIndex {
  const directory = resolve(options.directory)
  const tree = fileTree(directory)
  const clock = options.clock ?? Date.now
  const locks = fileLocks(tree.temporary)
  tree.prepare()

  const isLive = (found: { readonly expiresAt: number }): boolean => found.expiresAt > clock()

  /** Whether what is there is the live record of this key and in this version. */
  function isVersion(found: RecordFile | null, key: string, version: number): boolean {
    return found?.header?.key === key && found.header.version === version && isLive(found)
  }

  async function readLive(key: string): Promise<StoredRecord | null> {
    const record = await readRecord(tree.pathOf(key), key)
    return record !== null && isLive(record) ? record : null
  }

  async function writeDraft(path: string, key: string, record: StoredRecord): Promise<void> {
    try {
      await writeRecord(path, key, record)
    } catch (error) {
      if (!failedWith(error, 'ENOENT')) throw error
      tree.prepare() // Somebody removed the directory while we run.
      await writeRecord(path, key, record)
    }
  }

  /** Puts a record in place if `admits` says so of what is there at that moment. */
  async function publish(
    key: string,
    record: StoredRecord,
    admits: (found: RecordFile | null) => boolean,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { userId } = record
    const path = tree.pathOf(key)
    const nonce = newNonce()
    const draft = join(tree.temporary, `${nonce}.tmp`)
    let outcome: 'refused' | 'saved' | 'saved for a new owner' = 'refused'
    try {
      await writeDraft(draft, key, record)
      const critical = (confirm: () => void): typeof outcome => {
        const found = examine(path)
        if (!admits(found)) return 'refused'
        const before = found?.header?.userId
        confirm()
        // Index first, then the record, then the old index: a crash leaves at most an entry that leads nowhere.
        if (userId !== undefined && userId !== before) tree.mark(userId, key)
        renameSync(draft, path)
        if (before !== undefined && userId !== before) tree.unmark(before, key)
        return userId !== before ? 'saved for a new owner' : 'saved'
      }
      outcome = await locks.run(key, critical, { nonce, signal })
    } finally {
      if (outcome === 'refused') await rm(draft, { force: true })
    }
    if (outcome !== 'refused') await tree.flush(key, outcome === 'saved' ? undefined : userId)
    return outcome !== 'refused'
  }

  /** Removes a record if `isDue` says so of what is there at that moment; answers whether it did. */
  async function remove(key: string, isDue: (found: RecordFile) => boolean, signal?: AbortSignal): Promise<boolean> {
    const path = tree.pathOf(key)
    // A replacement leaves a record in place all the while, so without one there is nothing to wait for.
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return false
    const critical = (confirm: () => void): boolean => {
      const found = examine(path)
      if (found === null || !isDue(found)) return false
      confirm()
      unlinkSync(path)
      if (found.header?.userId !== undefined) tree.unmark(found.header.userId, key)
      return true
    }
    return locks.run(key, critical, { signal, spare: path })
  }

  /** Removes what killed processes left behind. */
  async function clearOrphans(): Promise<void> {
    for (const name of await namesIn(tree.temporary)) {
      const path = join(tree.temporary, name)
      // Change time and real time, whatever `clock` says: a draft's modification time is already its deadline.
      const stat = lstatSync(path, { throwIfNoEntry: false })
      if (stat === undefined || Date.now() - stat.ctimeMs < orphanMs) continue
      if (name.endsWith('.lock')) locks.clear(name.slice(0, -'.lock'.length))
      else await rm(path, { force: true })
    }
  }

  /** Removes an index entry that leads nowhere; under the lock, lest it be one that is about to lead somewhere. */
  async function prune(userId: string, key: string, signal: AbortSignal | undefined): Promise<void> {
    await locks.run(
      key,
      () => {
        if (examine(tree.pathOf(key))?.header?.userId !== userId) tree.unmark(userId, key)
      },
      { signal },
    )
  }

  const store: Store & Sweeping & Listing & UserIndex = {
    name: 'file',

    async read(key, { signal } = {}) {
      signal?.throwIfAborted()
      return readLive(key)
    },

    async create(key, record, { signal } = {}) {
      signal?.throwIfAborted()
      const isFree = (found: RecordFile | null): boolean => found === null || found.header === null || !isLive(found)
      await tree.makeRoomFor(key)
      return publish(key, record, isFree, signal)
    },

    async replace(key, record, expectedVersion, { signal } = {}) {
      signal?.throwIfAborted()
      const isExpected = (found: RecordFile | null): boolean => isVersion(found, key, expectedVersion)
      // Spares a writer that has lost already the flush of its draft.
      return isExpected(examine(tree.pathOf(key))) && publish(key, record, isExpected, signal)
    },

    async touch(key, expiresAt, expectedVersion, { signal } = {}) {
      signal?.throwIfAborted()
      return moveDeadline(tree.pathOf(key), (found) => isVersion(found, key, expectedVersion), expiresAt)
    },

    async delete(key, { signal } = {}) {
      signal?.throwIfAborted()
      const isOurs = (found: RecordFile): boolean => found.header === null || found.header.key === key
      if (await remove(key, isOurs, signal)) await tree.flush(key)
    },

    ...fileWalk({ tree, clock, readLive, remove, clearOrphans }),

    async keysOf(userId, { signal } = {}) {
      const keys: string[] = []
      for (const key of await tree.marked(userId)) {
        signal?.throwIfAborted()
        const record = await readRecord(tree.pathOf(key), key)
        if (record?.userId !== userId) await prune(userId, key, signal)
        else if (isLive(record)) keys.push(key)
      }
      return keys
    },
  }
  return cleaned(store, (error) => withoutFileNames(error, directory))
}
