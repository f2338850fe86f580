import type { StoredRecord } from '../../contract/store.ts'
import type { Timeouts } from '../options.ts'
import type { Facts } from './wire.ts'

type Life = Pick<Facts, 'createdAt' | 'authenticatedAt' | 'userId'>

/** Epoch ms at which a session ends however much it is used. A sign-in starts a new absolute lifetime. */
export function absoluteDeadline(session: Life, timeouts: Timeouts): number {
  return (session.authenticatedAt ?? session.createdAt) + timeouts.absolute
}

/** Epoch ms at which a session ends if it is used now and never again. */
export function deadline(session: Life, now: number, timeouts: Timeouts): number {
  return Math.min(now + idleTimeout(session, timeouts), absoluteDeadline(session, timeouts))
}

/** Whether a session that is used now should have its idle deadline extended. */
export function isStale(session: Life, record: StoredRecord, now: number, timeouts: Timeouts): boolean {
  return deadline(session, now, timeouts) - record.expiresAt >= renewAfterOf(session, timeouts)
}

/**
 * Epoch ms of the last use that moved the idle deadline, derived from it.
 *
 * In the last stretch, when the absolute deadline is the nearer one, it stays at the beginning of that stretch.
 */
export function lastSeen(session: Life, record: StoredRecord, now: number, timeouts: Timeouts): number {
  return Math.min(now, Math.max(session.createdAt, record.expiresAt - idleTimeout(session, timeouts)))
}

/** ms by which the deadline must have moved. One distance for two idle timeouts would never extend the shorter one. */
export function renewAfterOf(session: Life, { renewAfter, idle, anonymousIdle }: Timeouts): number {
  return session.userId === undefined && anonymousIdle !== idle ? (renewAfter * anonymousIdle) / idle : renewAfter
}

function idleTimeout(session: Life, timeouts: Timeouts): number {
  return session.userId === undefined ? timeouts.anonymousIdle : timeouts.idle
}
