import type { Closing, Store } from '../../contract/store.ts'
import { afterTable, codeOf, endClient, loadPackage, owning, readText } from '../_open/client.ts'
import { isUrl, optionsFrom, parseUrl, refusal, restOf, schemeOf, takeParameters } from '../_open/connection-string.ts'
import { connectTimeoutMs, silenceMs } from '../_open/timeouts.ts'
import type { PostgresStoreOptions } from './index.ts'
import { pairsOf } from './open-pairs.ts'

interface Pg {
  readonly Pool: new (
    options: object,
  ) => {
    on(event: 'error', listener: () => void): unknown
    end(): Promise<void>
  }
}

interface PostgresJs {
  readonly default: (url: string, options: object) => { end(options: { timeout: number }): Promise<void> }
}

/** What both packages take as `ssl`: an object for TLS, under whose defaults the certificate is verified. */
type Ssl = object | false | undefined

const own = ['table', 'schema'] as const
const aboutTls = ['sslmode', 'ssl', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation', 'uselibpqcompat']
/** The SQLSTATE for a table that does not exist. */
const undefinedTable = '42P01'

/**
 * Opens a `postgresStore` with the package `pg`, or with `postgres` if that is the one that is installed:
 * `postgres://user:password@host:5432/database?table=...&schema=...`, or beego's
 * `postgresql:user=a password=b dbname=c sslmode=disable`.
 *
 * What a connection string says about TLS is interpreted here: the two packages differ in what they make of `sslmode`, and one of
 * them verifies nothing under `require`. The table is created when an operation finds it missing, so a role that may
 * not create tables can use one that exists.
 */
export async function openPostgres(connectionString: string): Promise<Store & Closing> {
  const scheme = schemeOf(connectionString)
  const url = isUrl(connectionString) ? connectionString : urlOf(pairsOf(restOf(connectionString), scheme))
  const { path } = parseUrl(url, 5432, 'host')
  if (path === '') throw refusal(scheme, `needs a database: "${scheme}://user:password@host/database".`)
  const { address, taken } = takeParameters(url, [...own, ...aboutTls, 'connect_timeout'])
  const ssl = await sslOf(taken, scheme)
  const seconds = Number(taken.get('connect_timeout')) || connectTimeoutMs / 1_000
  const negotiation = taken.get('sslnegotiation')
  const settings = {
    ...(ssl === undefined ? {} : { ssl }),
    ...(negotiation === undefined ? {} : { sslnegotiation: negotiation }),
  }
  const [{ name, exports }, { postgresStore }] = await Promise.all([
    loadPackage(scheme, ['pg', 'postgres']),
    import('./index.ts'),
  ])
  const { client, end } = (name === 'pg' ? connectPg : connectPostgresJs)(exports, address, settings, seconds)
  return owning(end, () => {
    const store = postgresStore({ client, ...optionsFrom(taken, ...own) })
    return afterTable(store, (error) => codeOf(error) === undefinedTable)
  })
}

interface Connected {
  readonly client: PostgresStoreOptions['client']
  end(): Promise<void>
}

function connectPg(exports: object, connectionString: string, settings: object, seconds: number): Connected {
  const pool = new (exports as Pg).Pool({
    ...settings,
    connectionString,
    connectionTimeoutMillis: seconds * 1_000,
    // A query that is not answered gives up its connection.
    query_timeout: silenceMs,
    keepAlive: true,
  })
  // An idle connection that is lost would end the process; the next query makes another.
  pool.on('error', () => undefined)
  return {
    client: pool as unknown as PostgresStoreOptions['client'],
    end: () => endClient(() => pool.end()),
  }
}

function connectPostgresJs(exports: object, url: string, settings: object, seconds: number): Connected {
  const sql = (exports as PostgresJs).default(url, {
    ...settings,
    connect_timeout: seconds,
    backoff: (attempts: number) => Math.min(2, 0.05 * 2 ** attempts),
    // If the driver's own query for types is cut off, nobody catches its error, and the process ends.
    fetch_types: false,
    onnotice: () => undefined,
  })
  return { client: sql as unknown as PostgresStoreOptions['client'], end: () => sql.end({ timeout: 1 }) }
}

/** As `sslmode` of libpq names it, but a certificate that cannot be verified is refused unless told otherwise. */
async function sslOf(taken: ReadonlyMap<string, string>, scheme: string): Promise<Ssl> {
  const mode = taken.get('sslmode') ?? sslModes[taken.get('ssl') ?? ''] ?? taken.get('ssl')
  if (taken.has('uselibpqcompat')) {
    throw refusal(scheme, 'verifies certificates; "sslmode=no-verify" is how to go without, not "uselibpqcompat".')
  }
  const root = taken.get('sslrootcert')
  const files = { ca: root === 'system' ? undefined : root, cert: taken.get('sslcert'), key: taken.get('sslkey') }
  const contents: Record<string, string> = {}
  for (const [option, file] of Object.entries(files)) {
    if (file !== undefined)
      contents[option] = await readText(file, `ssl${option === 'ca' ? 'rootcert' : option}`, scheme)
  }
  switch (mode) {
    case undefined:
      return root !== undefined || taken.get('sslnegotiation') === 'direct' ? contents : undefined
    case 'disable':
      return false
    case 'prefer':
    case 'require':
    case 'verify-full':
      return contents
    case 'verify-ca':
      if (contents['ca'] === undefined) throw refusal(scheme, 'needs "sslrootcert" for "sslmode=verify-ca".')
      return { ...contents, checkServerIdentity: () => undefined }
    case 'no-verify':
      return { ...contents, rejectUnauthorized: false }
    default:
      throw refusal(
        scheme,
        'takes "sslmode=" disable, require, verify-ca, verify-full or no-verify; all but the last verify.',
      )
  }
}

const sslModes: Readonly<Record<string, string>> = {
  true: 'require',
  1: 'require',
  false: 'disable',
  0: 'disable',
}

/** What only lib/pq knows, and a server would refuse. */
const ignored = ['binary_parameters', 'disable_prepared_binary_result', 'fallback_application_name']

/** The URL that says the same. As in lib/pq the host is `localhost` and TLS is required unless something else is said. */
function urlOf(pairs: ReadonlyMap<string, string>): string {
  const {
    user = '',
    password = '',
    host = 'localhost',
    port = '5432',
    dbname = '',
    ...others
  } = Object.fromEntries(pairs)
  const query = new URLSearchParams({ sslmode: 'require', ...others })
  for (const name of ignored) query.delete(name)
  const login = user === '' ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`
  const name = host.includes(':') ? `[${host}]` : encodeURIComponent(host)
  // Drivers decode a plus sign as what it is.
  return `postgresql://${login}${name}:${port}/${encodeURIComponent(dbname)}?${String(query).replaceAll('+', '%20')}`
}
