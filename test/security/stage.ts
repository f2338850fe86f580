import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { nodeSession } from '../../src/adapters/node.ts'
import type { Exchange, Session, Sessions } from '../../src/index.ts'

/** A response as it came over a socket. */
export interface RawAnswer {
  readonly status: number
  /** In the order sent, names in lower case. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly body: string
}

/** A server with room for large headers, asked over bare sockets: `fetch` refuses to send what an attacker would. */
export interface RawSite {
  /** Sends one request with these header lines, byte for byte (latin1, or as given). */
  send(lines: ReadonlyArray<string | Buffer>, path?: string): Promise<RawAnswer>
  close(): Promise<void>
}

/** Serves `handle` through the Node adapter; what it returns is the body. */
export async function rawSite<Data extends object, Flash extends object>(
  sessions: Sessions<Data, Flash>,
  handle: (session: Session<Data, Flash>, req: IncomingMessage, res: ServerResponse) => unknown,
): Promise<RawSite> {
  const listener = nodeSession(
    sessions,
    async (req, res) => {
      const body = await handle(sessions.of(req), req, res)
      if (!res.writableEnded) res.end(typeof body === 'string' ? body : JSON.stringify(body ?? null))
    },
    { onError: () => undefined },
  )
  const server = createServer({ maxHeaderSize: 4 * 1024 * 1024 }, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    send: (lines, path = '/') => ask(port, path, lines),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The values of one header. */
export function headerValues({ headers }: RawAnswer, name: string): string[] {
  return headers.flatMap(([each, value]) => (each === name ? [value] : []))
}

/** An exchange without a server, and the headers that were put on its response. */
export function exchangeWith(
  headers: Readonly<Record<string, string>> = {},
  facts: { readonly secure?: boolean; readonly url?: string; readonly response?: ReadonlyArray<[string, string]> } = {},
): Exchange & { readonly sent: [string, string][] } {
  const sent: [string, string][] = [...(facts.response ?? [])]
  return {
    sent,
    secure: facts.secure ?? true,
    method: 'GET',
    headersSent: false,
    header: (name) => (Object.hasOwn(headers, name) ? (headers[name] ?? null) : null),
    url: () => facts.url ?? '/',
    responseHeader: (name) => sent.flatMap(([each, value]) => (each === name ? [value] : [])).join(', ') || null,
    setHeader(name, value) {
      const others = sent.filter(([each]) => each !== name)
      sent.splice(0, sent.length, ...others, [name, value])
    },
    append: (name, value) => void sent.push([name, value]),
  }
}

/** Stores a new session with this data and answers its token. */
export async function tokenWith(sessions: Sessions, data: Readonly<Record<string, unknown>>): Promise<string> {
  const session = await sessions.open(null)
  for (const [key, value] of Object.entries(data)) session.set(key, value)
  return tokenAfter(sessions, session)
}

/** Commits and answers the token that the client gets. */
export async function tokenAfter(sessions: Sessions, session: Session): Promise<string> {
  const { token } = await sessions.commit(session)
  if (token === null) throw new Error('the commit issued no token')
  return token
}

/** Opens the session of a token, does something to it, commits. */
export async function visit(sessions: Sessions, token: string | null, work: (session: Session) => unknown) {
  const session = await sessions.open(token)
  await work(session)
  return sessions.commit(session)
}

/** What a token shows: null for an anonymous session. */
export async function shown(sessions: Sessions, token: string | null): Promise<Record<string, unknown> | null> {
  const session = await sessions.open(token)
  return session.isNew ? null : session.toJSON().data
}

async function ask(port: number, path: string, lines: ReadonlyArray<string | Buffer>): Promise<RawAnswer> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  const closed = new Promise<void>((resolve, reject) => {
    socket.on('close', () => resolve())
    socket.on('error', reject)
  })
  socket.write(`GET ${path} HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n`)
  for (const line of lines) {
    socket.write(typeof line === 'string' ? Buffer.from(line, 'latin1') : line)
    socket.write('\r\n')
  }
  socket.write('\r\n')
  await closed
  const text = Buffer.concat(chunks).toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  const [statusLine = '', ...head] = text.slice(0, end).split('\r\n')
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: head.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
    }),
    body: text.slice(end + 4),
  }
}
