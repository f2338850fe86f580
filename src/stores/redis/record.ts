import type { StoredRecord } from '../../contract/store.ts'

/**
 * A record as one text: a 1 for the format, the deadline in 16 digits, the version, the owner's field, the payload, as
 * in `10001893456000000 7 =user-1 payload`. The deadline has a fixed place so that it can be moved without the rest.
 */
export function toText({ payload, version, expiresAt, userId }: StoredRecord): string {
  return `${deadlineText(expiresAt)} ${version} ${ownerField(userId)} ${payload}`
}

/** The format and the deadline, 17 bytes: a whole number of ms, neither negative nor beyond the end of `Date`. */
export function deadlineText(expiresAt: number): string {
  return `1${String(expiresAt > 0 ? Math.min(Math.ceil(expiresAt), 864e13) : 0).padStart(16, '0')}`
}

/** The owner without spaces, nor braces, which would choose a slot in a cluster; empty if there is none. */
export function ownerField(userId: string | undefined): string {
  return userId === undefined ? '' : `=${userId.replace(/[% {}]/g, encodeURIComponent)}`
}

/** The record of a text, or of as much of it as is there; null for anything else. */
export function toRecord(text: unknown): StoredRecord | null {
  const whole = String(text)
  const [head, deadline, version, owner] = /^1(\d{16}) (\d+) (?:=([^ ]*))? /.exec(whole) ?? []
  if (head === undefined) return null
  return {
    payload: whole.slice(head.length),
    version: Number(version),
    expiresAt: Number(deadline),
    ...(owner !== undefined && { userId: owner.replace(/%(2[05]|7[BD])/g, decodeURIComponent) }),
  }
}
