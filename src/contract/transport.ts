import type { Exchange } from './exchange.ts'

/** What a transport knows about the token that it writes. */
export interface TokenFacts {
  /** True for the first token of a new session, false for a new token of a session that lives on. */
  readonly created: boolean
  /** Epoch ms now, by the engine's clock. */
  readonly now: number
  /** Epoch ms at which the server ends the session unless it is used before. */
  readonly expiresAt: number
  /** Whether the exchange is TLS, `trustProxy` considered. */
  readonly secure: boolean
}

/** How the token travels between client and server. */
export interface Transport {
  /**
   * The name under which the token travels. It is hashed into the store's key: a token of one name is nothing under
   * another.
   */
  readonly name: string
  /** The request header that decides what a response contains (`Cookie`), for `Vary`; null if there is none. */
  readonly vary: string | null
  /** The longest token that it carries, in characters. Absent: any. */
  readonly capacity?: number
  /** True for a transport that cannot answer with a token; it is refused as the only one. */
  readonly readOnly?: boolean
  /** All candidates of the request in the order found, unchecked and possibly hostile. Never throws. */
  read(exchange: Exchange): string[]
  /** Puts the token on the response. */
  write(exchange: Exchange, token: string, facts: TokenFacts): void
  /** Tells the client to forget its token. */
  clear(exchange: Exchange, facts: Pick<TokenFacts, 'now' | 'secure'>): void
}
