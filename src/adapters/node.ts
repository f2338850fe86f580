import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AnyData, Session } from '../contract/session.ts'
import type { Sessions } from '../contract/sessions.ts'
import type { MountOptions } from './_mount.ts'
import { type NodeRequest, nodeExchange } from './_node/exchange.ts'
import { answerFailure } from './_node/failure.ts'
import { mountNode, nodeMiddleware, type OpenRequest } from './_node/mount.ts'
import type { NodeResponse } from './_node/response.ts'

export type { NodeRequest, NodeResponse }

/** What `when` and `onError` are given is the request of Node. */
export type NodeSessionOptions<Request extends NodeRequest = IncomingMessage> = MountOptions<Request>

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
  return typeof first === 'function' ? listener(sessions, first, second) : nodeMiddleware(sessions, first)
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

function listener<Data extends object, Flash extends object>(
  sessions: Sessions<Data, Flash>,
  handler: NodeHandler<NodeRequest, NodeResponse>,
  options: NodeSessionOptions<NodeRequest>,
): NodeListener<NodeRequest, NodeResponse> {
  const mounted = mountNode(sessions, options)
  return async (request, response) => {
    let open: OpenRequest<Data, Flash> | null = null
    try {
      const opening = mounted.open(request, request, response)
      if (opening === null) {
        await handler(request, response)
        return
      }
      open = await opening
      await sessions.adapter.run(open.session, () => handler(request, response))
    } catch (error) {
      const report = (fault: unknown): void => mounted.report(fault, request)
      report(error)
      if (open === null) answerFailure(response, error, report)
      else open.fail(error)
    }
  }
}
