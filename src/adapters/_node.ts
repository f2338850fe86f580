import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Exchange } from '../contract/exchange.ts'
import type { Session } from '../contract/session.ts'
import type { ResponseFacts, Sessions } from '../contract/sessions.ts'
import { holdResponse, type NodeResponse } from './_node-hold.ts'
import { becomeFailure, destroyResponse, type Patchable } from './_node-response.ts'

/** The request of `node:http`, or of the compatibility API of `node:http2`. */
export type NodeRequest = IncomingMessage | Http2ServerRequest

/** A request whose session is open and whose response waits for the commit. */
export interface NodeVisit<Data extends object, Flash extends object> {
  readonly session: Session<Data, Flash>
  /** Answers with the status of what a handler threw, and commits as for that. */
  fail(error: unknown): void
}

/** Opens the session of a request, and holds the response back until the session is stored. */
export async function visitNode<Data extends object, Flash extends object>(
  sessions: Sessions<Data, Flash>,
  request: NodeRequest,
  response: NodeResponse,
  report: (error: unknown) => void,
): Promise<NodeVisit<Data, Flash>> {
  const session = await sessions.open(nodeExchange(request, response))
  let facts: ResponseFacts = {}
  holdResponse(response, {
    finish: (status) => sessions.finish(session, { ...facts, status }),
    isChanged: () => session.isChanged,
    report,
  })
  sessions.attach(request, session)
  return {
    session,
    fail(error) {
      facts = { error }
      const late = response.headersSent && !response.writableEnded
      answerFailure(response, error)
      // The response can not begin any more, so nothing else makes this commit.
      if (late) sessions.commit(session, facts).catch(report)
    },
  }
}

/** Answers with the status of an error; a response that has begun is cut short. */
export function answerFailure(response: NodeResponse, error: unknown): void {
  if (response.writableEnded) return
  const res = response as unknown as Patchable
  if (response.headersSent) destroyResponse(res)
  else res.end(becomeFailure(res, error))
}

/** A Node request, and its response if it has one, as the engine sees them. */
export function nodeExchange(request: NodeRequest, response: NodeResponse | null): Exchange {
  // As they are now: while the response waits, its own refuse everybody.
  const native = response as NativeHeaders | null
  const getHeader = native?.getHeader
  const setHeader = native?.setHeader
  const current = (name: string): string[] => [getHeader?.call(response, name) ?? []].flat().map(String)
  return {
    secure: isSecure(request),
    get headersSent() {
      if (response === null) return true
      return Reflect.get(Object.getPrototypeOf(response) as object, 'headersSent', response) === true
    },
    header(name) {
      // Never `headersDistinct` (CVE-2026-21710), and never what other middleware has parsed.
      if (name.startsWith(':') || !Object.hasOwn(request.headers, name)) return null
      const value = request.headers[name]
      return typeof value === 'string' ? value : (value?.join(', ') ?? null)
    },
    // A router below a path shortens `url`.
    url: () => (request as { originalUrl?: string }).originalUrl ?? request.url ?? '/',
    responseHeader: (name) => current(name).join(', ') || null,
    setHeader: (name, value) => void setHeader?.call(response, name, value),
    append(name, value) {
      const present = current(name)
      setHeader?.call(response, name, present.length === 0 ? value : [...present, value])
    },
  }
}

interface NativeHeaders {
  getHeader(name: string): number | string | string[] | undefined
  setHeader(name: string, value: string | string[]): unknown
}

function isSecure(request: NodeRequest): boolean {
  // The socket of an HTTP/2 request is a stand-in that throws once its session is gone.
  if ('stream' in request) return request.stream.session?.encrypted === true
  return (request.socket as { encrypted?: boolean } | undefined)?.encrypted === true
}
