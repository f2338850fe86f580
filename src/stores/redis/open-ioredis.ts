import { endClient } from '../_open/client.ts'
import { connectTimeoutMs, silenceMs } from '../_open/timeouts.ts'
import { backoff, lastFault, type RedisConnector } from './open-link.ts'

/** What is called of the clients of `ioredis`. */
interface IoredisClient {
  on(event: string, listener: (error?: Error) => void): unknown
  quit(): Promise<unknown>
  disconnect(): void
}

interface Ioredis {
  readonly Redis: new (options: object) => IoredisClient
  readonly Cluster: new (nodes: readonly object[], options: object) => IoredisClient
}

/** Connects with the package `ioredis`, from version 5. */
export const connectIoredis: RedisConnector = (exports, target, tls) => {
  const { Redis, Cluster } = exports as unknown as Ioredis
  const { hosts, user, password, database, parameters } = target
  const session = {
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceMs,
    // A command that was lost with its connection fails, rather than happen twice or later.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  }
  const single = { ...session, db: database, retryStrategy: backoff, enableOfflineQueue: false }

  function make(): IoredisClient {
    if (target.kind === 'cluster') {
      return new Cluster(hosts, {
        redisOptions: session,
        clusterRetryStrategy: backoff,
        enableOfflineQueue: false,
        // A cluster sends it again by this setting, whatever those above say.
        retryDelayOnFailover: 0,
        slotsRefreshTimeout: connectTimeoutMs,
        slotsRefreshInterval: silenceMs,
        // Managed servers give addresses in certificates by their names.
        ...(tls === undefined ? {} : { dnsLookup: keepName }),
      })
    }
    if (target.kind === 'sentinel') {
      return new Redis({
        ...single,
        name: target.master,
        sentinels: hosts,
        sentinelUsername: parameters.get('sentinelUsername'),
        sentinelPassword: parameters.get('sentinelPassword'),
        sentinelRetryStrategy: backoff,
        ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
      })
    }
    return new Redis({ ...single, ...hosts[0] })
  }

  const client = make()
  const fault = lastFault()
  const firstAttempt = new Promise<void>((resolve) => {
    client.on('error', (error) => {
      fault.note(error)
      resolve()
    })
    client.on('ready', () => {
      fault.clear()
      resolve()
    })
  })
  return {
    client,
    firstAttempt,
    fault: fault.get,
    end: () =>
      endClient(
        () => client.quit(),
        () => client.disconnect(),
      ),
  }
}

function keepName(address: string, done: (error: null, address: string) => void): void {
  done(null, address)
}
