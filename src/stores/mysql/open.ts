import type { Socket } from 'node:net'
import type { Closing, Store } from '../../contract/store.ts'
import { afterTable, codeOf, endWithin, loadPackage, owning, tlsOptions, tlsParameters } from '../_open/client.ts'
import { invalid, isUrl, optionsFrom, parseUrl, restOf, takeParameters } from '../_open/text.ts'
import type { MysqlClient } from './index.ts'
import { parseGoDsn } from './open-go-dsn.ts'

interface Mysql2 {
  createPool(options: object): MysqlClient & { end(): Promise<void>; readonly pool: MysqlPool }
}

/** The pool behind the one with promises. */
interface MysqlPool {
  on(event: 'connection', listener: (connection: { readonly stream: Socket }) => void): unknown
}

/** Where the server is, as `mysql2` takes it, and what the text says beside that. */
interface MysqlTarget {
  readonly connection: object
  readonly taken: ReadonlyMap<string, string>
  readonly ssl: string | undefined
}

const connectTimeoutMs = 2_000
/** A connection that is idle for so long, in ms, is closed, too; the next query makes another. */
const silenceMs = 4_000
const aboutTls = ['ssl', 'ssl-mode', 'sslmode', ...tlsParameters]

/**
 * Opens a `mysqlStore` with the package `mysql2`: `mysql://user:password@host:3306/database?table=...`, also as
 * `mariadb://`, or the form of Go's driver that beego takes, `mysql:user:password@tcp(host:3306)/database`.
 *
 * The table is created when an operation finds it missing, so an account that may not create tables can use one that
 * exists.
 */
export async function openMysql(text: string): Promise<Store & Closing> {
  const scheme = text.slice(0, text.indexOf(':')).toLowerCase()
  const { connection, taken, ssl } = isUrl(text) ? fromUrl(text, scheme) : fromGo(restOf(text), scheme)
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
  // A prepared statement has no time limit of its own, so a connection that has gone silent would never be given up.
  pool.pool.on('connection', ({ stream }) => {
    stream.setTimeout(silenceMs, () => stream.destroy(new Error('MySQL has gone silent')))
  })
  return owning(
    () => endWithin(1_000, () => pool.end()),
    () => {
      const store = mysqlStore({ client: pool, ...optionsFrom(taken, 'table', 'schema') })
      return afterTable(store, (error) => codeOf(error) === 'ER_NO_SUCH_TABLE')
    },
  )
}

function fromUrl(text: string, scheme: string): MysqlTarget {
  const { hosts, path, parameters } = parseUrl(text, 3306)
  if (hosts.length > 1) throw invalid(`"${scheme}:" takes one host.`)
  if (path === '') throw invalid(`"${scheme}:" needs a database: "${scheme}://user:password@host/database".`)
  const { text: uri, taken } = takeParameters(text, ['table', 'schema', ...aboutTls])
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
    throw invalid(`"${scheme}:" takes "tls=" true, false or skip-verify, which verifies nothing.`)
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
  const options = await tlsOptions(taken, scheme)
  if (ssl === undefined || ssl === 'false') {
    if (Object.keys(options).length > 0) throw invalid(`"${scheme}:" needs "ssl=true" beside the parameters of TLS.`)
    return undefined
  }
  // Without `verifyIdentity` the package takes any valid certificate, whoever it is for.
  if (ssl === 'true') return { verifyIdentity: true, ...options }
  if (!ssl.startsWith('{')) return ssl
  try {
    return { verifyIdentity: true, ...(JSON.parse(ssl) as object), ...options }
  } catch {
    throw invalid(`"${scheme}:" has "ssl={", which begins a JSON text that is not valid.`)
  }
}
