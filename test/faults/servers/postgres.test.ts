import pg from 'pg'
import { postgresStore } from '../../../src/stores/postgres/index.ts'
import { startPostgres } from '../../services/postgres.ts'
import { faultCases } from './suite.ts'

const account = { user: 'postgres', database: 'postgres' }

faultCases({
  name: 'postgresStore on a pool of pg',
  // What is acknowledged survives the server, as by PostgreSQL's own default.
  startServer: () => startPostgres(['-c', 'synchronous_commit=on']),
  async prepare(address) {
    const client = new pg.Client({ ...address, ...account })
    await client.connect()
    await postgresStore({ client }).createTable()
    await client.end()
  },
  connect({ host, port }, { timeoutMs, poolSize }) {
    const client = new pg.Pool({
      ...{ host, port, ...account },
      max: poolSize,
      // Without it requests wait for a connection long after they have been answered with 503.
      connectionTimeoutMillis: timeoutMs,
      // Without it a connection that has gone silent is never given up.
      query_timeout: 2 * timeoutMs,
    })
    // Without it the end of an idle connection ends the process.
    client.on('error', () => undefined)
    return {
      store: postgresStore({ client }),
      emitters: [client],
      pool: () => ({ open: client.totalCount, idle: client.idleCount, waiting: client.waitingCount }),
      close: () => client.end(),
    }
  },
  durable: true,
  restarts: 5,
  signals: ['SIGINT', 'SIGKILL'],
  recoveryMs: 2_000,
  silenceMs: 2_000,
})
