import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AnyData, Session } from '../contract/session.ts'
import type { Sessions } from '../contract/sessions.ts'
import { reportFault } from './_failure.ts'
import type { NodeResponse } from './_node/hold.ts'
import { answerFailure, type NodeRequest, nodeExchange, visitNode } from './_node/visit.ts'

export type { NodeRequest, NodeResponse }

export interface NodeSessionOptions<Request extends NodeRequest = IncomingMessage> {
  /** Whether a request has a session; without one `sessions.of(request)` throws `NO_SESSION`. Default: every request. */
  when?(request: Request): boolean
  /** Told what a handler threw and what kept a session from being stored. Default: `console.error`. */
  onError?(error: unknown, request: Request): void
}

/** A request handler. What it throws, or rejects with, becomes the response. */
export type NodeHandler<Request, Response> = (request: Request, response: Response) => unknown

/** What `createServer` takes. */
export type NodeListener<Request, Response> = (request: Request, response: Response) => void

/** Middleware as `connect` introduced it. */
export type NodeMiddleware = (request: NodeRequest, response: NodeResponse, next: (error?: unknown) => void) => void

/**
 * Sessions for `node:http` and `node:http2`.
 *
 * With a handler it makes a listener for `createServer`; what the handler throws is answered with the error's `status`
 * (500 without one). Without a handler it makes `(request, response, next)` middleware. The response begins when the
 * store has acknowledged the session; if it does not, the client gets 503, 409 or 500.
 */
export function nodeSession<
  Data extends object = AnyData,
  Flash extends object = AnyData,
  Request extends NodeRequest = IncomingMessage,
  Response extends NodeResponse = ServerResponse,
>(
  sessions: Sessions<Data, Flash>,
  handler: NodeHandler<Request, Response>,
  options?: NodeSessionOptions<Request>,
): NodeListener<Request, Response>
export function nodeSession<Data extends object = AnyData, Flash extends object = AnyData>(
  sessions: Sessions<Data, Flash>,
  options?: NodeSessionOptions<NodeRequest>,
): NodeMiddleware
export function nodeSession<Data extends object, Flash extends object>(
  sessions: Sessions<Data, Flash>,
  first: NodeHandler<NodeRequest, NodeResponse> | NodeSessionOptions<NodeRequest> = {},
  second: NodeSessionOptions<NodeRequest> = {},
): NodeListener<NodeRequest, NodeResponse> | NodeMiddleware {
  return typeof first === 'function' ? listener(sessions, first, second) : middleware(sessions, first)
}

/**
 * Opens the session of an upgrade request (`server.on('upgrade')`), which has no response.
 *
 * Changes of a stored session are stored by `save()`; what needs a cookie throws `HEADERS_SENT`. Throws `STORE_FAILED`
 * or `STORE_TIMEOUT`.
 */
export async function openUpgrade<Data extends object, Flash extends object>(
  sessions: Sessions<Data, Flash>,
  request: IncomingMessage,
): Promise<Session<Data, Flash>> {
  const session = await sessions.open(nodeExchange(request, null))
  sessions.adapter.attach(request, session)
  return session
}

function middleware<Data extends object, Flash extends object>(
  sessions: Sessions<Data, Flash>,
  { when, onError = reportFault }: NodeSessionOptions<NodeRequest>,
): NodeMiddleware {
  return (request, response, next) => {
    if (when?.(request) === false || !sessions.adapter.claim(request)) return next()
    visitNode(sessions, request, response, (error) => onError(error, request)).then(
      ({ session }) => sessions.adapter.run(session, () => next()),
      next,
    )
  }
}

function listener<Data extends object, Flash extends object>(
  sessions: Sessions<Data, Flash>,
  handler: NodeHandler<NodeRequest, NodeResponse>,
  { when, onError = reportFault }: NodeSessionOptions<NodeRequest>,
): NodeListener<NodeRequest, NodeResponse> {
  return (request, response) => {
    const report = (error: unknown): void => onError(error, request)
    const serve = async (): Promise<void> => {
      if (when?.(request) === false || !sessions.adapter.claim(request)) {
        await handler(request, response)
        return
      }
      const { session, fail } = await visitNode(sessions, request, response, report)
      try {
        await sessions.adapter.run(session, () => handler(request, response))
      } catch (error) {
        report(error)
        fail(error)
      }
    }
    serve().catch((error: unknown) => {
      report(error)
      answerFailure(response, error)
    })
  }
}
