import type { Socket } from 'node:net'
import type { Closing, Store } from '../../contract/store.ts'
import { afterTable, codeOf, endClient, loadPackage, owning, tlsOptions, tlsParameters } from '../_open/client.ts'
import { isUrl, optionsFrom, parseUrl, refusal, restOf, schemeOf, takeParameters } from '../_open/connection-string.ts'
import { connectTimeoutMs, silenceMs } from '../_open/timeouts.ts'
import type { MysqlClient } from './index.ts'
import { parseGoDsn } from './open-go-dsn.ts'

interface Mysql2 {
  createPool(options: object): MysqlClient & { end(): Promise<void>; readonly pool: MysqlPool }
}

/** The pool behind the one with promises. */
interface MysqlPool {
  on(event: 'connection', listener: (connection: { readonly stream: Socket }) => void): unknown
}

/** Where the server is, as `mysql2` takes it, and what the connection string says beside that. */
interface MysqlTarget {
  readonly connection: object
  readonly taken: ReadonlyMap<string, string>
  readonly ssl: string | undefined
}

const aboutTls = ['ssl', 'ssl-mode', 'sslmode', ...tlsParameters]

/**
 * Opens a `mysqlStore` with the package `mysql2`: `mysql://user:password@host:3306/database?table=...`, also as
 * `mariadb://`, or the form of Go's driver that beego takes, `mysql:user:password@tcp(host:3306)/database`.
 *
 * The table is created when an operation finds it missing, so an account that may not create tables can use one that
 * exists.
 */
export async function openMysql(connectionString: string): Promise<Store & Closing> {
  const scheme = schemeOf(connectionString)
  const { connection, taken, ssl } = isUrl(connectionString)
    ? fromUrl(connectionString, scheme)
    : fromGo(restOf(connectionString), scheme)
  const tls = await sslOf(ssl, taken, scheme)
  const [{ exports }, { mysqlStore }] = await Promise.all([
    loadPackage(scheme, ['mysql2/promise']),
    import('./index.ts'),
  ])
  const pool = (exports as unknown as Mysql2).createPool({
    connectTimeout: connectTimeoutMs,
    connectionLimit: 10,
    // Beyond it a query is refused at once; the callers in a longer line have given up before their turn.
    queueLimit: 200,
    ...connection,
    ...(tls === undefined ? {} : { ssl: tls }),
  })
  // A prepared statement has no time limit of its own, so a connection that has gone silent would never be given up. One
  // that is idle for so long is closed, too; the next query makes another.
  pool.pool.on('connection', ({ stream }) => {
    stream.setTimeout(silenceMs, () => stream.destroy(new Error('mysqlStore: the connection has gone silent.')))
  })
  return owning(
    () => endClient(() => pool.end()),
    () => {
      const store = mysqlStore({ client: pool, ...optionsFrom(taken, 'table', 'schema') })
      return afterTable(store, (error) => codeOf(error) === 'ER_NO_SUCH_TABLE')
    },
  )
}

function fromUrl(connectionString: string, scheme: string): MysqlTarget {
  const { hosts, path, parameters } = parseUrl(connectionString, 3306)
  if (hosts.length > 1) throw refusal(scheme, 'takes one host; leave the others out.')
  if (path === '') throw refusal(scheme, `needs a database: "${scheme}://user:password@host/database".`)
  const { address: uri, taken } = takeParameters(connectionString, ['table', 'schema', ...aboutTls])
  const connectTimeout = Number(parameters.get('connectTimeout') ?? connectTimeoutMs)
  const mode = (taken.get('ssl-mode') ?? taken.get('sslmode'))?.toLowerCase()
  return {
    connection: { uri, connectTimeout },
    taken,
    ssl: taken.get('ssl') ?? (mode === undefined ? undefined : String(mode !== 'disabled' && mode !== 'disable')),
  }
}

function fromGo(dsn: string, scheme: string): MysqlTarget {
  const { parameters, ...connection } = parseGoDsn(dsn, scheme)
  const mode = parameters.get('tls')
  if (![undefined, 'true', 'false', 'skip-verify'].includes(mode)) {
    throw refusal(scheme, 'takes "tls=" true, false or skip-verify, which verifies nothing.')
  }
  const taken = new Map(parameters)
  if (mode === 'skip-verify') taken.set('tlsAllowInvalidCertificates', 'true')
  return { connection, taken, ssl: mode === undefined ? undefined : String(mode !== 'false') }
}

/** `true`, `false`, or what `mysql2` takes: a JSON object or the name of a profile. */
async function sslOf(
  ssl: string | undefined,
  taken: ReadonlyMap<string, string>,
  scheme: string,
): Promise<object | string | undefined> {
  const isOn = ssl !== undefined && ssl !== 'false'
  const options = await tlsOptions(taken, scheme, { isOn, by: '"ssl=true"' })
  if (!isOn) return undefined
  // Without `verifyIdentity` the package takes any valid certificate, whoever it is for.
  if (ssl === 'true') return { verifyIdentity: true, ...options }
  if (!ssl.startsWith('{')) return ssl
  try {
    return { verifyIdentity: true, ...(JSON.parse(ssl) as object), ...options }
  } catch {
    throw refusal(scheme, 'has a JSON text that is not valid behind "ssl="; correct it.')
  }
}
