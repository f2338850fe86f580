import type { Transport } from '../contract/transport.ts'
import { SessionError } from '../errors.ts'

export interface QueryOptions {
  /** The query parameter. Default `sid`. */
  readonly name?: string | undefined
  /**
   * Has to be true, as a signature under what it says: URLs are kept in access logs, browser histories and proxies, and
   * sent to other sites as `Referer` (OWASP ASVS 5.0, 14.2.1). Anybody who finds one is signed in.
   */
  readonly tokenLeaksIntoLogsAndReferrers: true
}

/** More than any honest request has; the engine tries far fewer. */
const maxCandidates = 64

/**
 * The token in the query of the URL, read only: for links that have to work where neither a cookie nor a header can be
 * sent. Prefer both of these.
 *
 * It answers nothing, so use it in `firstOf` beside a transport that can. Malformed percent-escapes make a malformed
 * candidate, never an error.
 *
 * Throws `CONFIG_INVALID` at construction without `tokenLeaksIntoLogsAndReferrers: true`.
 */
export function queryTransport(options: QueryOptions): Transport {
  const { name = 'sid', tokenLeaksIntoLogsAndReferrers: accepted, ...unknown } = options ?? {}
  for (const key of Object.keys(unknown)) {
    refuse(`queryTransport has no option ${JSON.stringify(key)}. There are: name, tokenLeaksIntoLogsAndReferrers.`)
  }
  if (accepted !== true) {
    refuse(
      'A token in the URL leaks into access logs, browser histories and the Referer sent to other sites. Use ' +
        'cookieTransport or headerTransport; if it has to be, say so with tokenLeaksIntoLogsAndReferrers: true.',
    )
  }
  if (typeof name !== 'string' || !/^[\w.~-]+$/.test(name)) {
    refuse("queryTransport's name consists of letters, digits and - . _ ~.")
  }

  return {
    name,
    vary: null,
    readOnly: true,
    read(exchange) {
      const url = exchange.url()
      const question = url.indexOf('?')
      if (question === -1) return []
      const fragment = url.indexOf('#')
      // Empty when the question mark belongs to the fragment.
      const query = url.slice(question + 1, fragment === -1 ? undefined : fragment)
      return new URLSearchParams(query).getAll(name).slice(0, maxCandidates)
    },
    // A response cannot change the URL that the client has.
    write: nothing,
    clear: nothing,
  }
}

function nothing(): void {
  // By design: see above.
}

function refuse(message: string): never {
  throw new SessionError('CONFIG_INVALID', message)
}
