import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import * as http2 from 'node:http2'
import { type AddressInfo, connect, type Server, type Socket } from 'node:net'

/** A response as it came over the wire. */
export interface Answer {
  readonly status: number
  /** Set-Cookie as a list, the rest joined. */
  readonly headers: Readonly<Record<string, string>>
  readonly cookies: readonly string[]
  readonly body: string
}

/** A server on a free port, and a client for it that decides nothing of its own. */
export interface Running {
  readonly port: number
  readonly origin: string
  /** Rejects when the response is cut short. */
  request(path?: string, init?: { method?: string; headers?: Record<string, string>; body?: string }): Promise<Answer>
  close(): Promise<void>
}

/** Serves with node:http. */
export async function serveHttp(listener: (req: IncomingMessage, res: ServerResponse) => void): Promise<Running> {
  const server = createServer(listener)
  const { port, origin } = await listen(server)
  return {
    port,
    origin,
    async request(path = '/', { method = 'GET', headers = {}, body } = {}) {
      const response = await fetch(origin + path, {
        method,
        headers,
        redirect: 'manual',
        ...(body === undefined ? {} : { body }),
      })
      const text = await response.text()
      return {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        cookies: response.headers.getSetCookie(),
        body: text,
      }
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Serves with the compatibility API of node:http2, without TLS. */
export async function serveHttp2(
  listener: (req: http2.Http2ServerRequest, res: http2.Http2ServerResponse) => void,
): Promise<Running> {
  const server = http2.createServer(listener)
  const { port, origin } = await listen(server)
  const client = http2.connect(origin)
  return {
    port,
    origin,
    request(path = '/', { method = 'GET', headers = {}, body } = {}) {
      return new Promise<Answer>((resolve, reject) => {
        const stream = client.request(
          { ':path': path, ':method': method, ...headers },
          { endStream: body === undefined },
        )
        let head: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {}
        const chunks: Buffer[] = []
        stream.on('response', (received) => {
          head = received
        })
        stream.on('data', (chunk: Buffer) => chunks.push(chunk))
        stream.on('error', reject)
        stream.on('close', () => {
          if (stream.rstCode !== 0) return reject(new Error(`the stream was reset with ${stream.rstCode}`))
          const { ':status': status = 0, 'set-cookie': cookies = [], ...rest } = head
          const flat = Object.entries(rest).map(([name, value]) => [name, String(value)] as const)
          resolve({
            status,
            headers: Object.fromEntries(flat),
            cookies,
            body: Buffer.concat(chunks).toString(),
          })
        })
        if (body !== undefined) stream.end(body)
      })
    },
    async close() {
      client.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Sends one request on a connection of its own, and tells all that came back so far. */
export function openRaw(port: number, text: string): { socket: Socket; received(): string; ended: Promise<string> } {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    received += chunk
  })
  socket.on('error', () => undefined)
  const ended = new Promise<string>((resolve) => socket.on('close', () => resolve(received)))
  socket.write(text)
  return { socket, received: () => received, ended }
}

/** Lets everything happen that waits for nothing but the event loop. */
export async function settle(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** A promise and its two ends. */
export function gate<Value = void>(): {
  promise: Promise<Value>
  open(value: Value): void
  fail(error: unknown): void
} {
  let open: (value: Value) => void = () => undefined
  let fail: (error: unknown) => void = () => undefined
  const promise = new Promise<Value>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { promise, open, fail }
}

async function listen(server: Server): Promise<{ port: number; origin: string }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { port, origin: `http://127.0.0.1:${port}` }
}
