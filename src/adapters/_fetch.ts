import type { Exchange } from '../contract/exchange.ts'
import type { Session } from '../contract/session.ts'
import type { ResponseFacts, Sessions } from '../contract/sessions.ts'
import { failureOf } from './_failure.ts'

/** The exchange of a Fetch request, whose response does not exist until the handler has returned it. */
export interface FetchExchange extends Exchange {
  /** Goes on with the handler's response, on which everything set so far is set again. */
  bind(response: Response): void
  /** The response with all headers. No header can be set after that. */
  release(): Response
}

type Change = (headers: Headers) => void

/** A Fetch request as the engine sees it. */
export function fetchExchange(request: Request): FetchExchange {
  let bound = new Response()
  let headers = bound.headers
  let released = false
  const changes: Change[] = []
  const make = (change: Change): void => {
    headers = changeable(bound, headers)
    change(headers)
  }
  const record = (change: Change): void => {
    changes.push(change)
    make(change)
  }
  return {
    secure: request.url.startsWith('https:'),
    get headersSent() {
      return released
    },
    header: (name) => request.headers.get(name),
    url: () => request.url,
    responseHeader: (name) => headers.get(name),
    setHeader: (name, value) => record((target) => target.set(name, value)),
    append: (name, value) => record((target) => target.append(name, value)),
    bind(response) {
      bound = response
      headers = response.headers
      changes.forEach(make)
    },
    release() {
      released = true
      if (headers === bound.headers) return bound
      const { status, statusText, body } = bound
      return new Response(body, { status, statusText, headers })
    },
  }
}

/** Commits, and answers the response that the client gets: the handler's with the session's headers, or a failure. */
export async function commitFetch<Data extends object, Flash extends object>(
  sessions: Sessions<Data, Flash>,
  session: Session<Data, Flash>,
  exchange: FetchExchange,
  response: Response,
  report: (error: unknown) => void,
  facts: ResponseFacts = {},
): Promise<Response> {
  // A connection that is handed over (101) or was never made (`Response.error()`) has no header to wait for.
  if (response.status < 200) return response
  exchange.bind(response)
  try {
    await sessions.finish(session, { ...facts, status: response.status })
    return exchange.release()
  } catch (error) {
    report(error)
    response.body?.cancel().catch(report)
    exchange.bind(failureResponse(error))
    return exchange.release()
  }
}

/** A plain-text response with the status of an error. */
export function failureResponse(error: unknown): Response {
  const { status, text } = failureOf(error)
  return new Response(text, {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
  })
}

/** The headers to write to: never those of a response that the application could hand out to somebody else. */
function changeable(response: Response, headers: Headers): Headers {
  // A body can be read only once, so a response that has one belongs to this request. One without may be a constant.
  if (headers !== response.headers || (response.body !== null && isMutable(headers))) return headers
  return new Headers(headers)
}

/** The headers of `fetch()` and of `Response.redirect()` are immutable. */
function isMutable(headers: Headers): boolean {
  try {
    headers.delete('x-coatcheck-probe')
    return true
  } catch {
    return false
  }
}
