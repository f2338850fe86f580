import type { Closing, Store } from '../../contract/store.ts'
import { loadPackage, owning, tlsOptions, tlsParameters } from '../_open/client.ts'
import {
  flag,
  type Host,
  isUrl,
  optionsFrom,
  parseHosts,
  parseUrl,
  refusal,
  refuseUnknown,
  restOf,
  schemeOf,
} from '../_open/connection-string.ts'
import { connectTimeoutMs, silenceMs } from '../_open/timeouts.ts'
import type { MemcachedClient } from './index.ts'

interface MemcacheClientPackage {
  readonly MemcacheClient: new (options: object) => MemcachedClient & { shutdown(): void }
}

/**
 * Opens a `memcachedStore` with the package `memcache-client`, a client for each server: `memcached://a:11211,b:11211`,
 * with `tls=true` for TLS, or beego's `memcache:a:11211;b:11211`.
 */
export async function openMemcached(connectionString: string): Promise<Store & Closing> {
  const scheme = schemeOf(connectionString)
  const { hosts, parameters } = isUrl(connectionString)
    ? fromUrl(connectionString, scheme)
    : fromBeego(restOf(connectionString), scheme)
  const isOn = flag(parameters, 'tls', scheme) === true
  const tls = await tlsOptions(parameters, scheme, { isOn, by: '"tls=true"' })
  const [{ exports }, { memcachedStore }] = await Promise.all([
    loadPackage(scheme, ['memcache-client'], ' tslib'),
    import('./index.ts'),
  ])
  const { MemcacheClient } = exports as unknown as MemcacheClientPackage
  const timeouts = { connectTimeout: connectTimeoutMs, cmdTimeout: silenceMs }
  const options = { noDelay: true, ...timeouts, ...(tls === undefined ? {} : { tls }) }
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

function fromUrl(connectionString: string, scheme: string): MemcachedTarget {
  const { user, password, hosts, path, parameters } = parseUrl(connectionString, 11211)
  refuseUnknown(parameters, ['prefix', 'tls', ...tlsParameters], scheme)
  if (user !== undefined || password !== undefined) {
    throw refusal(scheme, 'takes no user and no password, since the client has no authentication; leave them out.')
  }
  if (path !== '') throw refusal(scheme, 'takes nothing after the hosts but parameters.')
  return { hosts: checked(hosts, scheme), parameters }
}

function fromBeego(rest: string, scheme: string): MemcachedTarget {
  return { hosts: checked(parseHosts(rest.split(';'), 11211, scheme), scheme), parameters: new Map() }
}

function checked(hosts: readonly Host[], scheme: string): readonly Host[] {
  if (!hosts.some(({ host }) => host.includes(':'))) return hosts
  throw refusal(scheme, 'takes names or IPv4 addresses, since the client reads no IPv6 addresses.')
}
