import type { Request, RequestHandler } from 'express'
import type { AnyData } from '../contract/session.ts'
import type { Sessions } from '../contract/sessions.ts'
import { reportFault } from './_failure.ts'
import { visitNode } from './_node/visit.ts'

export interface ExpressSessionOptions {
  /** Whether a request has a session; without one `sessions.of(req)` throws `NO_SESSION`. Default: every request. */
  when?(req: Request): boolean
  /** Told what kept a session from being stored; the client gets 503, 409 or 500. Default: `console.error`. */
  onError?(error: unknown, req: Request): void
}

/**
 * Sessions for Express 4 and 5: `app.use(expressSession(sessions))`, then `sessions.of(req)` in any handler below it.
 *
 * The response begins when the store has acknowledged the session, whatever begins it: `send`, `redirect`, `sendFile`,
 * `pipe`. A store that does not answer goes to `next(error)` with `error.status` 503. Mounted twice, it counts once.
 */
export function expressSession<Data extends object = AnyData, Flash extends object = AnyData>(
  sessions: Sessions<Data, Flash>,
  { when, onError = reportFault }: ExpressSessionOptions = {},
): RequestHandler {
  return (req, res, next) => {
    if (when?.(req) === false || !sessions.adapter.claim(req)) return next()
    visitNode(sessions, req, res, (error) => onError(error, req)).then(
      ({ session }) => sessions.adapter.run(session, () => next()),
      next,
    )
  }
}
