import type { Exchange, FetchRequest } from '../../contract/exchange.ts'

/** A request without a response: what is put on the response is collected for the code that makes one. */
export interface RequestExchange extends Exchange {
  readonly collected: [string, string][]
}

export function requestExchange(request: FetchRequest): RequestExchange {
  const collected: [string, string][] = []
  return {
    collected,
    method: request.method,
    secure: request.url.startsWith('https:'),
    headersSent: false,
    header: (name) => request.headers.get(name),
    url: () => request.url,
    responseHeader: (name) => collected.find(([each]) => each === name)?.[1] ?? null,
    setHeader(name, value) {
      const present = collected.findIndex(([each]) => each === name)
      if (present >= 0) collected[present] = [name, value]
      else collected.push([name, value])
    },
    append: (name, value) => void collected.push([name, value]),
  }
}

/** Tells the three things a session can be opened from apart. */
export function isExchange(source: Exchange | FetchRequest): source is Exchange {
  return 'append' in source && 'header' in source
}
