import type { Sessions } from '../contract/sessions.ts'
import { logFault } from './_failure.ts'

/** Which requests have a session, and who is told of faults; `Request` is what the framework hands to handlers. */
export interface MountOptions<Request> {
  /** Whether a request has a session; without one `sessions.of(request)` throws `NO_SESSION`. Default: every request. */
  when?(request: Request): boolean
  /**
   * Told what kept a session from being stored (the client gets 503, 409 or 500), and what a handler threw where the
   * adapter answers it. Default: `console.error`.
   */
  onError?(error: unknown, request: Request): void
}

/** A session system at its place in front of an application. */
export interface Mount<Request> {
  /** Whether a request gets its session here: `when` agrees, and no other mount of this system has taken it on. */
  takes(request: Request, carrier: object): boolean
  /** Tells the application of a fault. */
  report(error: unknown, request: Request): void
}

/** Mounts a session system. `carrier`, by which a request is known again, is the same object in every framework below. */
export function mount<Data extends object, Flash extends object, Request>(
  { adapter }: Sessions<Data, Flash>,
  { when, onError = logFault }: MountOptions<Request>,
): Mount<Request> {
  return {
    takes: (request, carrier) => when?.(request) !== false && adapter.claim(carrier),
    report: (error, request) => onError(error, request),
  }
}
