import { createClient } from 'redis'
import { redisStore } from '../../../src/stores/redis/index.ts'
import { startRedis } from '../../services/redis.ts'
import { faultCases } from './suite.ts'

faultCases({
  name: 'redisStore on redis',
  startServer: () => startRedis(['--appendonly', 'yes', '--appendfsync', 'always']),
  connect({ host, port }) {
    const client = createClient({
      socket: {
        host,
        port,
        connectTimeout: 1_000,
        reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, 500),
        socketTimeout: 1_000,
      },
      // Otherwise commands wait for the next connection, and are carried out when nobody waits for them any more.
      disableOfflineQueue: true,
      // Bounds what a server that does not answer leaves behind.
      commandsQueueMaxLength: 1_000,
      // Less than the socket's timeout, which counts a quiet connection as a dead one.
      pingInterval: 300,
    })
    // Without it a lost connection ends the process.
    client.on('error', () => undefined)
    client.connect().catch(() => undefined)
    const watching = replaceSilent(client, 1_000)
    return {
      store: redisStore({ client }),
      emitters: [client],
      async close() {
        clearInterval(watching)
        client.destroy()
      },
    }
  },
  durable: true,
  restarts: 20,
  signals: ['SIGKILL', 'SIGTERM'],
  recoveryMs: 3_000,
  silenceMs: 5_000,
})

/**
 * For this client every write is a sign of life: while there is traffic it never gives up a connection that has gone
 * silent, as after a failover without a word, or behind a NAT that has forgotten it. The answers to its own PINGs tell.
 */
function replaceSilent(client: Replaceable, afterMs: number): NodeJS.Timeout {
  let heard = Date.now()
  for (const event of ['ready', 'ping-interval']) {
    client.on(event, () => {
      heard = Date.now()
    })
  }
  return setInterval(() => {
    if (!client.isReady || Date.now() - heard < afterMs) return
    client.destroy()
    client.connect().catch(() => undefined)
  }, afterMs / 4).unref()
}

interface Replaceable {
  readonly isReady: boolean
  on(event: string, listener: () => void): unknown
  destroy(): unknown
  connect(): Promise<unknown>
}
