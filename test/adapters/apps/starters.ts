import express from 'express'
import express4 from 'express4'
import { expressSession } from '../../../src/adapters/express.ts'
import { nodeSession } from '../../../src/adapters/node.ts'
import { webSession } from '../../../src/adapters/web.ts'
import type { Sessions } from '../../../src/contract/sessions.ts'
import type { AdapterAnswer, AdapterHandler, StartAdapter } from '../../../src/testing/adapter-suite.ts'
import { serveFetch } from './fetch-server.ts'
import { serveHttp } from './servers.ts'

/** The callbacks of an application, as far as they are the same in every framework. */
export interface MountedWith {
  when?(request: { readonly url?: string | undefined }): boolean
  onError?(error: unknown): void
}

const quiet: MountedWith = { onError: () => undefined }

/** How each adapter serves the application of the suite. Where an adapter leaves errors to the framework, so do they. */
export function starters(options = quiet): Record<string, StartAdapter> {
  return {
    'node:http listener': (sessions, handle) =>
      serveHttp(nodeSession(sessions, (req, res) => serve(sessions, handle, req, res), options)),

    'node:http middleware': (sessions, handle) => {
      const session = nodeSession(sessions, options)
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
    },

    fetch: (sessions, handle) =>
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
          options,
        ),
      ),

    'express 5': (sessions, handle) => {
      const app = express()
      app.set('env', 'test')
      app.use(expressSession(sessions, options))
      app.use((req, res) => serve(sessions, handle, req, res))
      return serveHttp(app)
    },

    'express 4': (sessions, handle) => {
      const app = express4()
      app.set('env', 'test')
      app.use(expressSession(sessions, options))
      app.use((req, res, next) => {
        serve(sessions, handle, req, res).catch(next)
      })
      return serveHttp(app)
    },
  }
}

type NodeRequest = AsyncIterable<Uint8Array> & { method?: string | undefined; url?: string | undefined }
interface NodeResponse {
  statusCode: number
  appendHeader(name: string, value: string): unknown
  end(body?: string): unknown
}

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
