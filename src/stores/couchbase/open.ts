import type { Closing, Store } from '../../contract/store.ts'
import { afterPreparing, endClient, loadPackage, owning } from '../_open/client.ts'
import {
  isUrl,
  jsonFields,
  optionsFrom,
  parseUrl,
  refusal,
  restOf,
  schemeOf,
  takeParameters,
} from '../_open/connection-string.ts'
import { connectTimeoutMs } from '../_open/timeouts.ts'
import type { CouchbaseClient } from './index.ts'

interface Couchbase {
  connect(address: string, options: object): Promise<Cluster>
}

interface Cluster {
  bucket(name: string): { scope(name: string): { collection(name: string): CouchbaseClient } }
  close(): Promise<void>
}

/** Where a bucket is, and who asks. */
interface CouchbaseTarget {
  readonly user: string
  readonly password: string
  readonly bucket: string
  readonly taken: ReadonlyMap<string, string>
  /** The connection string of the SDK. */
  address(): Promise<string>
}

const timeouts = {
  connectTimeout: connectTimeoutMs,
  bootstrapTimeout: connectTimeoutMs,
  // A call that nobody waits for any more ends, too.
  kvTimeout: connectTimeoutMs,
}

/**
 * Opens a `couchbaseStore` with the package `couchbase`: `couchbase://user:password@host/bucket?collection=...&scope=...`,
 * `couchbases://` for TLS, or beego's `couchbase:http://bucket:password@host:8091/`, which is asked where the data is.
 *
 * It connects before the first operation, and tries again with the next if that fails.
 */
export async function openCouchbase(connectionString: string): Promise<Store & Closing> {
  const scheme = schemeOf(connectionString)
  const target = isUrl(connectionString)
    ? fromUrl(connectionString, scheme)
    : fromBeego(restOf(connectionString).trim(), scheme)
  const { scope = '_default', collection = '_default' } = optionsFrom(target.taken, 'scope', 'collection')
  const [{ exports }, { couchbaseStore }] = await Promise.all([
    loadPackage(scheme, ['couchbase']),
    import('./index.ts'),
  ])
  let cluster: Cluster | undefined
  let current: CouchbaseClient | undefined

  async function connect(): Promise<void> {
    const { user: username, password } = target
    const connected = await (exports as unknown as Couchbase).connect(await target.address(), {
      username,
      password,
      timeouts,
    })
    cluster = connected
    current = connected.bucket(target.bucket).scope(scope).collection(collection)
  }

  // A collection can be had of a cluster that is connected only. No operation comes here before.
  const later = new Proxy({} as CouchbaseClient, {
    get:
      (_, method) =>
      (...values: unknown[]) => {
        if (current === undefined) throw new Error('couchbaseStore: there is no connection.')
        return Reflect.apply(Reflect.get(current, method) as () => unknown, current, values)
      },
  })
  return owning(
    () => endClient(async () => cluster?.close()),
    () => {
      const store = couchbaseStore({ client: later, ...optionsFrom(target.taken, 'prefix') })
      return afterPreparing(store, connect)
    },
  )
}

function fromUrl(connectionString: string, scheme: string): CouchbaseTarget {
  // What the SDK lets follow a port says which protocol it is for.
  const { user, password, path } = parseUrl(connectionString.replace(/=(mcd|http|manager)(?=[,/?]|$)/g, ''), 11210)
  if (path === '') throw refusal(scheme, `needs a bucket: "${scheme}://user:password@host/bucket".`)
  const { address, taken } = takeParameters(connectionString, ['prefix', 'scope', 'collection'])
  const [, hosts = '', query = ''] = /^\w+:\/\/(?:.*@)?([^/?]*)[^?]*(\?.*)?$/s.exec(address) ?? []
  return {
    user: user ?? '',
    password: password ?? '',
    bucket: path,
    taken,
    address: async () => `${scheme}://${hosts}${query}`,
  }
}

/** `http://bucket:password@host:8091/`, that and `,pool,bucket`, or JSON of the three. */
function fromBeego(rest: string, scheme: string): CouchbaseTarget {
  const [place = '', , named] = rest.startsWith('{')
    ? jsonFields(rest, ['save_path', 'pool', 'bucket'], scheme)
    : rest.split(',').map((part) => part.trim())
  if (!/^https?:\/\//i.test(place)) {
    throw refusal(scheme, 'must be followed by "//user:password@host/bucket", or "http://bucket:password@host:8091/".')
  }
  const { scheme: protocol, user = '', password = '', hosts } = parseUrl(place, 8091)
  const bucket = named || user
  const { host = '', port = 8091 } = hosts[0] ?? {}
  if (bucket === '') throw refusal(scheme, `needs a bucket: "${scheme}:http://bucket:password@host:8091/".`)
  const origin = `${protocol}://${host.includes(':') ? `[${host}]` : host}:${port}`
  return {
    user: user || bucket,
    password,
    bucket,
    taken: new Map(),
    address: () => dataAddress(origin, bucket, `${user || bucket}:${password}`),
  }
}

interface BucketMap {
  readonly nodes?: ReadonlyArray<{
    readonly hostname?: string
    readonly ports?: { readonly direct?: number; readonly httpsMgmt?: number }
  }>
}

/** Beego's client talks to the port of the management; the SDK to the one of the data, which that port tells. */
async function dataAddress(origin: string, bucket: string, login: string): Promise<string> {
  const response = await fetch(`${origin}/pools/default/b/${encodeURIComponent(bucket)}`, {
    headers: { authorization: `Basic ${btoa(login)}` },
    signal: AbortSignal.timeout(timeouts.bootstrapTimeout),
  })
  if (!response.ok)
    throw new Error(`couchbaseStore: the server answers ${response.status} to the question where the bucket is.`)
  const { nodes = [] } = (await response.json()) as BucketMap
  const { hostname } = new URL(origin)
  const hosts = nodes.flatMap(({ hostname: place = '', ports }) => {
    const name = place.replace(/:\d+$/, '').replace('$HOST', hostname) || hostname
    return ports?.direct === undefined ? [] : [`${name}:${ports.direct}=mcd`]
  })
  if (hosts.length === 0) throw new Error('couchbaseStore: the server names no node that has the bucket.')
  return `couchbase://${hosts.join(',')}`
}
