import type { Session } from './session.ts'

/** How a request ended, as far as the commit depends on it. */
export interface ResponseFacts {
  /** The response's status code. */
  readonly status?: number
  /**
   * What the handler threw. An error that asks for a 4xx answer counts as that answer, any other as a failure: by its
   * `status` from 400 to 599, else by its `statusCode`.
   */
  readonly error?: unknown
}

/** What a commit did. */
export type Outcome =
  /** Nothing was to do. */
  | 'nothing'
  /** The idle deadline was extended. */
  | 'touched'
  /** A first record was written. */
  | 'created'
  /** The record was replaced. */
  | 'saved'
  /** The session lives under a new token. */
  | 'moved'
  /** The session was ended. */
  | 'ended'
  /** Another request had ended or moved the session; the changes were dropped. */
  | 'gone'

export interface Committed {
  readonly outcome: Outcome
  /** Response headers to add, for a session opened without a response: `new Response(body, { headers })`. */
  readonly headers: ReadonlyArray<[string, string]>
  /** The token the client must carry from now on, when it changed. Secret. */
  readonly token: string | null
}

/**
 * What an adapter needs of a session system beside `open`: `sessions.adapter`. Applications have no use for it.
 *
 * For each request, in this order: `claim`, `sessions.open(exchange)`, `attach`, `run` the handler, and `finish` before
 * the first byte of the response. Whatever of these fails, the client gets the error's status and never a response that
 * looks like a success, and nothing that the application calls on its response throws.
 */
export interface AdapterSeam<Data extends object, Flash extends object> {
  /** Takes a request on; false if an adapter of this system has taken it on before (mounted twice). */
  claim(request: object): boolean
  /** Makes `of(carrier)` return this session: once for each object that a handler may hold. */
  attach(carrier: object, session: Session<Data, Flash>): void
  /** Runs `work` so that `current()` returns this session in it and in all that it awaits. */
  run<Result>(session: Session<Data, Flash>, work: () => Result): Result
  /**
   * As `sessions.commit`, but without a promise when there is nothing to store. It may throw and it may reject.
   *
   * What it has put on the exchange by then stays on the answer that tells of the failure, `Set-Cookie` above all: an
   * earlier `save()` may have moved the session to a token of which the client must learn.
   */
  finish(session: Session<Data, Flash>, response?: ResponseFacts): Committed | Promise<Committed>
}
