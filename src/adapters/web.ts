import type { AnyData } from '../contract/session.ts'
import type { Sessions } from '../contract/sessions.ts'
import { reportFault } from './_failure.ts'
import { commitFetch, failureResponse, fetchExchange } from './_fetch/exchange.ts'

export interface WebSessionOptions {
  /** Whether a request has a session; without one `sessions.of(request)` throws `NO_SESSION`. Default: every request. */
  when?(request: Request): boolean
  /** Told what a handler threw and what kept a session from being stored. Default: `console.error`. */
  onError?(error: unknown, request: Request): void
}

/** A Fetch handler, with whatever else its runtime passes: `env` and `ctx`, `server`, connection facts. */
export type WebHandler<Rest extends unknown[]> = (request: Request, ...rest: Rest) => Response | Promise<Response>

/**
 * Sessions for handlers that turn a Fetch `Request` into a `Response`: Bun, Deno, workers, and everything built on them.
 *
 * The response is returned when the store has acknowledged the session; if it does not, the client gets 503, 409 or 500.
 * What the handler throws is answered with the error's `status` (500 without one); a thrown `Response` is an answer like
 * a returned one. Bodies are streamed through; changes made while one streams are stored by `save()`.
 */
export function webSession<Rest extends unknown[], Data extends object = AnyData, Flash extends object = AnyData>(
  sessions: Sessions<Data, Flash>,
  handler: WebHandler<Rest>,
  { when, onError = reportFault }: WebSessionOptions = {},
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    if (when?.(request) === false || !sessions.adapter.claim(request)) return handler(request, ...rest)
    const report = (error: unknown): void => onError(error, request)
    const exchange = fetchExchange(request)
    try {
      const session = await sessions.open(exchange)
      sessions.adapter.attach(request, session)
      try {
        const response = await sessions.adapter.run(session, async () => handler(request, ...rest))
        return await commitFetch(sessions, session, exchange, response, report)
      } catch (error) {
        if (error instanceof Response) return await commitFetch(sessions, session, exchange, error, report)
        report(error)
        return await commitFetch(sessions, session, exchange, failureResponse(error), report, { error })
      }
    } catch (error) {
      report(error)
      return failureResponse(error)
    }
  }
}
