import type { Exchange } from '../contract/exchange.ts'
import type { Transport } from '../contract/transport.ts'
import { SessionError } from '../errors.ts'

/**
 * Several transports in order of preference: the candidates are those of the first one that has any.
 *
 * The answer goes the way the client came: through the first transport that can write and had a candidate in this
 * request, else through the first that can write. So a client that sent a header gets a header, one that sent a cookie
 * a cookie, and a new one the preferred of both. Nothing is remembered between the calls.
 *
 * Its name is that of the first, so tokens mean the same whichever way they travel.
 *
 * Throws `CONFIG_INVALID` at construction if there is no transport that can write.
 */
export function firstOf(...transports: Transport[]): Transport {
  if (transports.some((transport) => typeof transport?.read !== 'function')) {
    refuse('firstOf takes transports, like firstOf(cookieTransport(), headerTransport()).')
  }
  const writable = transports.filter((transport) => !transport.readOnly)
  const [first] = transports
  const [preferred] = writable
  if (first === undefined || preferred === undefined) {
    refuse('firstOf needs a transport that can answer with a token: add cookieTransport() or headerTransport().')
  }
  const answering = (exchange: Exchange): Transport =>
    writable.find((transport) => transport.read(exchange).length > 0) ?? preferred

  return {
    name: first.name,
    capacity: Math.min(...writable.map(({ capacity = 65_536 }) => capacity)),
    vary: combined(transports.map((transport) => transport.vary)),
    read(exchange) {
      for (const transport of transports) {
        const candidates = transport.read(exchange)
        if (candidates.length > 0) return candidates
      }
      return []
    },
    write: (exchange, token, facts) => answering(exchange).write(exchange, token, facts),
    clear: (exchange, facts) => answering(exchange).clear(exchange, facts),
  }
}

/** One list for `Vary`, each header once: a response depends on all of them, even on those that were absent. */
function combined(lists: ReadonlyArray<string | null>): string | null {
  const byLowerCase = new Map<string, string>()
  for (const name of lists.flatMap((list) => list?.split(/, */) ?? [])) {
    if (!byLowerCase.has(name.toLowerCase())) byLowerCase.set(name.toLowerCase(), name)
  }
  return byLowerCase.size > 0 ? [...byLowerCase.values()].join(', ') : null
}

function refuse(message: string): never {
  throw new SessionError('CONFIG_INVALID', message)
}
