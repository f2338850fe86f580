import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Exchange } from '../../contract/exchange.ts'
import type { NodeResponse } from './response.ts'

/** The request of `node:http`, or of the compatibility API of `node:http2`. */
export type NodeRequest = IncomingMessage | Http2ServerRequest

/** A Node request, and its response if it has one, as the engine sees them. */
export function nodeExchange(request: NodeRequest, response: NodeResponse | null): Exchange {
  return new NodeExchange(request, response)
}

// A class, because an object literal with a getter of its own costs V8 a hidden class for each request, which also keeps
// the request alive until the next full collection.
class NodeExchange implements Exchange {
  readonly #request: NodeRequest
  readonly #response: NodeResponse | null
  // As they are now: while the response waits, its own refuse everybody.
  readonly #getHeader: NativeHeaders['getHeader'] | undefined
  readonly #setHeader: NativeHeaders['setHeader'] | undefined

  constructor(request: NodeRequest, response: NodeResponse | null) {
    this.#request = request
    this.#response = response
    const native = response as NativeHeaders | null
    this.#getHeader = native?.getHeader
    this.#setHeader = native?.setHeader
  }

  get method(): string {
    return this.#request.method ?? 'GET'
  }

  get secure(): boolean {
    return isSecure(this.#request)
  }

  get headersSent(): boolean {
    const response = this.#response
    if (response === null) return true
    return Reflect.get(Object.getPrototypeOf(response) as object, 'headersSent', response) === true
  }

  header(name: string): string | null {
    const { headers } = this.#request
    // Never `headersDistinct` (CVE-2026-21710), and never what other middleware has parsed.
    if (name.startsWith(':') || !Object.hasOwn(headers, name)) return null
    const value = headers[name]
    return typeof value === 'string' ? value : (value?.join(', ') ?? null)
  }

  url(): string {
    // A router below a path shortens `url`.
    return (this.#request as { originalUrl?: string }).originalUrl ?? this.#request.url ?? '/'
  }

  responseHeader(name: string): string | null {
    return this.#present(name).join(', ') || null
  }

  setHeader(name: string, value: string): void {
    this.#setHeader?.call(this.#response, name, value)
  }

  append(name: string, value: string): void {
    const present = this.#present(name)
    this.#setHeader?.call(this.#response, name, present.length === 0 ? value : [...present, value])
  }

  #present(name: string): string[] {
    const value = this.#getHeader?.call(this.#response, name)
    if (value === undefined) return []
    return Array.isArray(value) ? value.map(String) : [String(value)]
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
