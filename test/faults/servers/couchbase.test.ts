import { setTimeout } from 'node:timers/promises'
import { type Cluster, type Collection, connect } from 'couchbase'
import { type CouchbaseClient, couchbaseStore } from '../../../src/stores/couchbase/index.ts'
import { couchbaseBucket, couchbaseUrl, startCouchbase } from '../../services/couchbase.ts'
import { proxyTo, type TcpProxy } from '../../services/proxy.ts'
import { faultCases } from './suite.ts'

/** The server of the tests takes another port for its data with every start. */
let dataPort = 0

const opcodes = { read: 0x00, create: 0x02, replace: 0x03, touch: 0x03, delete: 0x04 }

faultCases({
  name: 'couchbaseStore',
  async startServer() {
    const server = await startCouchbase()
    const look = async () => {
      dataPort = Number(/:(\d+)=mcd$/.exec(await couchbaseUrl(server))?.[1])
    }
    await look()
    return { ...server, start: () => server.start().then(look) }
  },
  async proxyTo(): Promise<TcpProxy> {
    const proxy: TcpProxy = await proxyTo(() => dataPort, {
      rewrite: (answer) => replaced(answer, `:${dataPort}`, `:${proxy.port}`),
    })
    return proxy
  },
  connect({ host, port }, { timeoutMs }) {
    const closing = new AbortController()
    const opening = keepConnecting(closing.signal, () =>
      connect(`couchbase://${host}:${port}=mcd`, {
        username: couchbaseBucket,
        password: '',
        // By default 2.5 s for a call and 10 s for a connection.
        timeouts: { kvTimeout: timeoutMs, connectTimeout: 2_000, bootstrapTimeout: 2_000 },
      }),
    )
    return {
      store: couchbaseStore({ client: onceConnected(opening) }),
      emitters: [],
      async close() {
        closing.abort()
        await (await opening.catch(() => null))?.close()
      },
    }
  },
  // The server of the tests holds everything in memory.
  durable: false,
  restarts: 2,
  signals: ['SIGTERM', 'SIGKILL'],
  recoveryMs: 10_000,
  // The SDK leaves that to the keepalive of TCP, which the proxy answers.
  silenceMs: null,
  // Magic, opcode: the header of each request.
  decides: (request, operation) => request.includes(Buffer.of(0x80, opcodes[operation])),
})

/** The SDK's `connect` gives up. */
async function keepConnecting(signal: AbortSignal, attempt: () => Promise<Cluster>): Promise<Cluster> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (signal.aborted) throw error
      await setTimeout(250, undefined, { signal })
    }
  }
}

/** There is a collection only when there is a connection; a store can be made before. */
function onceConnected(opening: Promise<Cluster>): CouchbaseClient {
  let collection: Collection | null = null
  opening.then(
    (cluster) => {
      collection = cluster.bucket(couchbaseBucket).defaultCollection()
    },
    () => undefined,
  )
  const now = (): Collection => {
    if (collection === null) throw new Error('there is no connection to Couchbase yet')
    return collection
  }
  return {
    get: async (id, options) => now().get(id, options),
    insert: async (id, content, options) => now().insert(id, content, options),
    replace: async (id, content, options) => now().replace(id, content, options),
    remove: async (id, options) => now().remove(id, options),
  }
}

/** With all occurrences of a text replaced by one that is as long. */
function replaced(bytes: Buffer, from: string, to: string): Buffer {
  if (from.length !== to.length || !bytes.includes(from)) return bytes
  return Buffer.from(bytes.toString('latin1').replaceAll(from, to), 'latin1')
}
