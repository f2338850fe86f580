import type { CouchbaseClient } from '../../src/stores/couchbase/index.ts'
import type { Address } from './address.ts'
import { jarsFolder } from './jars.mjs'
import { freePort, type Server, startServer, temporaryFolder } from './process.ts'

/** The bucket that the server is started with. */
export const couchbaseBucket = 'sessions'

/** Starts CouchbaseMock: Couchbase's protocol over memory, with one node. Its port is that of the management API. */
export async function startCouchbase(): Promise<Server> {
  const port = await freePort()
  return startServer({
    name: 'couchbase',
    port,
    folder: temporaryFolder('couchbase'),
    command: 'java',
    args: [
      '-jar',
      `${jarsFolder}/CouchbaseMock-1.5.25.jar`,
      ...['--host', '127.0.0.1', '--port', String(port), '--nodes', '1', '--replicas', '0', '--cccp'],
      ...['--buckets', `${couchbaseBucket}:`],
    ],
    ready: () => couchbaseUrl({ host: '127.0.0.1', port }),
  })
}

/** What the SDK connects to. The server chooses its data port anew with every start. */
export async function couchbaseUrl({ host, port }: Address): Promise<string> {
  const response = await fetch(`http://${host}:${port}/pools/default/b/${couchbaseBucket}`)
  const { nodes } = (await response.json()) as { nodes: { ports: { direct: number } }[] }
  const direct = nodes[0]?.ports.direct
  if (direct === undefined) throw new Error('the server has no node')
  return `couchbase://${host}:${direct}=mcd`
}

/** The collection, with word of each command before it is sent; what `before` throws takes the command's place. */
export function watchedCollection(
  collection: CouchbaseClient,
  before: (command: string, id: string, options: Readonly<Record<string, unknown>>) => void,
  after: (command: string, id: string) => void = () => undefined,
): CouchbaseClient {
  return {
    async get(id, options) {
      before('get', id, { ...options })
      const result = await collection.get(id, options)
      after('get', id)
      return result
    },
    async insert(id, content, options) {
      before('insert', id, { ...options })
      await collection.insert(id, content, options)
      after('insert', id)
    },
    async replace(id, content, options) {
      before('replace', id, { ...options })
      await collection.replace(id, content, options)
      after('replace', id)
    },
    async remove(id, options) {
      before('remove', id, { ...options })
      await collection.remove(id, options)
      after('remove', id)
    },
  }
}
