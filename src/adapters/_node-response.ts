import { failureOf } from './_failure.ts'

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

/** How a response that waits looks from outside. */
export interface Appearance {
  headersSent(): boolean
  writableEnded(): boolean
  writableNeedDrain(): boolean
  refuse(action: string): never
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

/** Makes a response look begun, until the answer is called. */
export function seal(
  res: Patchable,
  { headersSent, writableEnded, writableNeedDrain, refuse }: Appearance,
): () => void {
  const shadows: PropertyDescriptorMap = {
    headersSent: { get: headersSent },
    writableEnded: { get: writableEnded },
    finished: { get: writableEnded },
    writableNeedDrain: { get: writableNeedDrain },
    setHeader: { value: () => refuse('set') },
    appendHeader: { value: () => refuse('append') },
    removeHeader: { value: () => refuse('remove') },
  }
  // Wrappers of `write` and `end` call it when they find no header yet; it is on its way.
  if ('_implicitHeader' in res) shadows['_implicitHeader'] = { value: () => undefined }
  const before = Object.keys(shadows).map((name) => [name, Object.getOwnPropertyDescriptor(res, name)] as const)
  for (const shadow of Object.values(shadows)) shadow.configurable = true
  Object.defineProperties(res, shadows)
  return () => {
    for (const [name, descriptor] of before) {
      if (descriptor === undefined) Reflect.deleteProperty(res, name)
      else Object.defineProperty(res, name, descriptor)
    }
  }
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
