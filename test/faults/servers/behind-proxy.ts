import type { EventEmitter } from 'node:events'
import { expect } from 'vitest'
import { createSessions, type Session, SessionError, type Sessions, type Store } from '../../../src/index.ts'
import type { Address } from '../../services/address.ts'
import type { Server } from '../../services/process.ts'
import { proxyTo, type TcpProxy } from '../../services/proxy.ts'
import { eventually, pause, stopwatch, watchProcess } from './watch.ts'

/** Whether the tests may take minutes. */
export const isLong: boolean = process.env['COATCHECK_LONG'] === '1'

/** What the engine is told here. */
export const storeTimeout = 300

/** A request to a dead store ends within this many ms. */
export const limitMs = storeTimeout + 100

/** A client that is set as the store's documentation recommends, and the store on it. */
export interface Connection {
  readonly store: Store
  /** What the client is made of, as far as it emits events. */
  readonly emitters: readonly EventEmitter[]
  /** Its connections and the calls that wait for one; absent for a client without a pool. */
  readonly pool?: () => { readonly open: number; readonly idle: number; readonly waiting: number }
  close(): Promise<unknown>
}

/** How a client is to be set. */
export interface ClientSettings {
  /** For the client's own deadlines: the `storeTimeout`. */
  readonly timeoutMs: number
  readonly poolSize: number
}

/** A store, its server, and what is to be expected of them in bad times. */
export interface Backend {
  readonly name: string
  startServer(): Promise<Server>
  /** Makes what the store needs (its table). The server runs. */
  prepare?(address: Address): Promise<unknown>
  /** Makes the proxy, where clients learn the server's port from its answers. */
  proxyTo?(server: Server): Promise<TcpProxy>
  /** The server may be down: then the client has to wait for it by itself. */
  connect(address: Address, settings: ClientSettings): Promise<Connection> | Connection
  /** Whether an acknowledged save survives that the server is killed. */
  readonly durable: boolean
  /** How often it is restarted in traffic: fewer where a restart takes long. The long run makes 20 of each. */
  readonly restarts: number
  /** How it is stopped for that, in turns. */
  readonly signals: readonly NodeJS.Signals[]
  /** Within how many ms of the server's return the client works again: its longest pause between attempts, and a second. */
  readonly recoveryMs: number
  /** Within how many ms of traffic a connection that has gone silent is given up; null if that takes the system's TCP. */
  readonly silenceMs: number | null
  /**
   * Whether a request with the key is the one that does what the operation is for, where there are several. Default: the
   * first.
   */
  readonly decides?: (request: Buffer, operation: Operation) => boolean
}

export type Operation = 'read' | 'create' | 'replace' | 'touch' | 'delete'

/** Everything one case works on. */
export interface Proxied extends Connection {
  readonly server: Server
  readonly proxy: TcpProxy
  readonly sessions: Sessions
  /** Stops the server, with all its processes, until `resume` (SIGSTOP). */
  pause(): void
  resume(): void
  /** The session of a token; the store answers. */
  open(token: string | null): Promise<Session>
  /** The next call of the operation reaches the server; its answer is lost, and the connection with it. */
  loseReply(operation: Operation): { readonly count: number }
  /** Resolves when `parallel` requests at once all reach the store; fails after the backend's `recoveryMs`. */
  recovered(parallel?: number): Promise<void>
}

/** Runs a case on a client of its own, and fails if anything went wrong behind its back. */
export async function behindProxy(
  backend: Backend,
  server: Server,
  work: (proxied: Proxied) => Promise<void>,
  { poolSize = 4, direct = false } = {},
): Promise<void> {
  const watch = watchProcess()
  const proxy = await (backend.proxyTo?.(server) ?? proxyTo(server.port))
  const address = direct && backend.proxyTo === undefined ? server : proxy
  const connection = await backend.connect(address, { timeoutMs: storeTimeout, poolSize })
  const orders: { operation: Operation; lost: { count: number } }[] = []
  const store = obeying(connection.store, (operation, key) => {
    const [order] = orders
    if (order?.operation !== operation) return
    orders.shift()
    const { decides = () => true } = backend
    const reply = proxy.cutReplies((request) => request.includes(key) && decides(request, operation), { times: 1 })
    Object.defineProperty(order.lost, 'count', { get: () => reply.count })
  })
  const sessions = createSessions({ store, storeTimeout })
  const proxied: Proxied = {
    ...connection,
    server,
    proxy,
    sessions,
    pause: () => void server.pause(),
    resume: () => void server.resume(),
    open: (token) => calmly(() => sessions.open(token)),
    loseReply(operation) {
      const lost = { count: 0 }
      orders.push({ operation, lost })
      return lost
    },
    async recovered(parallel = 8) {
      const answers = () =>
        Promise.all(Array.from({ length: parallel }, () => sessions.ready())).then(
          () => true,
          () => false,
        )
      expect(await eventually(answers, backend.recoveryMs), 'the client works again').toBe(true)
    },
  }
  try {
    if (!direct) await proxied.recovered()
    await work(proxied)
    expect(watch.faults).toEqual([])
  } finally {
    await proxy.resume()
    server.resume()
    await server.start()
    await sessions.close()
    await connection.close()
    await proxy.close()
    watch.stop()
  }
}

/** Lets `before` see each call of the five operations. */
function obeying(store: Store, before: (operation: Operation, key: string) => void): Store {
  const calls: Partial<Record<Operation, unknown>> = {}
  for (const operation of ['read', 'create', 'replace', 'touch', 'delete'] as const) {
    const call: (...args: never[]) => unknown = store[operation]
    calls[operation] = (...args: [string, ...unknown[]]) => {
      before(operation, args[0])
      return Reflect.apply(call, store, args)
    }
  }
  return { ...store, ...calls } as Store
}

/** Expects an error that tells of an outage, in time. */
export async function expectFault(work: () => Promise<unknown>): Promise<void> {
  const elapsed = stopwatch()
  const error = await work().then(
    () => 'it succeeded',
    (reason: unknown) => reason,
  )
  const ms = elapsed()
  expectOutage(error)
  expect(ms).toBeLessThanOrEqual(limitMs)
}

export function expectOutage(error: unknown): void {
  expect(error).toBeInstanceOf(SessionError)
  expect(error).toMatchObject({ status: 503, code: expect.stringMatching(/^STORE_(FAILED|TIMEOUT)$/) })
}

/**
 * For what has to succeed: on a machine that is so busy that the server, or this process, does not run for the length of
 * a deadline, it gets another chance, and a client that takes that for an outage the time to connect. Whatever else fails,
 * fails.
 */
export async function calmly<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      expectOutage(error)
      if (tries === 5) throw error
      await pause(50 * 2 ** tries)
    }
  }
}
