import type { Sessions } from '../contract/sessions.ts'
import { SessionError } from '../errors.ts'
import { logFault } from './_failure.ts'

/** Which requests have a session, and where faults go; `Request` is what the framework hands to handlers. */
export interface MountOptions<Request> {
  /**
   * Whether a request has a session; without one `sessions.of(request)` throws `NO_SESSION`. Default: every request.
   * What it throws is answered like any error of the request.
   */
  when?(request: Request): boolean
  /**
   * Called with what kept a session from being stored (the client gets 503, 409 or 500), and what a handler threw where the
   * adapter answers it. Default: `console.error`, which also gets what `onError` itself throws.
   */
  onError?(error: unknown, request: Request): void
}

/** A session system at its place in front of an application. */
export interface Mount<Request> {
  /**
   * Whether a request gets its session here: `when` agrees, and no other mount of this system has taken it on. Throws
   * what `when` throws. `carrier` is the object by which every adapter below knows the request.
   */
  takes(request: Request, carrier: object): boolean
  /** Tells the application of a fault. Never throws. */
  report(error: unknown, request: Request): void
}

/** Mounts a session system with the callbacks of the application, none of which can break a response. */
export function mount<Data extends object, Flash extends object, Request>(
  { adapter }: Sessions<Data, Flash>,
  { when, onError = logFault }: MountOptions<Request>,
): Mount<Request> {
  return {
    takes: (request, carrier) => decided(when?.(request)) && adapter.claim(carrier),
    report(error, request) {
      const failed = (fault: unknown): void => {
        logFault(fault)
        logFault(error)
      }
      try {
        // Typed as void, it may be an async function all the same.
        Promise.resolve(onError(error, request)).catch(failed)
      } catch (fault) {
        failed(fault)
      }
    },
  }
}

/** A promise would count as true, whatever it resolves to. */
function decided(answer: unknown): boolean {
  if (typeof (answer as { then?: unknown } | null | undefined)?.then !== 'function') return answer !== false
  Promise.resolve(answer).catch(logFault)
  throw new SessionError('CONFIG_INVALID', '`when` returned a promise: it has to return true or false at once.')
}
