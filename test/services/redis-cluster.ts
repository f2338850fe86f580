import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { freePort, type Server } from './process.ts'
import { startRedis, untilTold } from './redis.ts'

/** A Redis Cluster. As a `Server` it is its first node; `close` ends all of them. */
export interface RedisCluster extends Server {
  /** The masters at first, then a replica of each. */
  readonly nodes: readonly Server[]
}

const run = promisify(execFile)
const masters = 3

/** How a test wants its cluster. */
export interface RedisClusterOptions {
  /** After how many ms a node that does not answer is given up. Default 15,000, so that a busy machine changes nothing. */
  readonly nodeTimeoutMs?: number
}

/** Starts a cluster of three masters with a replica each, and resolves when it answers and all replicas follow. */
export async function startRedisCluster({ nodeTimeoutMs = 15_000 }: RedisClusterOptions = {}): Promise<RedisCluster> {
  const nodes = await Promise.all(Array.from({ length: 2 * masters }, () => startNode(nodeTimeoutMs)))
  const [first] = nodes
  if (first === undefined) throw new Error('no node')
  const addresses = nodes.map(({ host, port }) => `${host}:${port}`)
  await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'])
  await Promise.all(nodes.map((node) => untilTold(node, ['CLUSTER', 'INFO'], /cluster_state:ok/)))
  await Promise.all(
    nodes.slice(masters).map((node) => untilTold(node, ['INFO', 'replication'], /master_link_status:up/)),
  )
  return {
    ...first,
    name: 'redis-cluster',
    nodes,
    async close() {
      await Promise.all(nodes.map((node) => node.close()))
    },
  }
}

async function startNode(nodeTimeoutMs: number): Promise<Server> {
  // Otherwise the bus is at the port plus 10,000, which may be taken or not be a port.
  const bus = String(await freePort())
  return startRedis([
    ...['--cluster-enabled', 'yes', '--cluster-port', bus, '--cluster-node-timeout', String(nodeTimeoutMs)],
    // A test that loses a master wants its replica at once and the rest of the cluster meanwhile.
    ...['--cluster-require-full-coverage', 'no', '--cluster-replica-validity-factor', '0'],
    ...['--repl-diskless-sync-delay', '0'],
  ])
}
