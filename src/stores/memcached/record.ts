import type { StoredRecord } from '../../contract/store.ts'

/** A record as it is kept. */
export interface KeptRecord extends StoredRecord {
  /** Epoch ms up to which the index of its owner keeps its key; 0 without an owner. */
  readonly indexedUntil: number
}

/**
 * `1 <version> <expiresAt> <indexedUntil> <length of userId, or ->`, a line feed, the user id, the payload. The 1 is the
 * format; the length counts UTF-16 units.
 */
const header = /^1 (\d+) (\S+) (\S+) (\d+|-)\n/

/** The text that is sent to the server. */
export function encodeRecord({ version, expiresAt, indexedUntil, userId, payload }: KeptRecord): string {
  return `1 ${version} ${expiresAt} ${indexedUntil} ${userId?.length ?? '-'}\n${userId ?? ''}${payload}`
}

/** Null for a text that is no record, or of a format this version does not know. */
export function decodeRecord(text: string): KeptRecord | null {
  const match = header.exec(text)
  if (match === null) return null
  const [{ length: start }, version, expiresAt, indexedUntil, owner] = match
  const end = owner === '-' ? start : start + Number(owner)
  if (end > text.length) return null
  return {
    payload: text.slice(end),
    version: Number(version),
    expiresAt: Number(expiresAt),
    indexedUntil: Number(indexedUntil),
    ...(owner !== '-' && { userId: text.slice(start, end) }),
  }
}
