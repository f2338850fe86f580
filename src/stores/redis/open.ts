import type { Closing, Store } from '../../contract/store.ts'
import { around, codeOf, loadPackage, owning, tlsOptions } from '../_open/client.ts'
import { optionsFrom, schemeOf } from '../_open/connection-string.ts'
import type { RedisClient } from './index.ts'
import type { RedisConnection, RedisConnector } from './open-link.ts'
import { parseRedis } from './open-target.ts'

/** How long opening waits for the first attempt, so that the first requests find a connection. */
const patienceMs = 1_000

/**
 * Opens a `redisStore` with the package `redis`, or with `ioredis` if that is the one that is installed.
 *
 * While there is no connection, operations fail at once with the reason, and nothing is queued: a write that was given
 * up must not happen a minute later.
 */
export async function openRedis(connectionString: string): Promise<Store & Closing> {
  const target = parseRedis(connectionString)
  const scheme = schemeOf(connectionString)
  const tls = await tlsOptions(target.parameters, scheme, { isOn: target.isTls, by: '"rediss:"' })
  const { name, exports } = await loadPackage(scheme, ['redis', 'ioredis'])
  const [connect, { redisStore }] = await Promise.all([connectorOf(name), import('./index.ts')])
  const connection = connect(exports, target, tls)
  return owning(connection.end, async () => {
    const store = redisStore({ client: connection.client as RedisClient, ...optionsFrom(target.parameters, 'prefix') })
    await Promise.race([connection.firstAttempt, after(patienceMs)])
    return around(store, (operation) => explain(operation, connection))
  })
}

async function connectorOf(name: string): Promise<RedisConnector> {
  return name === 'ioredis'
    ? (await import('./open-ioredis.ts')).connectIoredis
    : (await import('./open-node-redis.ts')).connectNodeRedis
}

/** Clients say that they are offline; an operator wants to know why. */
async function explain<Answer>(operation: () => Answer, connection: RedisConnection): Promise<Awaited<Answer>> {
  try {
    return await operation()
  } catch (error) {
    const fault = connection.fault()
    if (fault === undefined || fault === error || !(error instanceof Error)) throw error
    throw new Error(`${error.message} (${fault.message || codeOf(fault)})`, { cause: error })
  }
}

/** Resolves after that time, without keeping the process from ending. */
function after(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms).unref())
}
