import express from 'express'
import { expressSession } from '../../src/adapters/express.ts'
import type { Session, Sessions } from '../../src/index.ts'
import { type Answer, type Running, serveHttp } from '../adapters/apps/servers.ts'

/** What each path does; what it returns is answered as JSON, unless it has answered itself. */
export type Routes<Data extends object, Flash extends object> = Record<
  string,
  (session: Session<Data, Flash>, req: express.Request, res: express.Response) => unknown
>

/** What came back, its JSON read. */
export interface Reply extends Answer {
  readonly value: unknown
}

/** A running application. */
export interface Site extends Running {
  visitor(): Visitor
}

/** A browser as far as cookies go: it keeps what it is sent and sends what it has. */
export interface Visitor {
  /** What the `Cookie` header is made of; a test may look into it and change it. */
  readonly jar: Map<string, string>
  /** Requests a path with the cookies of this moment. */
  get(path: string, headers?: Record<string, string>): Promise<Reply>
}

/** Serves an Express application with sessions and these routes. */
export async function siteOf<Data extends object, Flash extends object>(
  sessions: Sessions<Data, Flash>,
  routes: Routes<Data, Flash>,
): Promise<Site> {
  const app = express()
  app.use(expressSession(sessions, { onError: () => undefined }))
  for (const [path, work] of Object.entries(routes)) {
    app.get(path, async (req, res) => {
      const value = await work(sessions.of(req), req, res)
      if (!res.writableEnded && !res.headersSent && !req.destroyed) res.json(value ?? null)
    })
  }
  const server = await serveHttp(app)
  return { ...server, visitor: () => visitorOf(server) }
}

/** A visitor of any server. */
export function visitorOf(server: Pick<Running, 'request'>): Visitor {
  const jar = new Map<string, string>()
  return {
    jar,
    async get(path, headers = {}) {
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
      const answer = await server.request(path, { headers: { ...(cookie && { cookie }), ...headers } })
      for (const line of answer.cookies) keep(jar, line)
      const isJson = answer.headers['content-type']?.startsWith('application/json') === true
      return { ...answer, value: isJson ? JSON.parse(answer.body) : answer.body }
    },
  }
}

/** The parts of a `Set-Cookie` header: the pair, then each attribute as it was written. */
export function partsOf(line: string): { name: string; value: string; attributes: string[] } {
  const [pair = '', ...attributes] = line.split('; ')
  const equals = pair.indexOf('=')
  return { name: pair.slice(0, equals), value: pair.slice(equals + 1), attributes }
}

function keep(jar: Map<string, string>, line: string): void {
  const { name, value, attributes } = partsOf(line)
  if (attributes.includes('Max-Age=0')) jar.delete(name)
  else jar.set(name, value)
}
