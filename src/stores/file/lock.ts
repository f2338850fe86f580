import { createHash, randomBytes } from 'node:crypto'
import { linkSync, lstatSync, readFileSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { failedWith } from './record.ts'

/** How a lock is taken. */
export interface LockOptions {
  /** From `newNonce`; the critical section publishes the file `<nonce>.tmp` of the lock directory by renaming it. */
  readonly nonce?: string
  /** An existing file; its second name serves as the lock when the disk has no room for a new one. */
  readonly spare?: string
  readonly signal?: AbortSignal | undefined
}

/** Named locks between all threads and processes that use one directory. */
export interface FileLocks {
  /**
   * Waits for the lock and runs a synchronous critical section under it.
   *
   * @param critical - Gets a check to call right before each irrevocable step; it throws once the lock may be lost.
   */
  run<Result>(name: string, critical: (confirm: () => void) => Result, options?: LockOptions): Promise<Result>
  /** Removes a lock that its holder left behind; one that is really held stays. */
  clear(name: string): void
}

const holder = /^([A-Za-z0-9_-]{16})\.([1-9]\d*)\.(\d*)\.([A-Za-z0-9_-]+)$/

/**
 * Locks made of symbolic links that lead nowhere: one call creates the lock together with the text that names its
 * holder, and fails if the name exists.
 *
 * Why no update is lost:
 * - The critical section is synchronous: microseconds, never across a tick, so the calls of one thread cannot even meet.
 * - A lock is *stale* if its process is dead (known at once on the same machine), or if this process has watched the
 *   very same lock (its nonce) for 10 s by its own monotonic clock. No clocks of two machines are compared.
 * - A lock with nonce N is removed by its holder within 5 s of taking it, or else only by whoever holds the lock named
 *   `steal.N`, after reading once more that N is still there. Nonces never recur, so a slow stealer finds another nonce
 *   or nothing, and never removes a successor. A stealer that dies leaves `steal.N` stale, to be stolen alike.
 * - A stealer first removes `N.tmp`, the file which the holder wants to publish. A holder that was stopped and wakes up
 *   finds its rename refused by the kernel, at whatever instruction it was stopped.
 *
 * What remains: a process that is stopped for 5 s within the microseconds between its last check and the removal of a
 * record or of a lock. A removal has no such fence.
 *
 * @param staleMs - The 10 s above, in ms; half of it is the 5 s.
 */
export function fileLocks(directory: string, staleMs = 10_000): FileLocks {
  const trustedMs = staleMs / 2
  const watched = new Map<string, { readonly text: string; readonly since: number }>()
  const lockPath = (name: string): string => join(directory, `${name}.lock`)

  /** One try, synchronous: true if the lock is ours now. Removes a stale lock, which the next try then finds free. */
  function attempt(name: string, own: string, spare: string | undefined): boolean {
    if (plant(lockPath(name), own, spare)) {
      watched.delete(name)
      return true
    }
    const text = textOf(lockPath(name))
    if (text !== undefined && isStale(name, text)) steal(name, text, own, spare)
    return false
  }

  function steal(name: string, text: string, own: string, spare: string | undefined): void {
    const nonce = holder.exec(text)?.[1] ?? `unknown.${name}`
    const right = `steal.${nonce}`
    if (!attempt(right, own, spare)) return
    try {
      if (textOf(lockPath(name)) !== text) return
      remove(join(directory, `${nonce}.tmp`))
      remove(lockPath(name))
    } finally {
      remove(lockPath(right))
    }
  }

  function isStale(name: string, text: string): boolean {
    const seen = watched.get(name)
    if (seen?.text !== text) {
      // Bounded, for a lock that is seen once and never asked for again; forgetting only prolongs the wait.
      if (watched.size >= 1_000) watched.clear()
      watched.set(name, { text, since: performance.now() })
      return false
    }
    return isDead(text) || performance.now() - seen.since >= staleMs
  }

  return {
    async run(name, critical, { nonce = newNonce(), spare, signal } = {}) {
      const own = `${nonce}.${thisProcess()}`
      for (let tries = 0; ; tries += 1) {
        signal?.throwIfAborted()
        const start = performance.now()
        const isTrusted = (): boolean => performance.now() - start < trustedMs
        if (attempt(name, own, spare)) {
          try {
            return critical(() => {
              if (!isTrusted())
                throw new Error('fileStore: the process was stopped while it held a file lock; nothing was written.')
            })
          } finally {
            if (isTrusted()) remove(lockPath(name))
            else steal(name, own, own, spare)
          }
        }
        if (tries < 3) await setImmediate(undefined, { signal })
        else await setTimeout(1 + Math.random() * Math.min(tries / 4, 4), undefined, { signal })
      }
    },

    clear(name) {
      const own = `${newNonce()}.${thisProcess()}`
      // The first look at a lock only notes it, the second decides, the third takes it.
      for (let tries = 0; tries < 3; tries += 1) {
        if (!attempt(name, own, undefined)) continue
        remove(lockPath(name))
        return
      }
    },
  }
}

/** What no other lock or draft is called. */
export function newNonce(): string {
  return randomBytes(12).toString('base64url')
}

/** Creates the lock unless it exists; answers whether it did. */
function plant(path: string, text: string, spare: string | undefined): boolean {
  try {
    symlinkSync(text, path)
    return true
  } catch (error) {
    if (failedWith(error, 'EEXIST')) return false
    // A full disk must not keep records from being removed: another name for a file needs neither a block nor an inode.
    if (spare === undefined || !failedWith(error, 'ENOSPC', 'EDQUOT')) throw error
  }
  try {
    linkSync(spare, path)
    return true
  } catch (error) {
    if (failedWith(error, 'EEXIST')) return false
    throw error
  }
}

/** Names the holder of a lock, or for a spare one at least the file and when it last got or lost a name. */
function textOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return undefined
    if (!failedWith(error, 'EINVAL')) throw error
  }
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return stat && `${stat.ino}/${stat.ctimeNs}`
}

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (!failedWith(error, 'ENOENT')) throw error
  }
}

/** Dead for certain: the process ran here, and it is gone, a zombie, or another one has its id now. */
function isDead(text: string): boolean {
  const [, , pid = '', start, machine] = holder.exec(text) ?? []
  if (machine === undefined || machine !== thisMachine()) return false
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    if (failedWith(error, 'ESRCH')) return true
    if (!failedWith(error, 'EPERM')) throw error
  }
  const current = startOf(pid)
  return current !== unknown && current !== start
}

const unknown = ''
const zombie = 'zombie'
let machineToken: string | undefined
let processToken: string | undefined

/** With a nonce less than 60 characters, which common file systems keep in the link's inode. */
function thisProcess(): string {
  processToken ??= `${process.pid}.${startOf(process.pid)}.${thisMachine()}`
  return processToken
}

/** Where a process id means something: containers may share a host name, but not the boot and the pid namespace. */
function thisMachine(): string {
  machineToken ??= createHash('sha256')
    .update([hostname(), systemText('/proc/sys/kernel/random/boot_id'), pidNamespace()].join('\n'))
    .digest('base64url')
    .slice(0, 12)
  return machineToken
}

/** When a process started, in clock ticks since boot (field 22 of proc(5) stat); unknown outside Linux. */
function startOf(pid: number | string): string {
  // The second field, the name, is in parentheses and may hold anything.
  const fields = systemText(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? []
  if (fields[0] === 'Z' || fields[0] === 'X') return zombie
  return fields[19] ?? unknown
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return unknown // Not Linux.
  }
}

function systemText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return unknown // Not Linux, or the process just ended.
  }
}
