import type { Request, RequestHandler } from 'express'
import type { AnyData } from '../contract/session.ts'
import type { Sessions } from '../contract/sessions.ts'
import type { MountOptions } from './_mount.ts'
import { nodeMiddleware } from './_node/mount.ts'

/** What `when` and `onError` are given is the request of Express. */
export type ExpressSessionOptions = MountOptions<Request>

/**
 * Sessions for Express 4 and 5: `app.use(expressSession(sessions))`, then `sessions.of(req)` in any handler below it.
 *
 * The response begins when the store has acknowledged the session, whatever begins it: `send`, `redirect`, `sendFile`,
 * `pipe`. A store that does not answer goes to `next(error)` with `error.status` 503. Mounted twice, it counts once.
 */
export function expressSession<Data extends object = AnyData, Flash extends object = AnyData>(
  sessions: Sessions<Data, Flash>,
  options: ExpressSessionOptions = {},
): RequestHandler {
  return nodeMiddleware(sessions, options)
}
