import type { Closing, Store } from '../../contract/store.ts'
import { afterPreparing, endClient, loadPackage, owning } from '../_open/client.ts'
import { isUrl, optionsFrom, parseUrl, refusal, schemeOf, takeParameters } from '../_open/connection-string.ts'
import { connectTimeoutMs, silenceMs } from '../_open/timeouts.ts'
import type { MongodbClient } from './index.ts'

interface Mongodb {
  readonly MongoClient: new (
    url: string,
    options: object,
  ) => MongodbClient & {
    connect(): Promise<unknown>
    close(force: boolean): Promise<void>
  }
}

/** In ms; a connection string that says something else about one of them is right. */
const timeouts = {
  serverSelectionTimeoutMS: connectTimeoutMs,
  connectTimeoutMS: connectTimeoutMs,
  waitQueueTimeoutMS: connectTimeoutMs,
  // A socket that is silent for so long while a command waits is closed.
  socketTimeoutMS: silenceMs,
  // How often a server that is down is looked for.
  heartbeatFrequencyMS: 500,
}

/**
 * Opens a `mongodbStore` with the package `mongodb`: `mongodb://user:password@a,b/database?collection=...` or
 * `mongodb+srv://`. Every other parameter is the driver's. The indexes are created before the first operation.
 */
export async function openMongodb(connectionString: string): Promise<Store & Closing> {
  const scheme = schemeOf(connectionString)
  if (!isUrl(connectionString)) throw refusal(scheme, 'must be followed by "//host/database".')
  const { path, parameters } = parseUrl(connectionString, 27017)
  if (path === '') throw refusal(scheme, `needs a database: "${scheme}://host/database".`)
  const { address, taken } = takeParameters(connectionString, ['collection'])
  const [{ exports }, { mongodbStore }] = await Promise.all([loadPackage(scheme, ['mongodb']), import('./index.ts')])
  const options = Object.fromEntries(Object.entries(timeouts).filter(([name]) => !parameters.has(name)))
  const client = new (exports as unknown as Mongodb).MongoClient(address, options)
  return owning(
    () => endClient(() => client.close(true)),
    () => {
      const store = mongodbStore({ client, ...optionsFrom(taken, 'collection') })
      return afterPreparing(store, async () => {
        // By itself it connects once only, and every later operation fails if that did.
        await client.connect()
        await store.createIndexes()
      })
    },
  )
}
