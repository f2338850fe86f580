import { failureOf } from '../_failure.ts'

type Headers = Record<string, unknown> | ReadonlyArray<unknown>

/** The calls and facts of a response that are used, with the types that wrapping them needs. */
export interface Patchable {
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

/** A response that looks begun, as it would be without the wait. */
export interface Seal {
  /** Looks ended as well. */
  end(): void
  /** Asks the writer to pause. */
  needDrain(): void
  /** Looks as it is again. */
  lift(): void
}

/** Puts what `writeHead` was given on the response: status and headers, as an object, a flat list or a list of pairs. */
export function applyHead(res: Patchable, [status, second, third]: unknown[]): void {
  const headers = (third ?? (typeof second === 'string' ? undefined : second)) as Headers | null | undefined
  if (Array.isArray(headers)) {
    const pairs = Array.isArray(headers[0]) ? (headers as [string, unknown][]) : pairsOf(headers)
    for (const [name] of pairs) if (name && res.hasHeader(name)) res.removeHeader(name)
    for (const [name, value] of pairs) if (name) res.appendHeader(name, value)
  } else if (headers) {
    for (const [name, value] of Object.entries(headers)) if (name) res.setHeader(name, value)
  }
  res.statusCode = Number(status) | 0
}

/**
 * Makes a response look begun.
 *
 * With plain properties, removed in the reverse order, so that V8 finds the same hidden classes in every response: an
 * accessor of its own for each, or a property removed from the middle, made a request three times as expensive.
 */
export function seal(response: Patchable): Seal {
  const res = response as unknown as Record<string, unknown>
  // Wrappers of `write` and `end` call `_implicitHeader` when they find no header yet; it is on its way.
  const names = '_implicitHeader' in res ? [...shadowed, '_implicitHeader'] : shadowed
  const before = names.map((name) => Object.getOwnPropertyDescriptor(res, name))
  for (const name of names) shadow(res, name, shadows[name])
  return {
    end() {
      shadow(res, 'writableEnded', true)
      shadow(res, 'finished', true)
      shadow(res, 'writableNeedDrain', false)
    },
    needDrain: () => shadow(res, 'writableNeedDrain', true),
    lift() {
      for (let index = names.length - 1; index >= 0; index--) {
        const descriptor = before[index]
        const name = names[index] ?? ''
        if (descriptor === undefined) Reflect.deleteProperty(res, name)
        else Object.defineProperty(res, name, descriptor)
      }
    },
  }
}

const shadows: Readonly<Record<string, unknown>> = {
  headersSent: true,
  writableEnded: false,
  finished: false,
  writableNeedDrain: false,
  setHeader: () => refuse('set'),
  appendHeader: () => refuse('append'),
  removeHeader: () => refuse('remove'),
  _implicitHeader: () => undefined,
}

const shadowed = Object.keys(shadows).filter((name) => name !== '_implicitHeader')

/** Assigning would call the setter of the prototype, where there is one. */
function shadow(res: object, name: string, value: unknown): void {
  Object.defineProperty(res, name, { value, writable: true, enumerable: false, configurable: true })
}

/** What Node throws for a header that comes too late. */
export function headersSent(action: string): Error {
  const error = new Error(`Cannot ${action} headers after they are sent to the client`)
  return Object.assign(error, { code: 'ERR_HTTP_HEADERS_SENT' })
}

function refuse(action: string): never {
  throw headersSent(action)
}

/** Makes a response tell of a failure, instead of what the application had prepared; answers the text to end it with. */
export function becomeFailure(res: Patchable, error: unknown): string {
  const { status, text } = failureOf(error)
  for (const name of res.getHeaderNames()) if (ofContent.test(name)) res.removeHeader(name)
  if (Object.hasOwn(res, 'statusMessage')) delete res.statusMessage
  res.statusCode = status
  res.setHeader('content-type', 'text/plain; charset=utf-8')
  res.setHeader('content-length', text.length)
  res.setHeader('cache-control', 'no-store')
  return text
}

/** Cuts a response short, so that the client can tell. */
export function destroyResponse(res: Patchable): void {
  // An HTTP/2 stream that is only destroyed looks complete.
  if (res.stream?.close === undefined) res.destroy()
  else res.stream.close(internalError)
}

/** NGHTTP2_INTERNAL_ERROR */
const internalError = 2

const ofContent =
  /^(content-(?!security-policy).*|etag|last-modified|cache-control|expires|location|transfer-encoding|trailer|accept-ranges)$/i

function pairsOf(list: ReadonlyArray<unknown>): [string, unknown][] {
  if (list.length % 2 !== 0) {
    const message = 'The list of headers must have an even length: name, value, name, value'
    throw Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_VALUE' })
  }
  return Array.from({ length: list.length / 2 }, (_, pair) => [String(list[pair * 2]), list[pair * 2 + 1]])
}
