import { tlsParameters } from '../_open/client.ts'
import {
  type Host,
  isUrl,
  jsonFields,
  parseHosts,
  parseUrl,
  refusal,
  refuseUnknown,
  restOf,
  type StoreUrl,
  schemeOf,
} from '../_open/connection-string.ts'

/** Where and how to reach Redis. */
export interface RedisTarget {
  readonly kind: 'single' | 'cluster' | 'sentinel'
  /** One for a single server; any of the nodes or sentinels otherwise. */
  readonly hosts: readonly Host[]
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: number
  /** What the sentinels call the master. */
  readonly master: string | undefined
  readonly isTls: boolean
  readonly parameters: ReadonlyMap<string, string>
}

/**
 * What a connection string says about Redis: `redis://user:password@host:6379/0`, `redis+cluster://a:6379,b:6379`,
 * `redis+sentinel://a:26379,b:26379/mymaster/0`, with `rediss` for TLS; or beego's `redis:host:6379,100,password,0`,
 * `redis_cluster:a:7070;b:7071,100,password`, `redis_sentinel:a:26379;b:26379,100,password,0,mymaster`, or its JSON.
 */
export function parseRedis(connectionString: string): RedisTarget {
  const scheme = schemeOf(connectionString)
  const kind = scheme.endsWith('cluster') ? 'cluster' : scheme.endsWith('sentinel') ? 'sentinel' : 'single'
  if (isUrl(connectionString)) return fromUrl(parseUrl(connectionString, defaultPort[kind]), kind)
  if (/[+]|^rediss/.test(scheme)) throw refusal(scheme, `must be followed by "//": "${scheme}://host".`)
  return fromBeego(restOf(connectionString).trim(), kind, scheme)
}

const defaultPort = { single: 6379, cluster: 6379, sentinel: 26379 } as const

function fromUrl(url: StoreUrl, kind: RedisTarget['kind']): RedisTarget {
  const { scheme, hosts, user, password, parameters } = url
  const isTls = scheme.startsWith('rediss')
  const known = [
    'prefix',
    ...(kind === 'sentinel' ? ['sentinelUsername', 'sentinelPassword'] : []),
    ...(isTls ? tlsParameters : []),
  ]
  refuseUnknown(parameters, known, scheme)
  if (kind === 'single' && hosts.length > 1) {
    throw refusal(scheme, `takes one host; several are "${scheme}+cluster:" or "${scheme}+sentinel:".`)
  }
  const path = url.path.replace(/\/$/, '')
  const [master, database] = kind === 'sentinel' ? halves(path) : [undefined, path]
  if (master === '') throw refusal(scheme, `needs the name of the master: "${scheme}://host/mymaster".`)
  return {
    kind,
    hosts,
    user,
    password,
    database: databaseOf(database, kind, scheme),
    master,
    isTls,
    parameters,
  }
}

const jsonNames = ['save_path', 'poolsize', 'password', 'db_num', 'master_name']

/** `address,pool size,password,database` and then `,master name` or settings of the Go client; or JSON of these. */
function fromBeego(rest: string, kind: RedisTarget['kind'], scheme: string): RedisTarget {
  const fields = rest.startsWith('{')
    ? jsonFields(rest, jsonNames, scheme)
    : rest.split(',').map((field) => field.trim())
  const [address = '', , password = '', database = '', master = ''] = fields
  if (address === '') throw refusal(scheme, `needs a host: "${scheme}:127.0.0.1:${defaultPort[kind]}".`)
  return {
    kind,
    hosts: parseHosts(kind === 'single' ? [address] : address.split(';'), defaultPort[kind], scheme),
    user: undefined,
    password: password || undefined,
    database: databaseOf(database, kind, scheme),
    master: kind === 'sentinel' ? master || 'mymaster' : undefined,
    isTls: false,
    parameters: new Map(),
  }
}

function databaseOf(text: string, kind: RedisTarget['kind'], scheme: string): number {
  if (!/^\d{0,5}$/.test(text)) throw refusal(scheme, 'takes a number as the database: "/0".')
  if (kind === 'cluster' && Number(text) > 0) throw refusal(scheme, `has no databases; leave "/${text}" out.`)
  return Number(text)
}

function halves(path: string): [string, string] {
  const [master = '', ...rest] = path.split('/')
  return [master, rest.join('/')]
}
