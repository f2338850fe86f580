import type { Closing, Store } from '../../contract/store.ts'
import { loadPackage, owning, tlsOptions, tlsParameters } from '../_open/client.ts'
import {
  flag,
  type Host,
  invalid,
  isUrl,
  optionsFrom,
  parseHosts,
  parseUrl,
  refuseUnknown,
  restOf,
} from '../_open/text.ts'
import type { MemcachedClient } from './index.ts'

interface MemcacheClientPackage {
  readonly MemcacheClient: new (options: object) => MemcachedClient & { shutdown(): void }
}

/**
 * Opens a `memcachedStore` with the package `memcache-client`, a client for each server: `memcached://a:11211,b:11211`,
 * with `tls=true` for TLS, or beego's `memcache:a:11211;b:11211`.
 */
export async function openMemcached(text: string): Promise<Store & Closing> {
  const scheme = text.slice(0, text.indexOf(':')).toLowerCase()
  const { hosts, parameters } = isUrl(text) ? fromUrl(text, scheme) : fromBeego(restOf(text), scheme)
  const isTls = flag(parameters, 'tls', scheme) === true
  const tls = await tlsOptions(parameters, scheme)
  if (!isTls && Object.keys(tls).length > 0)
    throw invalid(`"${scheme}:" needs "tls=true" beside the parameters of TLS.`)
  const [{ exports }, { memcachedStore }] = await Promise.all([
    loadPackage(scheme, ['memcache-client'], ' tslib'),
    import('./index.ts'),
  ])
  const { MemcacheClient } = exports as unknown as MemcacheClientPackage
  const options = { noDelay: true, connectTimeout: 2_000, cmdTimeout: 4_000, ...(isTls ? { tls } : {}) }
  const client = hosts.map(({ host, port }) => new MemcacheClient({ ...options, server: `${host}:${port}` }))
  return owning(
    async () => {
      for (const each of client) each.shutdown()
    },
    () => memcachedStore({ client, ...optionsFrom(parameters, 'prefix') }),
  )
}

interface MemcachedTarget {
  readonly hosts: readonly Host[]
  readonly parameters: ReadonlyMap<string, string>
}

function fromUrl(text: string, scheme: string): MemcachedTarget {
  const { user, password, hosts, path, parameters } = parseUrl(text, 11211)
  refuseUnknown(parameters, ['prefix', 'tls', ...tlsParameters], scheme)
  if (user !== undefined || password !== undefined) {
    throw invalid(`"${scheme}:" takes no user and no password: the client has no authentication.`)
  }
  if (path !== '') throw invalid(`"${scheme}:" takes nothing after the hosts but parameters.`)
  return { hosts: checked(hosts, scheme), parameters }
}

function fromBeego(rest: string, scheme: string): MemcachedTarget {
  return { hosts: checked(parseHosts(rest.split(';'), 11211, scheme), scheme), parameters: new Map() }
}

function checked(hosts: readonly Host[], scheme: string): readonly Host[] {
  if (!hosts.some(({ host }) => host.includes(':'))) return hosts
  throw invalid(`"${scheme}:" takes names or IPv4 addresses: the client reads no IPv6 addresses.`)
}
