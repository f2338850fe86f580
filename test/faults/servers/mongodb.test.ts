import { setTimeout } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import { mongodbStore } from '../../../src/stores/mongodb/index.ts'
import { startMongodb } from '../../services/mongodb.ts'
import { faultCases } from './suite.ts'

faultCases({
  name: 'mongodbStore',
  startServer: startMongodb,
  connect({ host, port }, { timeoutMs, poolSize }) {
    const client = new MongoClient(`mongodb://${host}:${port}/sessions`, {
      maxPoolSize: poolSize,
      // By default requests wait 30 s for a server, and for ever for a connection and for an answer.
      serverSelectionTimeoutMS: timeoutMs,
      waitQueueTimeoutMS: timeoutMs,
      socketTimeoutMS: 2 * timeoutMs,
      connectTimeoutMS: 2_000,
      heartbeatFrequencyMS: 500,
    })
    const closing = new AbortController()
    void keepConnecting(client, closing.signal)
    return {
      store: mongodbStore({ client }),
      emitters: [client],
      pool: () => poolOf(client),
      close() {
        closing.abort()
        return client.close()
      },
    }
  },
  // The server of the tests holds everything in memory.
  durable: false,
  restarts: 2,
  signals: ['SIGTERM', 'SIGKILL'],
  recoveryMs: 6_000,
  silenceMs: 3_000,
})

/**
 * A client whose first connection fails refuses all calls from then on, however long the server is back, until
 * `connect` has succeeded. Later it finds the server again by itself.
 */
async function keepConnecting(client: MongoClient, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await client.connect()
      return
    } catch {
      await setTimeout(250, undefined, { signal }).catch(() => undefined)
    }
  }
}

/** The driver tells of its pool only by events, which leave out calls that were called back. */
function poolOf(client: MongoClient): { open: number; idle: number; waiting: number } {
  const { topology } = client as unknown as { topology?: { s: { servers: Map<string, { pool: Pool }> } } }
  const [server] = topology?.s.servers.values() ?? []
  if (server === undefined) return { open: 0, idle: 0, waiting: 0 }
  const { totalConnectionCount: open, availableConnectionCount: idle, waitQueueSize: waiting } = server.pool
  return { open, idle, waiting }
}

interface Pool {
  readonly totalConnectionCount: number
  readonly availableConnectionCount: number
  readonly waitQueueSize: number
}
