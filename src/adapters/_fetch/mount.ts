import type { Sessions } from '../../contract/sessions.ts'
import { type MountOptions, mount } from '../_mount.ts'
import { commitFetch, failureResponse } from './commit.ts'
import { fetchExchange } from './exchange.ts'

/** A session system in front of an application that turns a Fetch `Request` into a `Response`. */
export interface FetchMount<Request extends object> {
  /**
   * Opens the session of a request, runs its handler and returns the response when the session is stored. What the
   * handler throws becomes the response. `request` is what the framework hands to handlers, often that of Fetch itself.
   */
  serve(request: Request, incoming: globalThis.Request, handler: () => Response | Promise<Response>): Promise<Response>
}

/** Mounts a session system on Fetch: all that an adapter of a Fetch framework needs. */
export function mountFetch<Data extends object, Flash extends object, Request extends object>(
  sessions: Sessions<Data, Flash>,
  options: MountOptions<Request>,
): FetchMount<Request> {
  const mounted = mount(sessions, options)
  return {
    async serve(request, incoming, handler) {
      const report = (error: unknown): void => mounted.report(error, request)
      try {
        if (!mounted.takes(request, incoming)) return await handler()
        const exchange = fetchExchange(incoming)
        const session = await sessions.open(exchange)
        sessions.adapter.attach(incoming, session)
        if (request !== incoming) sessions.adapter.attach(request, session)
        try {
          const response = await sessions.adapter.run(session, async () => handler())
          return await commitFetch(sessions, session, exchange, response, report)
        } catch (error) {
          if (error instanceof Response) return await commitFetch(sessions, session, exchange, error, report)
          report(error)
          return await commitFetch(sessions, session, exchange, failureResponse(error), report, { error })
        }
      } catch (error) {
        // Thrown where there is no session.
        if (error instanceof Response) return error
        report(error)
        return failureResponse(error)
      }
    },
  }
}
