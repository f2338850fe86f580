import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import express from 'express'
import express4 from 'express4'
import { expressSession } from '../../../src/adapters/express.ts'
import { nodeSession } from '../../../src/adapters/node.ts'
import { type WebHandler, webSession } from '../../../src/adapters/web.ts'
import type { Sessions } from '../../../src/contract/sessions.ts'
import type {
  AdapterAnswer,
  AdapterHandler,
  AdapterServing,
  ServedAdapter,
  StartAdapter,
} from '../../../src/testing/adapter-suite.ts'
import { fetchListener } from './fetch-server.ts'
import { serveHttp, serveHttps } from './servers.ts'

/** The callbacks of an application, as far as they are the same in every framework. */
export interface MountedWith {
  when?(request: { readonly url?: string | undefined }): boolean
  onError?(error: unknown): void
}

type Listener = (req: IncomingMessage, res: ServerResponse) => unknown

const quiet: MountedWith = { onError: () => undefined }

/** How each adapter serves the application of the suite. What an adapter leaves to the framework is left to it here. */
export function starters(options = quiet): Record<string, StartAdapter> {
  return {
    'node:http listener': (sessions, handle, serving) => {
      let listener: Listener = (req, res) => serve(sessions, handle, req, res)
      for (const _ of mountsOf(serving)) listener = nodeSession(sessions, listener, options)
      return serveNode(listener, serving)
    },

    'node:http middleware': (sessions, handle, serving) => {
      let listener: Listener = (req, res) => {
        serve(sessions, handle, req, res).catch((error: unknown) => fail(error, res))
      }
      for (const _ of mountsOf(serving)) listener = inFront(nodeSession(sessions, options), listener)
      return serveNode(listener, serving)
    },

    fetch: (sessions, handle, serving) => {
      let handler: WebHandler<[]> = (request) => respond(sessions, handle, request)
      for (const _ of mountsOf(serving)) handler = webSession(sessions, handler, options)
      return serveNode(
        fetchListener(async (request) => handler(request)),
        serving,
      )
    },

    'express 5': (sessions, handle, serving) => {
      const app = express()
      app.set('env', 'test')
      for (const _ of mountsOf(serving)) app.use(expressSession(sessions, options))
      app.use((req, res) => serve(sessions, handle, req, res))
      return serveNode(app, serving)
    },

    'express 4': (sessions, handle, serving) => {
      const app = express4()
      app.set('env', 'test')
      for (const _ of mountsOf(serving)) app.use(expressSession(sessions, options))
      app.use((req, res, next) => {
        serve(sessions, handle, req, res).catch(next)
      })
      return serveNode(app, serving)
    },
  }
}

/** Serves a listener of Node as the suite asks for it. */
export function serveNode(listener: Listener, { tls }: AdapterServing): Promise<ServedAdapter> {
  return tls ? serveHttps(listener) : serveHttp(listener)
}

/** Runs the suite's handler on a request of Node, and sends what it returns. */
export async function serve(
  sessions: Sessions,
  handle: AdapterHandler,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const { method = 'GET', url = '/' } = req
  const chunks: Uint8Array[] = []
  for await (const chunk of req) chunks.push(chunk)
  const body = Buffer.concat(chunks).toString()
  const path = url.split('?')[0] ?? '/'
  send(res, await handle(sessions.of(req), { method, path, body, carriers: [req] }))
}

function send(res: ServerResponse, { status, headers = [], body }: AdapterAnswer): void {
  res.statusCode = status
  for (const [name, value] of headers) res.appendHeader(name, value)
  if (body instanceof ReadableStream) Readable.from(body).pipe(res)
  else res.end(body)
}

async function respond(sessions: Sessions, handle: AdapterHandler, request: Request): Promise<Response> {
  const { method, url } = request
  const body = await request.text()
  const path = new URL(url).pathname
  const answer = await handle(sessions.of(request), { method, path, body, carriers: [request] })
  const headers = (answer.headers ?? []).map(([name, value]): [string, string] => [name, value])
  return new Response(answer.body ?? null, { status: answer.status, headers })
}

/** A listener behind middleware, in a chain that answers with the status of an error. */
function inFront(middleware: ReturnType<typeof nodeSession>, listener: Listener): Listener {
  return (req, res) =>
    middleware(req, res, (error) => {
      if (error === undefined) listener(req, res)
      else fail(error, res)
    })
}

function fail(error: unknown, res: ServerResponse): void {
  res.statusCode = (error as { status?: number }).status ?? 500
  res.end()
}

function mountsOf({ mounts }: AdapterServing): Iterable<unknown> {
  return Array.from({ length: mounts })
}
