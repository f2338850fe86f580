import { openStore } from '../../../src/stores/index.ts'
import { startPostgres } from '../../services/postgres.ts'
import { startRedis } from '../../services/redis.ts'
import { startMariadb } from '../../services/mariadb.ts'
import { startMongodb } from '../../services/mongodb.ts'
import { faultCases } from './suite.ts'
import type { Backend } from './stage.ts'

const base: Omit<Backend, 'name' | 'connect' | 'startServer'> = {
  durable: true, restarts: 2, signals: ['SIGTERM'], recoveryMs: 8_000, silenceMs: 15_000,
}
const urls: Record<string, [Backend['startServer'], (port: number) => string]> = {
  redis: [() => startRedis(['--appendonly', 'yes', '--appendfsync', 'always']), (p) => `redis://127.0.0.1:${p}`],
  postgres: [() => startPostgres(['-c', 'synchronous_commit=on']), (p) => `postgres://postgres@127.0.0.1:${p}/postgres`],
  mysql: [() => startMariadb(), (p) => `mysql://root@127.0.0.1:${p}/test`],
  mongodb: [() => startMongodb(), (p) => `mongodb://127.0.0.1:${p}/test`],
}
const which = process.env['PLANT'] ?? ''
const [startServer, url] = urls[which] ?? []
if (startServer && url) faultCases({ ...base, name: which, startServer, durable: which !== 'mongodb',
  prepare: async (a) => { const s = await openStore(url(a.port)); await s.read('k'.repeat(43)); await s.close?.() },
  async connect({ port }) { const store = await openStore(url(port)); return { store, emitters: [], close: async () => { await store.close?.() } } } })
