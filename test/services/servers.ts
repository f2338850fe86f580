import { startCouchbase } from './couchbase.ts'
import { startMariadb } from './mariadb.ts'
import { startMemcached } from './memcached.ts'
import { startMongodb } from './mongodb.ts'
import { startPostgres } from './postgres.ts'
import type { Server } from './process.ts'
import { startRedis } from './redis.ts'
import { startRedisCluster } from './redis-cluster.ts'

/** Starts a server of its own. `args` are added to its command line, where it takes any. */
export type StartServer = (args?: readonly string[]) => Promise<Server>

/** The servers of databases, by the name of their part in tools/services.mjs. */
export const servers = {
  couchbase: startCouchbase,
  mariadb: startMariadb,
  memcached: startMemcached,
  mongodb: startMongodb,
  postgres: startPostgres,
  redis: startRedis,
} satisfies Record<string, StartServer>

/** What all test files can share. */
export const sharedServers = {
  ...servers,
  'redis-cluster': () => startRedisCluster(),
} satisfies Record<string, StartServer>

export type ServerName = keyof typeof servers
export type SharedName = keyof typeof sharedServers
