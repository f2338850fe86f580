/**
 * One HTTP request and the response to it, as an adapter shows them to the engine.
 *
 * Header names are lower-case. An adapter translates and decides nothing.
 */
export interface Exchange {
  /** The request's method, in upper case: `'GET'`, `'POST'`. */
  readonly method: string
  /** True when the connection itself is TLS. `X-Forwarded-Proto` is the engine's business (`trustProxy`). */
  readonly secure: boolean
  /** True once the response's header can no longer be changed. */
  readonly headersSent: boolean
  /** A request header as it was sent, several of one name joined as HTTP joins them; null if absent. */
  header(name: string): string | null
  /** The request target: a path with its query, or an absolute URL. */
  url(): string
  /** A response header as the application has set it so far; null if absent. */
  responseHeader(name: string): string | null
  /** Sets a response header, replacing one of the same name. */
  setHeader(name: string, value: string): void
  /** Adds a response header beside those of the same name. */
  append(name: string, value: string): void
}

/** The part of a Fetch `Request` that is read. */
export interface FetchRequest {
  readonly method: string
  readonly url: string
  readonly headers: { get(name: string): string | null }
}
