import type { ResponseFacts } from '../../contract/adapter.ts'
import type { Session } from '../../contract/session.ts'
import type { Sessions } from '../../contract/sessions.ts'
import { failureOf } from '../_failure.ts'
import type { FetchExchange } from './exchange.ts'

/**
 * Commits, and returns the response that the client gets: the handler's with the session's headers, or a failure.
 *
 * What was put on the exchange before the commit failed is on the failure as well, above all `Set-Cookie`: the session
 * may have moved to a new token with an earlier `save()`, and a client that does not get it has lost the session.
 */
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
    await sessions.adapter.finish(session, { ...facts, status: response.status })
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
