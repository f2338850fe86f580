// The calls that are made of packages without types of their own.
declare module 'autocannon' {
  interface Client {
    setHeaders(headers: Record<string, string>): void
  }
  interface Options {
    url: string
    connections: number
    amount: number
    sampleInt: number
    setupClient?(client: Client): void
  }
  export default function autocannon(options: Options): Promise<{ '2xx': number; non2xx: number; errors: number }>
}

declare module 'express-session' {
  import type { RequestHandler } from 'express'
  export default function session(options: {
    secret: string
    resave: boolean
    saveUninitialized: boolean
    store?: unknown
  }): RequestHandler
}

declare module 'cookie-session' {
  import type { RequestHandler } from 'express'
  export default function cookieSession(options: { keys: string[] }): RequestHandler
}

declare module 'connect-pg-simple' {
  import type { Pool } from 'pg'
  export default function connectPgSimple(
    session: unknown,
  ): new (options: {
    pool: Pool
    createTableIfMissing: boolean
  }) => unknown
}
