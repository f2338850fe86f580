import { invalid } from '../_faults/invalid.ts'

/** A client of `redis` (5 or 6), or a pool of them. */
export interface NodeRedis {
  sendCommand(command: string[]): Promise<unknown>
}

/** `createCluster` of `redis`. */
export interface NodeRedisCluster {
  readonly masters: ReadonlyArray<{ readonly address: string }>
  nodeClient(node: { readonly address: string }): NodeRedis | Promise<NodeRedis>
  sendCommand(key: string, isReadonly: boolean, command: string[]): Promise<unknown>
}

/** `createSentinel` of `redis`. */
export interface NodeRedisSentinel {
  getMasterNode(): unknown
  sendCommand(isReadonly: boolean, command: string[]): Promise<unknown>
}

/** `Redis` or `Cluster` of `ioredis` (5 or 6). */
export interface IoRedis {
  readonly options: {
    readonly keyPrefix?: string | undefined
    readonly host?: string | undefined
    readonly port?: number | undefined
    /** False: of a write that was sent twice the second is refused by the first, and counted all the same. */
    readonly autoResendUnfulfilledCommands?: boolean | undefined
    /** Of a cluster: 0, for the same reason. */
    readonly retryDelayOnFailover?: number | undefined
  }
  call(name: string, args: string[]): Promise<unknown>
  nodes?(role: 'master'): IoRedis[]
}

/** `RedisClient` of Bun. */
export interface BunRedis {
  send(name: string, args: string[]): Promise<unknown>
}

/** The calls that are made of a client, one kind of which it has to be. */
export type RedisClient = NodeRedis | NodeRedisCluster | NodeRedisSentinel | IoRedis | BunRedis

type Send = (command: string[]) => Promise<unknown>

/** A server that takes writes. */
export interface RedisMaster {
  /** Its address in a cluster. */
  readonly id: string
  readonly send: Send
}

/** What the store makes of any client. */
export interface RedisLink {
  /** Sends a command to the master of the key. */
  send(key: string, command: string[]): Promise<unknown>
  /** All masters, by address. */
  masters(): Promise<RedisMaster[]>
  /** What the client puts before the keys of commands, but not before the pattern of a scan. */
  readonly keyPrefix: string
}

/** Finds out what kind of client this is, by its methods. */
export function linkTo(given: RedisClient): RedisLink {
  const client: RedisClient = Object(given)
  if ('call' in client) return viaIoRedis(client)
  if ('nodeClient' in client) return viaNodeRedis(client)
  if ('getMasterNode' in client) return alone((command) => client.sendCommand(false, command))
  // Not what `legacy()` of `redis` makes, which has all commands, but no connection, and answers by callbacks.
  if ('sendCommand' in client && ('connect' in client || !('GET' in client)))
    return alone((command) => client.sendCommand(command))
  if ('send' in client) return alone(([name = '', ...args]) => client.send(name, args))
  throw invalid('redisStore: client must be a client of redis (not its legacy()), ioredis or Bun.')
}

function alone(send: Send, keyPrefix = ''): RedisLink {
  return { send: (_key, command) => send(command), masters: async () => [{ id: '', send }], keyPrefix }
}

function viaIoRedis(client: IoRedis): RedisLink {
  const sendTo =
    (node: IoRedis): Send =>
    ([name = '', ...args]) =>
      node.call(name, args)
  const { keyPrefix, autoResendUnfulfilledCommands, retryDelayOnFailover } = client.options
  if (client.nodes === undefined ? autoResendUnfulfilledCommands !== false : retryDelayOnFailover !== 0) {
    throw invalid(
      'redisStore: ioredis repeats writes: set autoResendUnfulfilledCommands to false (Cluster: retryDelayOnFailover to 0).',
    )
  }
  const link = alone(sendTo(client), keyPrefix)
  if (client.nodes === undefined) return link
  return cluster(link, () =>
    (client.nodes?.('master') ?? []).map((node) => ({
      id: `${node.options.host}:${node.options.port}`,
      send: sendTo(node),
    })),
  )
}

function viaNodeRedis(client: NodeRedisCluster): RedisLink {
  const send: RedisLink['send'] = (key, command) => client.sendCommand(key, false, command)
  return cluster({ send, keyPrefix: '' }, () =>
    client.masters.map((node) => ({
      id: node.address,
      send: async (command) => (await client.nodeClient(node)).sendCommand(command),
    })),
  )
}

function cluster(link: Omit<RedisLink, 'masters'>, nodes: () => RedisMaster[]): RedisLink {
  return {
    ...link,
    async masters() {
      // A client knows no nodes until it is connected: it lets a command wait, or fail.
      if (nodes().length === 0) await link.send('', ['PING'])
      return nodes().sort((a, b) => (a.id < b.id ? -1 : 1))
    },
  }
}
