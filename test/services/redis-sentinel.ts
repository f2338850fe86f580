import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, type Server, startServer, temporaryFolder } from './process.ts'
import { redisAnswers, startRedis, untilTold } from './redis.ts'

/** A master with its replicas, and the sentinels that watch over them. */
export interface RedisSentinel {
  /** The name that clients ask the sentinels for. */
  readonly name: string
  /** The one that is master at first. */
  readonly master: Server
  readonly replicas: readonly Server[]
  readonly sentinels: readonly Server[]
  /** The port of the master of now, as the sentinels see it. */
  masterPort(): Promise<number>
  close(): Promise<void>
}

const name = 'main'
const quorum = 2

/** Starts a master, two replicas and three sentinels, and resolves when all of them know each other. */
export async function startRedisSentinel(): Promise<RedisSentinel> {
  const master = await startRedis(['--repl-diskless-sync-delay', '0'])
  const following = ['--replicaof', master.host, String(master.port), '--repl-diskless-sync-delay', '0']
  const replicas = await Promise.all([startRedis(following), startRedis(following)])
  await Promise.all(replicas.map((replica) => untilTold(replica, ['INFO', 'replication'], /master_link_status:up/)))
  const sentinels = await Promise.all(Array.from({ length: 3 }, () => startSentinel(master.port)))
  const known = new RegExp(`slaves=${replicas.length},sentinels=${sentinels.length}`)
  await Promise.all(sentinels.map((sentinel) => untilTold(sentinel, ['INFO', 'sentinel'], known)))
  const [first] = sentinels
  if (first === undefined) throw new Error('no sentinel')
  return {
    name,
    master,
    replicas,
    sentinels,
    async masterPort() {
      const answer = await untilTold(first, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name], /\d+$/)
      return Number(answer.split('\n').at(-1))
    },
    async close() {
      await Promise.all([...sentinels, ...replicas, master].map((server) => server.close()))
    },
  }
}

/** Starts a sentinel that gives a master up after three seconds. It keeps what it learns in its own configuration. */
async function startSentinel(masterPort: number): Promise<Server> {
  const port = await freePort()
  const folder = temporaryFolder('sentinel')
  const configuration = join(folder, 'sentinel.conf')
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor ${name} 127.0.0.1 ${masterPort} ${quorum}`,
    `sentinel down-after-milliseconds ${name} 3000`,
    `sentinel failover-timeout ${name} 10000`,
    '',
  ]
  writeFileSync(configuration, lines.join('\n'))
  return startServer({
    name: 'redis-sentinel',
    port,
    folder,
    command: 'redis-sentinel',
    args: [configuration],
    ready: () => redisAnswers(port),
  })
}
