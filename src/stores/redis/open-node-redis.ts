import { setTimeout as pause } from 'node:timers/promises'
import { endClient } from '../_open/client.ts'
import { connectTimeoutMs, silenceMs } from '../_open/timeouts.ts'
import { backoff, lastFault, type RedisConnector } from './open-link.ts'

/** What is called of the clients of the package `redis`. */
interface NodeRedisClient {
  on(event: string, listener: (error: Error) => void): unknown
  connect(): Promise<unknown>
  close(): Promise<unknown>
  destroy(): unknown
  /** Of a single client, whether commands are sent. */
  readonly isReady?: boolean
}

interface NodeRedis {
  createClient(options: object): NodeRedisClient
  createCluster(options: object): NodeRedisClient
  createSentinel(options: object): NodeRedisClient
}

/** Connects with the package `redis`, from version 5. */
export const connectNodeRedis: RedisConnector = (exports, target, tls) => {
  const { createClient, createCluster, createSentinel } = exports as unknown as NodeRedis
  const { hosts, user, password, database, parameters } = target
  const socket = {
    connectTimeout: connectTimeoutMs,
    reconnectStrategy: backoff,
    socketTimeout: silenceMs,
    ...(tls === undefined ? {} : { ...tls, tls: true }),
  }
  const session = {
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
    disableOfflineQueue: true,
    // Bounds what a server that does not answer leaves behind.
    commandsQueueMaxLength: 10_000,
    // More often than the socket's timeout, which takes a quiet connection for a dead one.
    pingInterval: silenceMs / 4,
  }

  function make(): NodeRedisClient {
    if (target.kind === 'cluster') {
      const rootNodes = hosts.map(({ host, port }) => ({ socket: { ...socket, host, port } }))
      return createCluster({
        rootNodes,
        defaults: { ...session, socket },
        topologyRefreshOnReconnectionAttemptStrategy: 500,
      })
    }
    if (target.kind === 'sentinel') {
      return createSentinel({
        name: target.master,
        sentinelRootNodes: hosts,
        nodeClientOptions: { ...session, database, socket },
        sentinelClientOptions: {
          username: parameters.get('sentinelUsername'),
          password: parameters.get('sentinelPassword'),
          // These connections wait for news, of which there may be none for days.
          socket: { ...socket, socketTimeout: undefined },
        },
        // Otherwise a call that begins together with another waits until no call is under way any more (redis 6.3).
        reserveClient: true,
        passthroughClientErrorEvents: true,
        // Otherwise a command that was lost with its connection is sent again, and may happen twice.
        maxCommandRediscovers: 0,
        scanInterval: 5_000,
      })
    }
    return createClient({ ...session, database, socket: { ...socket, ...hosts[0] } })
  }

  const client = make()
  const closing = new AbortController()
  const fault = lastFault()
  let settle = (): void => undefined
  const firstAttempt = new Promise<void>((resolve) => {
    settle = resolve
  })
  // Without a listener the first lost connection would end the process.
  client.on('error', (error) => {
    fault.note(error)
    settle()
  })
  client.on('ready', () => fault.clear())

  /** A single client tries for ever by itself; the others give up after a few attempts. */
  async function keepConnecting(): Promise<void> {
    for (let attempts = 0; !closing.signal.aborted; attempts += 1) {
      try {
        await client.connect()
        return fault.clear()
      } catch (error) {
        fault.note(error)
      } finally {
        settle()
      }
      await pause(backoff(attempts), undefined, { signal: closing.signal }).catch(() => undefined)
    }
  }

  /**
   * For this client every write is a sign of life, so a connection that has gone silent, as after a failover without a
   * word, is never given up while there is traffic. The answers to its own PINGs tell.
   */
  function replaceSilent(): ReturnType<typeof setInterval> {
    let heard = performance.now()
    for (const event of ['ready', 'ping-interval']) {
      client.on(event, () => {
        heard = performance.now()
      })
    }
    return setInterval(() => {
      if (client.isReady !== true || performance.now() - heard < silenceMs) return
      client.destroy()
      connecting = keepConnecting()
    }, silenceMs / 4).unref()
  }

  let connecting = keepConnecting()
  const watching = target.kind === 'single' ? replaceSilent() : undefined
  return {
    client,
    firstAttempt,
    fault: fault.get,
    async end() {
      clearInterval(watching)
      closing.abort()
      await endClient(
        () => client.close(),
        () => client.destroy(),
      )
      await connecting
    },
  }
}
