import pg from 'pg'
import { startPostgres } from '../services/postgres.ts'
import { type Server, temporaryFolder } from '../services/process.ts'
import { proxyTo } from '../services/proxy.ts'
import { startRedis } from '../services/redis.ts'
import type { TargetUnderFaults } from './cases.ts'
import type { Target } from './job.ts'
import { storeTimeoutMs } from './run.ts'
import { type Reached, serverFaults } from './server-faults.ts'

/** A folder. There is no server to fail; a client may be stopped or killed while it holds a lock. */
export async function fileTarget(): Promise<TargetUnderFaults> {
  return { target: { through: 'file', at: temporaryFolder('history') }, faults: [], close: async () => undefined }
}

/** A PostgreSQL whose commits survive a kill. */
export async function postgresTarget(through: 'pg' | 'postgres'): Promise<TargetUnderFaults> {
  const server = await startPostgres(['-c', 'synchronous_commit=on'])
  // Killed at once, it would leave workers behind that its successor has to wait for.
  return serverTarget(through, server, { ending: 'SIGQUIT', workers: () => postgresWorkers(server.port) })
}

/** A Redis that has written each command to its log before it answers. */
export async function redisTarget(through: 'redis' | 'ioredis'): Promise<TargetUnderFaults> {
  const server = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always'])
  return serverTarget(through, server, { ending: 'SIGKILL' })
}

async function serverTarget(
  through: Target['through'],
  server: Server,
  reached: Pick<Reached, 'ending' | 'workers'>,
): Promise<TargetUnderFaults> {
  const proxy = await proxyTo(server.port)
  return {
    target: { through, at: proxy.port },
    faults: serverFaults({ server, proxy, ...reached }, storeTimeoutMs),
    async close() {
      await proxy.close()
      await server.close()
    },
  }
}

/** Each connection is served by a process of its own, which goes on when the first one is stopped. */
async function postgresWorkers(port: number): Promise<number[]> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
  // The server may be ended while this asks.
  client.on('error', () => undefined)
  await client.connect()
  const { rows } = await client.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
  )
  await client.end()
  return rows.map(({ pid }) => pid)
}
