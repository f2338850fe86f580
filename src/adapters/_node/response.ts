import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'

/** The response of `node:http`, or of the compatibility API of `node:http2`. */
export type NodeResponse = ServerResponse | Http2ServerResponse

/** The calls and facts of a response that are used, with the types that replacing them needs. */
export interface PatchableResponse {
  statusCode: number
  statusMessage?: string
  readonly headersSent: boolean
  readonly writableEnded: boolean
  readonly writableFinished?: boolean
  readonly writableHighWaterMark?: number
  /** The stream of an HTTP/2 response. */
  readonly stream?: { close?(code: number): void }
  writeHead(...args: unknown[]): unknown
  /** The deprecated second name of `writeHead`. */
  writeHeader?(...args: unknown[]): unknown
  write(...args: unknown[]): unknown
  end(...args: unknown[]): unknown
  flushHeaders(): unknown
  setHeader(name: string, value: unknown): unknown
  appendHeader(name: string, value: unknown): unknown
  hasHeader(name: string): boolean
  removeHeader(name: string): void
  getHeaderNames(): string[]
  emit(event: string): unknown
  once(event: string, listener: () => void): unknown
  destroy(): unknown
}

/** The same response, with the types that replacing its calls needs. */
export function patchable(response: NodeResponse): PatchableResponse {
  return response as unknown as PatchableResponse
}
