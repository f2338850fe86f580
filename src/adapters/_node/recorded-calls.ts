import { isUint8Array } from 'node:util/types'

/** The calls that begin, continue or end a response. */
export type ResponseMethod = 'writeHead' | 'write' | 'end' | 'flushHeaders'

interface Call {
  readonly method: ResponseMethod
  readonly args: unknown[]
}

/** What a response was asked to do while it was held back, in order. */
export class RecordedCalls {
  readonly #calls: Call[] = []
  readonly #highWaterMark: number
  #bytes = 0
  #ended = false

  constructor(highWaterMark = 16_384) {
    this.#highWaterMark = highWaterMark
  }

  /** The response was asked to end: nothing can follow. */
  get ended(): boolean {
    return this.#ended
  }

  /** Whether the writer is to pause, as Node has it for a response that waits for its socket: the buffer is full. */
  get full(): boolean {
    return this.#bytes >= this.#highWaterMark
  }

  add(method: ResponseMethod, args: unknown[]): void {
    this.#calls.push({ method, args })
    if (method === 'end') this.#ended = true
    if (method === 'write') this.#bytes += sizeOf(args)
  }

  /** Makes the calls; false if the response asked to pause. */
  replay(make: (method: ResponseMethod, args: unknown[]) => unknown): boolean {
    let flowing = true
    for (const { method, args } of this.#calls) if (make(method, args) === false) flowing = false
    return flowing
  }

  /** Tells every callback that the calls were made in vain. */
  fail(error: unknown): void {
    for (const { args } of this.#calls) tell(callbackOf(args), error)
  }
}

/** Calls a callback that `write` or `end` was given, as late as Node does. */
export function tell(callback: unknown, error?: unknown): void {
  if (typeof callback === 'function') process.nextTick(callback as (error: unknown) => void, error)
}

export function callbackOf(args: unknown[]): unknown {
  return args.find((arg) => typeof arg === 'function')
}

/** Node would throw this too, but only when the call is made: by then no caller is left to catch it. */
export function checkChunk(chunk: unknown): void {
  if (typeof chunk === 'string' || isUint8Array(chunk)) return
  const error = new TypeError('The chunk must be a string, a Buffer or a Uint8Array')
  throw Object.assign(error, { code: 'ERR_INVALID_ARG_TYPE' })
}

function sizeOf([chunk, encoding]: unknown[]): number {
  if (typeof chunk !== 'string') return (chunk as Uint8Array).byteLength
  return Buffer.byteLength(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
}
