import { MemcacheClient } from 'memcache-client'
import { memcachedStore } from '../../../src/stores/memcached/index.ts'
import { startMemcached } from '../../services/memcached.ts'
import { faultCases } from './suite.ts'

const commands = { read: 'gets ', create: 'add ', replace: 'cas ', touch: 'cas ', delete: 'delete ' }

faultCases({
  name: 'memcachedStore on memcache-client',
  startServer: () => startMemcached(),
  connect({ host, port }, { timeoutMs, poolSize }) {
    const client = new MemcacheClient({
      server: { server: `${host}:${port}`, maxConnections: poolSize },
      noDelay: true,
      // Without it a connection attempt that is not answered lasts for minutes.
      connectTimeout: timeoutMs,
      // A command that takes longer ends its connection. The default is 5 s, for as long as the next ones wait behind it.
      cmdTimeout: 2 * timeoutMs,
    })
    return {
      store: memcachedStore({ client }),
      emitters: [client],
      async close() {
        client.shutdown()
      },
    }
  },
  durable: false,
  restarts: 8,
  signals: ['SIGTERM', 'SIGKILL'],
  recoveryMs: 2_000,
  silenceMs: 2_000,
  decides: (request, operation) => request.includes(commands[operation]),
})
