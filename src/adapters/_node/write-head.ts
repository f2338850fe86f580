import type { PatchableResponse } from './response.ts'

type Headers = Record<string, unknown> | ReadonlyArray<unknown>

/** Puts what `writeHead` was given on the response: status and headers, as an object, a flat list or a list of pairs. */
export function applyHead(res: PatchableResponse, [status, second, third]: unknown[]): void {
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

/** The status that `writeHead` was given. Throws what Node throws for one that no response can have. */
export function statusOfHead([given]: unknown[]): number {
  const status = Number(given) | 0
  if (status >= 100 && status <= 999) return status
  throw Object.assign(new RangeError(`Invalid status code: ${given}`), { code: 'ERR_HTTP_INVALID_STATUS_CODE' })
}

function pairsOf(list: ReadonlyArray<unknown>): [string, unknown][] {
  if (list.length % 2 !== 0) {
    const message = 'The list of headers must have an even length: name, value, name, value'
    throw Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_VALUE' })
  }
  return Array.from({ length: list.length / 2 }, (_, pair) => [String(list[pair * 2]), list[pair * 2 + 1]])
}
