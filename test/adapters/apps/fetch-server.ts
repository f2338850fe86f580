import { Readable } from 'node:stream'
import { type Running, serveHttp } from './servers.ts'

/** Serves a Fetch handler on node:http, as the runtimes do that have none of their own. */
export function serveFetch(handler: (request: Request) => Promise<Response>): Promise<Running> {
  return serveHttp((req, res) => {
    const withBody = req.method !== 'GET' && req.method !== 'HEAD'
    const request = new Request(`http://${req.headers.host}${req.url}`, {
      method: req.method ?? 'GET',
      headers: Object.entries(req.headers).map(([name, value]) => [name, String(value)] as [string, string]),
      ...(withBody ? { body: Readable.toWeb(req) as ReadableStream<Uint8Array>, duplex: 'half' } : {}),
    } as RequestInit)
    const answer = async (): Promise<void> => {
      const response = await handler(request)
      for (const [name, value] of response.headers) res.appendHeader(name, value)
      res.writeHead(response.status)
      if (response.body !== null) for await (const chunk of response.body) res.write(chunk)
      res.end()
    }
    answer().catch((error: unknown) => res.destroy(error as Error))
  })
}
