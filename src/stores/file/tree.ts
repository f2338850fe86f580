import { createHash } from 'node:crypto'
import { chmodSync, closeSync, constants, lstatSync, mkdirSync, openSync, rmdirSync, unlinkSync } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { invalid } from '../_faults/invalid.ts'
import { failedWith } from './record.ts'

/**
 * Where everything lies: `x/s/xs...` the records, `.users/<SHA-256 of the user id>/<key>` empty files that index them,
 * `.tmp/` drafts and locks. A name with a dot is never the first character of a key.
 */
export interface FileTree {
  readonly temporary: string
  /** Creates what is missing. */
  prepare(): void
  /** The place of a record; throws unless the key is 16 to 128 characters of `A-Z a-z 0-9 - _`. */
  pathOf(key: string): string
  /** Creates the folders of a record. */
  makeRoomFor(key: string): Promise<void>
  /** Makes the disk remember which names the folder of a record has, and those of a user's index if asked. */
  flush(key: string, userId?: string): Promise<void>
  /** The keys folder by folder, those after `position` only, which is the folder and the key: `xs` + `xs...`. */
  leaves(position: string, prefix?: string): AsyncGenerator<{ readonly folder: string; readonly keys: string[] }>
  /** Notes that the key may belong to the user. */
  mark(userId: string, key: string): void
  unmark(userId: string, key: string): void
  marked(userId: string): Promise<string[]>
}

const keyPattern = /^[A-Za-z0-9_-]{16,128}$/
const isPosix = process.platform !== 'win32'

/** The tree below a directory; refuses with `CONFIG_INVALID` a directory that others could tamper with. */
export function fileTree(root: string): FileTree {
  const temporary = join(root, '.tmp')
  const users = join(root, '.users')

  function folderOf(key: string): string {
    if (!keyPattern.test(key)) throw new Error('fileStore: a key must be 16 to 128 characters of A-Z a-z 0-9 - _.')
    return join(root, key.charAt(0), key.charAt(1))
  }
  const userFolder = (userId: string): string => join(users, createHash('sha256').update(userId).digest('hex'))

  return {
    temporary,

    prepare() {
      prepareRoot(root)
      makePrivate(temporary)
      makePrivate(users)
    },

    pathOf: (key) => join(folderOf(key), key),

    async makeRoomFor(key) {
      const folder = folderOf(key)
      const top = dirname(folder)
      prepareRoot(root)
      const isTopNew = makePrivate(top)
      const isFolderNew = makePrivate(folder)
      if (isTopNew) await flushFolder(root)
      if (isFolderNew) await flushFolder(top)
    },

    async flush(key, userId) {
      await flushFolder(folderOf(key))
      if (userId === undefined) return
      await flushFolder(userFolder(userId))
      await flushFolder(users)
    },

    async *leaves(position, prefix = '') {
      for (const first of await oneLetterFolders(root, prefix.charAt(0))) {
        if (first < position.slice(0, 1)) continue
        for (const second of await oneLetterFolders(join(root, first), prefix.charAt(1))) {
          const folder = first + second
          if (folder < position.slice(0, 2)) continue
          const entries = await readdir(join(root, first, second), { withFileTypes: true })
          const keys = entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name)
          const wanted = (key: string): boolean =>
            keyPattern.test(key) && key.startsWith(prefix) && folder + key > position
          yield { folder, keys: keys.filter(wanted).sort() }
        }
      }
    },

    mark(userId, key) {
      const folder = userFolder(userId)
      for (let triesLeft = 10; ; triesLeft -= 1) {
        makePrivate(folder)
        try {
          closeSync(openSync(join(folder, key), constants.O_WRONLY | constants.O_CREAT, 0o600))
          return
        } catch (error) {
          // The end of the user's only other session took the folder away in between.
          if (triesLeft === 0 || !failedWith(error, 'ENOENT')) throw error
        }
      }
    },

    unmark(userId, key) {
      const folder = userFolder(userId)
      try {
        unlinkSync(join(folder, key))
        rmdirSync(folder)
      } catch (error) {
        if (!failedWith(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST')) throw error
      }
    },

    async marked(userId) {
      return (await namesIn(userFolder(userId))).filter((name) => keyPattern.test(name))
    },
  }
}

/** The names in a folder, sorted; none if it does not exist. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}

function prepareRoot(root: string): void {
  if (lstatSync(root, { throwIfNoEntry: false }) === undefined) {
    mkdirSync(root, { recursive: true, mode: 0o700 })
    chmodSync(root, 0o700)
  }
  const stat = lstatSync(root)
  const refuse = (why: string, fix: string): never => {
    throw invalid(`fileStore: the directory ${why}; ${fix}.`)
  }
  if (stat.isSymbolicLink()) refuse('is a symbolic link', 'name the real directory')
  if (!stat.isDirectory()) refuse('is not a directory', 'name another path')
  if (isPosix && (stat.mode & 0o002) !== 0) refuse('is world-writable', 'use one of its own, or run chmod 700 on it')
}

/** True if the directory is new. Sets the mode apart from creating it, for the umask to have no say. */
function makePrivate(path: string): boolean {
  try {
    mkdirSync(path, 0o700)
  } catch (error) {
    if (!failedWith(error, 'EEXIST')) throw error
    if (!lstatSync(path).isDirectory())
      throw new Error('fileStore: a folder below the directory is a link or a file; remove it.', { cause: error })
    return false
  }
  chmodSync(path, 0o700)
  return true
}

async function flushFolder(path: string): Promise<void> {
  if (!isPosix) return // Windows cannot open a directory, and keeps names by itself.
  const folder = await open(path, constants.O_RDONLY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** In either case if a letter is given, for a case-insensitive file system keeps the case of the folder's first key. */
async function oneLetterFolders(parent: string, letter: string): Promise<string[]> {
  const fits = (name: string): boolean => letter === '' || name.toLowerCase() === letter.toLowerCase()
  return (await namesIn(parent)).filter((name) => /^[A-Za-z0-9_-]$/.test(name) && fits(name))
}
