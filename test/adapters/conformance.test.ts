import express from 'express'
import express4 from 'express4'
import { describe, it } from 'vitest'
import { expressSession } from '../../src/adapters/express.ts'
import { nodeSession } from '../../src/adapters/node.ts'
import { webSession } from '../../src/adapters/web.ts'
import type { Sessions } from '../../src/contract/sessions.ts'
import {
  type AdapterAnswer,
  type AdapterHandler,
  adapterCases,
  type StartAdapter,
} from '../../src/testing/adapter-suite.ts'
import { serveFetch } from '../fixtures/fetch-server.ts'
import { serveHttp } from '../fixtures/servers.ts'

type NodeRequest = AsyncIterable<Uint8Array> & { method?: string | undefined; url?: string | undefined }
interface NodeResponse {
  statusCode: number
  appendHeader(name: string, value: string): unknown
  end(body?: string): unknown
}

const quiet = { onError: () => undefined }

const listener: StartAdapter = (sessions, handle) =>
  serveHttp(nodeSession(sessions, (req, res) => serve(sessions, handle, req, res), quiet))

const middleware: StartAdapter = (sessions, handle) => {
  const session = nodeSession(sessions, quiet)
  return serveHttp((req, res) => {
    const fail = (error: unknown): void => {
      res.statusCode = (error as { status?: number }).status ?? 500
      res.end()
    }
    session(req, res, (error) => {
      if (error !== undefined) fail(error)
      else serve(sessions, handle, req, res).catch(fail)
    })
  })
}

const web: StartAdapter = (sessions, handle) =>
  serveFetch(
    webSession(
      sessions,
      async (request) => {
        const { method, url } = request
        const body = await request.text()
        const answer = await handle(sessions.of(request), { method, path: new URL(url).pathname, body })
        const { status, headers = [] } = answer
        return new Response(answer.body ?? null, { status, headers: headers.map(([name, value]) => [name, value]) })
      },
      quiet,
    ),
  )

const express5: StartAdapter = (sessions, handle) => {
  const app = express()
  app.set('env', 'test')
  app.use(expressSession(sessions, quiet))
  app.use((req, res) => serve(sessions, handle, req, res))
  return serveHttp(app)
}

const expressWith4: StartAdapter = (sessions, handle) => {
  const app = express4()
  app.set('env', 'test')
  app.use(expressSession(sessions, quiet))
  app.use((req, res, next) => {
    serve(sessions, handle, req, res).catch(next)
  })
  return serveHttp(app)
}

describe.each(
  Object.entries({
    'node:http listener': listener,
    'node:http middleware': middleware,
    fetch: web,
    'express 5': express5,
    'express 4': expressWith4,
  }),
)('%s', (_, start) => {
  for (const { title, run } of adapterCases(start)) it(title, run)
})

async function serve(sessions: Sessions, handle: AdapterHandler, req: NodeRequest, res: NodeResponse): Promise<void> {
  const { method = 'GET', url = '/' } = req
  const chunks: Uint8Array[] = []
  for await (const chunk of req) chunks.push(chunk)
  const body = Buffer.concat(chunks).toString()
  send(res, await handle(sessions.of(req), { method, path: url.split('?')[0] ?? '/', body }))
}

function send(res: NodeResponse, { status, headers = [], body }: AdapterAnswer): void {
  res.statusCode = status
  for (const [name, value] of headers) res.appendHeader(name, value)
  res.end(body)
}
