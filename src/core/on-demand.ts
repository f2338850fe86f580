/**
 * What many processes never need, loaded as one piece when it is first asked for: administration, sweeping, the tokens
 * of automatic rotation, `flash.take`.
 *
 * @module
 */
export { openText, sealText } from '../crypto/seal.ts'
export { findSession, listSessions, revokeSession } from './admin/list.ts'
export { startSweeper, sweepAll } from './admin/sweeper.ts'
export { listOfUser, revokeAllOfUser, revokeOfUser } from './admin/users.ts'
export { takeFlash } from './keyed/take-flash.ts'
