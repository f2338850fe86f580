import type { Transport } from '../contract/transport.ts'
import { SessionError } from '../errors.ts'
import { httpToken, trimBlanks } from './cookie-syntax.ts'

export interface HeaderOptions {
  /** Case-insensitive. Default `x-session-token`. */
  readonly name?: string | undefined
  /** The word before the token, in any case: `Bearer`. Default: none; for `authorization` it is `Bearer`. */
  readonly scheme?: string | undefined
}

const visible = /^[\x21-\x7e]+$/

/** They have a meaning of their own in a request or a response, which a token in them would break. */
const taken: ReadonlySet<string> = new Set([
  'cookie',
  'set-cookie',
  'host',
  'location',
  'connection',
  'upgrade',
  'transfer-encoding',
  'content-length',
  'content-type',
])

/**
 * The token in a header, for clients without cookies: read from the request header, answered in the response header of
 * the same name, which is empty when the client has to forget its token.
 *
 * A header that was sent several times is one malformed candidate. A page of another origin can read the answer only if
 * the application names it in `Access-Control-Expose-Headers`.
 *
 * Throws `CONFIG_INVALID` at construction.
 */
export function headerTransport(options: HeaderOptions = {}): Transport {
  const { name: given = 'x-session-token', scheme: givenScheme, ...unknown } = options
  for (const key of Object.keys(unknown)) {
    refuse(`headerTransport has no option ${JSON.stringify(key)}. There are: name, scheme.`)
  }
  if (typeof given !== 'string' || !httpToken.test(given)) {
    refuse("headerTransport's name is a header name: letters, digits and !#$%&'*+-.^_`|~ only.")
  }
  const name = given.toLowerCase()
  if (taken.has(name)) {
    refuse(`headerTransport cannot use ${name}, which means something else. Choose another, like x-session-token.`)
  }
  const scheme = givenScheme ?? (name === 'authorization' ? 'Bearer' : undefined)
  if (scheme !== undefined && (typeof scheme !== 'string' || !httpToken.test(scheme))) {
    refuse("headerTransport's scheme is one word, like 'Bearer'.")
  }
  const lead = scheme === undefined ? '' : `${scheme} `
  const lowerLead = lead.toLowerCase()

  return {
    name,
    vary: name,
    read(exchange) {
      const value = exchange.header(name)
      // RFC 9110 section 11.1: the scheme is case-insensitive. Without it the header is not about sessions.
      if (value === null || value.slice(0, lead.length).toLowerCase() !== lowerLead) return []
      const candidate = trimBlanks(value, lead.length)
      return candidate === '' ? [] : [candidate]
    },
    write(exchange, value) {
      if (!visible.test(value)) {
        refuse('The token contains a character that headers cannot carry. Correct `id.prefix` or `id.generate`.')
      }
      exchange.setHeader(name, lead + value)
    },
    clear(exchange) {
      exchange.setHeader(name, '')
    },
  }
}

function refuse(message: string): never {
  throw new SessionError('CONFIG_INVALID', message)
}
