import type { AnyData } from '../contract/session.ts'
import type { Sessions } from '../contract/sessions.ts'
import { mountFetch } from './_fetch/mount.ts'
import type { MountOptions } from './_mount.ts'

/** What `when` and `onError` are given is the Fetch request. */
export type WebSessionOptions = MountOptions<Request>

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
  options: WebSessionOptions = {},
): (request: Request, ...rest: Rest) => Promise<Response> {
  const mounted = mountFetch(sessions, options)
  return (request, ...rest) => mounted.serve(request, request, () => handler(request, ...rest))
}
