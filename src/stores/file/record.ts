import { isUtf8 } from 'node:buffer'
import { closeSync, constants, fstatSync, futimesSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { StoredRecord } from '../../contract/store.ts'

/** The first line of a record file, as JSON; the payload follows as raw UTF-8. The deadline is the file's mtime. */
export interface RecordHeader {
  readonly format: 1
  readonly key: string
  readonly version: number
  /** How many bytes of payload follow: a shorter or longer file is damaged. */
  readonly bytes: number
  readonly userId?: string
}

/** What lies at a record's place. */
export interface RecordFile {
  /** Epoch ms; 0 for something that is no regular file. */
  readonly expiresAt: number
  /** Null if it is damaged, or of a format this version does not know. */
  readonly header: RecordHeader | null
}

// A planted symbolic link is never followed. Windows has neither the flag nor the need.
const noFollow = constants.O_NOFOLLOW ?? 0
const headBytes = 4096

/** True if a file system call failed for one of these reasons: `ENOENT`, `EEXIST`... */
export function failedWith(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}

/** Writes a record to a new private file, deadline included, and returns when the disk has it. */
export async function writeRecord(path: string, key: string, record: StoredRecord): Promise<void> {
  const payload = Buffer.from(record.payload)
  const header: RecordHeader = {
    format: 1,
    key,
    version: record.version,
    bytes: payload.length,
    ...(record.userId !== undefined && { userId: record.userId }),
  }
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | noFollow, 0o600)
  try {
    await file.chmod(0o600)
    await file.writeFile(Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), payload]))
    await file.utimes(...times(record.expiresAt))
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The record in a file, or null if there is none, it is damaged, or it belongs to another key. */
export async function readRecord(path: string, key: string): Promise<StoredRecord | null> {
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY | noFollow)
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ELOOP')) return null
    throw error
  }
  try {
    // A published file's content never changes, so one handle gives a deadline and a content that belong together.
    const stat = await file.stat()
    if (!stat.isFile()) return null
    const content = await file.readFile()
    const header = parseHeader(content, stat.size)
    // A case-insensitive file system opens the file of another key: keys are compared byte for byte.
    if (header === null || header.key !== key) return null
    const payload = content.subarray(content.length - header.bytes)
    if (!isUtf8(payload)) return null
    return {
      payload: payload.toString(),
      version: header.version,
      expiresAt: Math.round(stat.mtimeMs),
      ...(header.userId !== undefined && { userId: header.userId }),
    }
  } finally {
    await file.close()
  }
}

/** What is at a place right now, without its payload; null if nothing is. Synchronous, for use under a lock. */
export function examine(path: string): RecordFile | null {
  return inspect(path, constants.O_RDONLY, (found) => found)
}

/** Moves the deadline of a record if `admits` says so of the file that is there; answers whether it did. */
export function moveDeadline(path: string, admits: (found: RecordFile) => boolean, expiresAt: number): boolean {
  // Through a descriptor: if the record is replaced meanwhile, this touches the old file, as if it had come just before.
  const moved = inspect(path, constants.O_RDWR, (found, descriptor) => {
    if (descriptor === undefined || !admits(found)) return false
    futimesSync(descriptor, ...times(expiresAt))
    return true
  })
  return moved ?? false
}

function inspect<Answer>(
  path: string,
  flags: number,
  answer: (found: RecordFile, descriptor?: number) => Answer,
): Answer | null {
  let descriptor: number
  try {
    descriptor = openSync(path, flags | noFollow)
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return null
    if (failedWith(error, 'ELOOP', 'EISDIR')) return answer({ expiresAt: 0, header: null })
    throw error
  }
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) return answer({ expiresAt: 0, header: null })
    let header: RecordHeader | null = null
    // Nearly every header fits the first read; a very long user id may need the whole file.
    for (const length of [Math.min(stat.size, headBytes), stat.size]) {
      const head = Buffer.allocUnsafe(length)
      header = parseHeader(head.subarray(0, readSync(descriptor, head, 0, length, 0)), stat.size)
      if (header !== null || stat.size <= headBytes) break
    }
    return answer({ expiresAt: Math.round(stat.mtimeMs), header }, descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function parseHeader(head: Buffer, size: number): RecordHeader | null {
  const end = head.indexOf('\n')
  if (end < 0) return null
  let parsed: unknown
  try {
    parsed = JSON.parse(head.toString('utf8', 0, end))
  } catch {
    return null // Damaged is a normal outcome here: the record counts as missing.
  }
  const header = parsed as Partial<RecordHeader> | null
  const isSound =
    header?.format === 1 &&
    typeof header.key === 'string' &&
    Number.isSafeInteger(header.version) &&
    header.bytes === size - end - 1 &&
    (header.userId === undefined || typeof header.userId === 'string')
  return isSound ? (header as RecordHeader) : null
}

/** Access and modification time in seconds. Node.js takes a negative time for "now". */
function times(expiresAt: number): [number, number] {
  const seconds = Math.max(0, Math.round(expiresAt)) / 1000
  return [seconds, seconds]
}
