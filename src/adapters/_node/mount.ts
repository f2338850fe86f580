import type { ResponseFacts } from '../../contract/adapter.ts'
import type { Session } from '../../contract/session.ts'
import type { Sessions } from '../../contract/sessions.ts'
import { type Mount, type MountOptions, mount } from '../_mount.ts'
import { type NodeRequest, nodeExchange } from './exchange.ts'
import { answerFailure } from './failure.ts'
import { type Commit, holdResponse } from './held-response.ts'
import type { NodeResponse } from './response.ts'

/** A session system in front of an application that is served by `node:http` or `node:http2`. */
export interface NodeMount<Data extends object, Flash extends object, Request extends object> {
  /**
   * Opens the session of a request and holds its response back until the session is stored. Null if the request gets no
   * session here; a rejection is for the framework to answer. `request` is what the framework hands to handlers, often
   * that of Node itself.
   */
  open(request: Request, incoming: NodeRequest, response: NodeResponse): Promise<OpenRequest<Data, Flash>> | null
  /** Tells the application of a fault. */
  report(error: unknown, request: Request): void
}

/** A request whose session is open and whose response waits for the commit. */
export interface OpenRequest<Data extends object, Flash extends object> {
  readonly session: Session<Data, Flash>
  /** Answers with the status of what a handler threw, and commits as for that. */
  fail(error: unknown): void
}

/** Mounts a session system on Node: all that an adapter of a Node framework needs. */
export function mountNode<Data extends object, Flash extends object, Request extends object>(
  sessions: Sessions<Data, Flash>,
  options: MountOptions<Request>,
): NodeMount<Data, Flash, Request> {
  const mounted = mount(sessions, options)
  return {
    report: mounted.report,
    open(request, incoming, response) {
      try {
        if (!mounted.takes(request, incoming)) return null
      } catch (error) {
        return Promise.reject(error)
      }
      return openRequest(sessions, mounted, request, incoming, response)
    },
  }
}

/** `(request, response, next)` middleware, as `connect` introduced it. */
export function nodeMiddleware<Data extends object, Flash extends object, Request extends NodeRequest>(
  sessions: Sessions<Data, Flash>,
  options: MountOptions<Request>,
): (request: Request, response: NodeResponse, next: (error?: unknown) => void) => void {
  const mounted = mountNode(sessions, options)
  return (request, response, next) => {
    const opening = mounted.open(request, request, response)
    if (opening === null) return next()
    opening.then(({ session }) => sessions.adapter.run(session, () => next()), next)
  }
}

async function openRequest<Data extends object, Flash extends object, Request extends object>(
  sessions: Sessions<Data, Flash>,
  mounted: Mount<Request>,
  request: Request,
  incoming: NodeRequest,
  response: NodeResponse,
): Promise<OpenRequest<Data, Flash>> {
  const session = await sessions.open(nodeExchange(incoming, response))
  const open = new HeldRequest(sessions, session, response, (error) => mounted.report(error, request))
  holdResponse(response, open)
  sessions.adapter.attach(incoming, session)
  if ((request as object) !== incoming) sessions.adapter.attach(request, session)
  return open
}

class HeldRequest<Data extends object, Flash extends object> implements OpenRequest<Data, Flash>, Commit {
  readonly session: Session<Data, Flash>
  readonly report: (error: unknown) => void
  readonly #sessions: Sessions<Data, Flash>
  readonly #response: NodeResponse
  #thrown: ResponseFacts = {}

  constructor(
    sessions: Sessions<Data, Flash>,
    session: Session<Data, Flash>,
    response: NodeResponse,
    report: (error: unknown) => void,
  ) {
    this.session = session
    this.report = report
    this.#sessions = sessions
    this.#response = response
  }

  finish(status: number): unknown {
    return this.#sessions.adapter.finish(this.session, { ...this.#thrown, status })
  }

  isChanged(): boolean {
    return this.session.isChanged
  }

  fail(error: unknown): void {
    const response = this.#response
    this.#thrown = { error }
    const late = response.headersSent && !response.writableEnded
    answerFailure(response, error, this.report)
    // The response can not begin any more, so nothing else makes this commit.
    if (late) this.#sessions.commit(this.session, this.#thrown).catch(this.report)
  }
}
