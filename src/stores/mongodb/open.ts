import type { Closing, Store } from '../../contract/store.ts'
import { afterPreparing, endWithin, loadPackage, owning } from '../_open/client.ts'
import { invalid, isUrl, optionsFrom, parseUrl, takeParameters } from '../_open/text.ts'
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

/** In ms; a text that says something else about one of them is right. */
const timeouts = {
  serverSelectionTimeoutMS: 2_000,
  connectTimeoutMS: 2_000,
  waitQueueTimeoutMS: 2_000,
  // A socket that is silent for so long while a command waits is closed.
  socketTimeoutMS: 4_000,
  // How often a server that is down is looked for.
  heartbeatFrequencyMS: 500,
}

/**
 * Opens a `mongodbStore` with the package `mongodb`: `mongodb://user:password@a,b/database?collection=...` or
 * `mongodb+srv://`. Every other parameter is the driver's. The indexes are created before the first operation.
 */
export async function openMongodb(text: string): Promise<Store & Closing> {
  const scheme = text.slice(0, text.indexOf(':')).toLowerCase()
  if (!isUrl(text)) throw invalid(`"${scheme}:" is followed by "//host/database".`)
  const { path, parameters } = parseUrl(text, 27017)
  if (path === '') throw invalid(`"${scheme}:" needs a database: "${scheme}://host/database".`)
  const { text: address, taken } = takeParameters(text, ['collection'])
  const [{ exports }, { mongodbStore }] = await Promise.all([loadPackage(scheme, ['mongodb']), import('./index.ts')])
  const options = Object.fromEntries(Object.entries(timeouts).filter(([name]) => !parameters.has(name)))
  const client = new (exports as unknown as Mongodb).MongoClient(address, options)
  return owning(
    () => endWithin(1_000, () => client.close(true)),
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
