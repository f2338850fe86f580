/**
 * What many processes never need, loaded as one piece when it is first asked for: administration, sweeping, the tokens
 * of automatic rotation, `flash.take`.
 *
 * @module
 */
export { openText, sealText } from '../crypto/seal.ts'
export { findSession, listSessions, revokeSession } from './registry.ts'
export { startSweeper, sweepAll } from './sweeper.ts'
export { takeFlash } from './take-flash.ts'
export { listOfUser, revokeAllOfUser, revokeOfUser } from './users.ts'
