import { Redis } from 'ioredis'
import { redisStore } from '../../../src/stores/redis/index.ts'
import { startRedis } from '../../services/redis.ts'
import { faultCases } from './suite.ts'

faultCases({
  name: 'redisStore on ioredis',
  startServer: () => startRedis(['--appendonly', 'yes', '--appendfsync', 'always']),
  connect({ host, port }, { timeoutMs }) {
    const client = new Redis({
      host,
      port,
      connectTimeout: 1_000,
      retryStrategy: (attempts) => Math.min(50 * 2 ** attempts, 500),
      // Otherwise commands wait for the next connection, and are carried out when nobody waits for them any more.
      enableOfflineQueue: false,
      // Otherwise a command whose answer was lost is carried out a second time.
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      // Otherwise a connection that has gone silent is never given up.
      socketTimeout: 2 * timeoutMs,
    })
    // Without it each lost connection is printed.
    client.on('error', () => undefined)
    return {
      store: redisStore({ client }),
      emitters: [client],
      async close() {
        client.disconnect()
      },
    }
  },
  durable: true,
  restarts: 20,
  signals: ['SIGKILL', 'SIGTERM'],
  recoveryMs: 3_000,
  silenceMs: 3_000,
})
