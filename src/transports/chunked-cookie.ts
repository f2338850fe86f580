import type { Exchange } from '../contract/exchange.ts'
import type { Transport } from '../contract/transport.ts'
import { SessionError } from '../errors.ts'
import { cookieTransport } from './cookie.ts'
import type { CookieLimits, CookieOptions } from './cookie-options.ts'
import { cookieValues, maxPairBytes } from './cookie-syntax.ts'

export interface ChunkedCookieOptions extends CookieOptions {
  /**
   * The most cookies that one token takes, 2 or 3; default 3. All of them travel with every request, in one header:
   * Node refuses a request whose headers exceed 16 KiB, nginx by default one with a line above 8 KiB.
   */
  readonly chunks?: 2 | 3
}

/** Room for the suffix of a name and for the number of chunks. */
const overhead = 4
const mostOfOne = 4
const mostCandidates = 8

/**
 * As `cookieTransport`, for tokens that one cookie cannot hold: a sealed session above some 3,900 characters.
 *
 * The first cookie has the transport's name and, when there are more, begins with their number; the others are named
 * `<name>.1` and `<name>.2`. Those that a shorter token leaves over are removed. A mixture of two tokens opens nothing.
 *
 * Throws `CONFIG_INVALID` at construction; `write` throws `COOKIE_TOO_LARGE` for a token that needs more chunks.
 */
export function chunkedCookie(options: ChunkedCookieOptions = {}, limits: CookieLimits = {}): Transport {
  const { chunks = 3, ...cookie } = options
  if (chunks !== 2 && chunks !== 3) {
    throw new SessionError('CONFIG_INVALID', 'chunkedCookie: chunks is 2 or 3. For one cookie use cookieTransport.')
  }
  const first = cookieTransport(cookie, limits)
  const { name } = first
  const others = ['.1', '.2']
    .slice(0, chunks - 1)
    .map((suffix) => cookieTransport({ ...cookie, name: name + suffix }, limits))
  const all = [first, ...others]
  const room = maxPairBytes - name.length - overhead

  return {
    name,
    vary: 'Cookie',
    capacity: chunks * room,
    read(exchange) {
      const header = exchange.header('cookie')
      return first.read(exchange).flatMap((value, at) => {
        const [, count, begin] = /^([23])\.(.*)$/.exec(value) ?? []
        if (count === undefined || begin === undefined) return value
        // Another path or a parent domain may have set one of them alone: which belong together, their seal tells.
        let joined = [begin]
        for (const other of others.slice(0, Number(count) - 1)) {
          const values = cookieValues(header, other.name, mostOfOne)
          if (values.length === 0) return [begin]
          const inPlace = values.splice(at, 1)
          joined = joined
            .flatMap((left) => [...inPlace, ...values].map((right) => left + right))
            .slice(0, mostCandidates)
        }
        return joined
      })
    },
    write(exchange, token, facts) {
      const parts = token.match(new RegExp(`.{1,${room}}`, 'g')) ?? [token]
      // Left as it is, the first cookie's transport says that it is too large.
      if (parts.length > chunks) return first.write(exchange, token, facts)
      all.forEach((transport, at) => {
        const part = parts[at]
        const prefix = at === 0 && parts.length > 1 ? `${parts.length}.` : ''
        if (part !== undefined) transport.write(exchange, prefix + part, facts)
        else if (isPresent(exchange, transport)) transport.clear(exchange, facts)
      })
    },
    clear(exchange, facts) {
      first.clear(exchange, facts)
      for (const other of others) if (isPresent(exchange, other)) other.clear(exchange, facts)
    },
  }
}

function isPresent(exchange: Exchange, { name }: Transport): boolean {
  return cookieValues(exchange.header('cookie'), name, 1).length > 0
}
