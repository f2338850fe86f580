import { setTimeout } from 'node:timers/promises'
import { endWithin } from './_open-client.ts'
import { backoff, connectTimeoutMs, lastFault, type RedisConnector } from './_open-redis-link.ts'

/** What is called of the clients of the package `redis`. */
interface NodeRedisClient {
  on(event: string, listener: (error: Error) => void): unknown
  connect(): Promise<unknown>
  close(): Promise<unknown>
  destroy(): unknown
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
    ...(tls === undefined ? {} : { ...tls, tls: true }),
  }
  const session = {
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
    disableOfflineQueue: true,
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
          socket,
        },
        // Each command takes a connection to itself.
        masterPoolSize: 8,
        passthroughClientErrorEvents: true,
        maxCommandRediscovers: 3,
        scanInterval: 5_000,
      })
    }
    return createClient({ ...session, database, socket: { ...socket, ...hosts[0] }, pingInterval: 5_000 })
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
      await setTimeout(backoff(attempts), undefined, { signal: closing.signal }).catch(() => undefined)
    }
  }

  const connecting = keepConnecting()
  return {
    client,
    firstAttempt,
    fault: fault.get,
    async end() {
      closing.abort()
      await endWithin(
        1_000,
        () => client.close(),
        () => client.destroy(),
      )
      await connecting
    },
  }
}
