import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** Requests whose answers are lost on the way back. */
export interface LostReplies {
  /** How many connections were cut so far. */
  readonly count: number
  /** Resolves when the first connection has been cut, the server having answered. */
  readonly first: Promise<void>
}

/** A stretch of bad network in front of a server. One fault is in force at a time; `resume` ends it. */
export interface TcpProxy {
  readonly host: '127.0.0.1'
  readonly port: number
  /** Connections of clients that are open now. */
  readonly connections: number
  /** Connections of clients since the proxy began. */
  readonly accepted: number
  /** Each piece of an answer comes so many ms later. 0 ends it; it goes together with other faults. */
  delay(ms: number): void
  /** New connections are accepted and everything is read, but nothing gets through and nothing is answered. */
  stall(): void
  /** The connections that are open now fall silent for good and are never closed; new ones work. */
  abandon(): void
  /**
   * A request for which `match` is true (default: every request) reaches the server; when the server has answered, the
   * answer is dropped and the connection cut. `times` connections befall this (default: all until `resume`).
   */
  cutReplies(match?: (request: Buffer) => boolean, options?: { readonly times?: number }): LostReplies
  /** Cuts all connections and closes the port. */
  refuse(): Promise<void>
  /** Ends the server's side of all connections (FIN); what clients still send is read and goes nowhere. */
  halfClose(): void
  /** Cuts all connections (RST). */
  cut(): void
  /** Back to passing everything on. Connections that have lost bytes are cut: nothing sensible could follow on them. */
  resume(): Promise<void>
  close(): Promise<void>
}

/** Changes what the server has said; the length must stay the same. */
export type Rewrite = (answer: Buffer) => Buffer

/** A connection, seen from both ends. */
interface Link {
  readonly client: Socket
  readonly server: Socket
  /** Nothing passes while `stalled`, nor ever again when `silent`. `doomed`: to be cut when the server has answered. */
  state: 'open' | 'stalled' | 'silent' | 'doomed'
  /** Bytes were dropped. */
  broken: boolean
  /** Answers that are on their way. */
  readonly late: (() => void)[]
  quiet?: NodeJS.Timeout
}

interface Cutting {
  readonly match: (request: Buffer) => boolean
  left: number
  readonly lost: { count: number; readonly first: Promise<void> }
  readonly report: () => void
}

/** How long a server says nothing more before its answer counts as complete. */
const quietMs = 10

/**
 * Starts a proxy in front of a port of this machine. It may be started before the server is.
 *
 * @param target - The port, or what tells the port of now.
 */
export async function proxyTo(
  target: number | (() => number),
  options: { readonly rewrite?: Rewrite } = {},
): Promise<TcpProxy> {
  const { rewrite = (answer) => answer } = options
  const links = new Set<Link>()
  let accepted = 0
  let delayMs = 0
  let stalled = false
  let cutting: Cutting | null = null

  // Half-open, so that the end of one side is passed on as such.
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, accept)
  await listen(0)
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  const { port } = address

  function accept(client: Socket): void {
    accepted += 1
    const server = connect({
      port: typeof target === 'number' ? target : target(),
      host: '127.0.0.1',
      allowHalfOpen: true,
      noDelay: true,
    })
    const link: Link = { client, server, state: stalled ? 'stalled' : 'open', broken: false, late: [] }
    links.add(link)
    client.on('data', (chunk: Buffer) => request(link, chunk))
    server.on('data', (chunk: Buffer) => answer(link, chunk))
    client.on('end', () => link.state === 'open' && server.end())
    server.on('end', () => link.state === 'open' && later(link, () => client.end()))
    for (const socket of [client, server]) {
      // A reset of one side is one of the other; that of a silent connection is never heard of by its client.
      socket.on('error', () => undefined)
      socket.on('close', () => {
        if (socket === client || isPassing(link)) later(link, () => cut(link))
      })
    }
  }

  function request(link: Link, chunk: Buffer): void {
    if (!isPassing(link)) {
      link.broken = true
      return
    }
    if (cutting !== null && cutting.left > 0 && link.state === 'open' && cutting.match(chunk)) {
      cutting.left -= 1
      link.state = 'doomed'
    }
    link.server.write(chunk)
  }

  function answer(link: Link, chunk: Buffer): void {
    if (link.state === 'open') {
      const rewritten = rewrite(chunk)
      later(link, () => {
        if (!isPassing(link)) link.broken = true
        else if (!link.client.destroyed) link.client.write(rewritten)
      })
      return
    }
    link.broken = true
    if (link.state !== 'doomed') return
    // The first bytes may belong to an earlier request of the same connection.
    clearTimeout(link.quiet)
    const order = cutting
    link.quiet = setTimeout(() => {
      cut(link)
      if (order === null) return
      order.lost.count += 1
      order.report()
    }, quietMs)
  }

  /** In the order of arrival, whatever the delay was when each of them came. */
  function later(link: Link, work: () => void): void {
    if (delayMs === 0 && link.late.length === 0) return work()
    link.late.push(work)
    setTimeout(() => link.late.shift()?.(), delayMs)
  }

  function cut(link: Link): void {
    clearTimeout(link.quiet)
    links.delete(link)
    link.client.resetAndDestroy()
    link.server.destroy()
  }

  function cutAll(): void {
    for (const link of links) cut(link)
  }

  function silence(): void {
    for (const link of links) link.state = 'silent'
  }

  async function listen(on: number): Promise<void> {
    listener.listen(on, '127.0.0.1')
    await once(listener, 'listening')
  }

  async function refuse(): Promise<void> {
    const closed = once(listener, 'close')
    listener.close()
    cutAll()
    await closed
  }

  return {
    host: '127.0.0.1',
    port,
    get connections() {
      return links.size
    },
    get accepted() {
      return accepted
    },
    delay(ms) {
      delayMs = ms
    },
    stall() {
      stalled = true
      for (const link of links) if (link.state === 'open') link.state = 'stalled'
    },
    abandon: silence,
    cutReplies(match = () => true, { times = Number.POSITIVE_INFINITY } = {}) {
      let report: () => void = () => undefined
      const first = new Promise<void>((resolve) => {
        report = resolve
      })
      const lost = { count: 0, first }
      cutting = { match, left: times, lost, report }
      return lost
    },
    refuse,
    halfClose() {
      for (const link of links) {
        link.state = 'silent'
        link.client.end()
      }
    },
    cut: cutAll,
    async resume() {
      cutting = null
      stalled = false
      for (const link of links) {
        if (link.state !== 'stalled') continue
        if (link.broken || link.client.readableEnded || link.server.readableEnded) cut(link)
        else link.state = 'open'
      }
      if (!listener.listening) await listen(port)
    },
    async close() {
      if (listener.listening) await refuse()
      cutAll()
    },
  }
}

function isPassing({ state }: Link): boolean {
  return state === 'open' || state === 'doomed'
}
