import type { Socket } from 'node:net'
import { createConnection, createPool } from 'mysql2/promise'
import { mysqlStore } from '../../../src/stores/mysql/index.ts'
import { startMariadb } from '../../services/mariadb.ts'
import { faultCases } from './suite.ts'

const account = { user: 'root', database: 'test' }

faultCases({
  name: 'mysqlStore on a pool of mysql2',
  startServer: () => startMariadb(),
  async prepare({ host, port }) {
    const client = await createConnection({ host, port, ...account })
    await mysqlStore({ client }).createTable()
    await client.end()
  },
  connect({ host, port }, { timeoutMs, poolSize }) {
    const client = createPool({
      ...{ host, port, ...account },
      connectionLimit: poolSize,
      // A call that waits for a connection can not be called back, so the line is kept short.
      queueLimit: 50,
      connectTimeout: timeoutMs,
    })
    const { pool } = client
    // Otherwise a connection that has gone silent is never given up: a prepared statement has no time limit.
    pool.on('connection', ({ stream }: { readonly stream: Socket }) => {
      stream.setTimeout(2 * timeoutMs, () => stream.destroy(new Error('the server is silent')))
    })
    const { _allConnections: all, _freeConnections: free, _connectionQueue: waiting } = pool as unknown as Lines
    return {
      store: mysqlStore({ client }),
      emitters: [pool],
      pool: () => ({ open: all.length, idle: free.length, waiting: waiting.length }),
      close: () => client.end(),
    }
  },
  durable: true,
  restarts: 3,
  signals: ['SIGTERM', 'SIGKILL'],
  recoveryMs: 2_000,
  silenceMs: 3_000,
})

/** mysql2 has no words for how its pool is doing. */
interface Lines {
  readonly _allConnections: { readonly length: number }
  readonly _freeConnections: { readonly length: number }
  readonly _connectionQueue: { readonly length: number }
}
