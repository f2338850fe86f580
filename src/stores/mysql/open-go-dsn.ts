import { parseHosts, refusal, refuseUnknown, takeAllParameters } from '../_open/connection-string.ts'

/** A connection string of Go's MySQL driver, taken apart. */
export interface GoDsn {
  readonly user: string
  readonly password: string
  readonly host?: string
  readonly port?: number
  readonly socketPath?: string
  readonly database: string
  readonly parameters: ReadonlyMap<string, string>
}

/** What concerns only that driver, or what the store settles for itself. */
const ignored = [
  ...['allowAllFiles', 'allowCleartextPasswords', 'allowFallbackToPlaintext', 'allowNativePasswords'],
  ...['allowOldPasswords', 'charset', 'checkConnLiveness', 'clientFoundRows', 'collation', 'columnsWithAlias'],
  ...['interpolateParams', 'loc', 'maxAllowedPacket', 'multiStatements', 'parseTime', 'readTimeout'],
  ...['rejectReadOnly', 'timeTruncate', 'timeout', 'writeTimeout'],
]

/**
 * Takes apart `user:password@tcp(host:3306)/database?tls=true`, where nothing but the parameters is escaped: the last
 * slash is before the database, and the last `@` before it ends the password.
 *
 * Throws `CONFIG_INVALID` for another form, without a database, and for a parameter that would be ignored.
 */
export function parseGoDsn(dsn: string, scheme: string): GoDsn {
  const slash = dsn.lastIndexOf('/')
  const [left, right] = [dsn.slice(0, Math.max(0, slash)), dsn.slice(slash + 1)]
  if (slash < 0 || /^(\?|$)/.test(right)) {
    throw refusal(scheme, `needs a database: "${scheme}://user:password@host/database", or "...@tcp(host)/database".`)
  }
  const { taken: parameters, address: database } = takeAllParameters(right, scheme)
  refuseUnknown(parameters, ['table', 'tls', ...ignored], scheme)
  const at = left.lastIndexOf('@')
  const login = left.slice(0, Math.max(0, at))
  const colon = login.indexOf(':')
  const [, protocol = '', address = ''] = /^([a-z]*)(?:\((.*)\))?$/.exec(left.slice(at + 1)) ?? [undefined, '?']
  return {
    user: colon < 0 ? login : login.slice(0, colon),
    password: colon < 0 ? '' : login.slice(colon + 1),
    ...placeOf(protocol, address, scheme),
    database: database.includes('%') ? decodeURIComponent(database) : database,
    parameters,
  }
}

function placeOf(protocol: string, address: string, scheme: string): Pick<GoDsn, 'host' | 'port' | 'socketPath'> {
  if (protocol === 'unix' && address !== '') return { socketPath: address }
  if (protocol !== 'tcp' && protocol !== '') {
    throw refusal(scheme, 'takes an address such as "tcp(host:3306)" or "unix(/path)" before the database.')
  }
  return parseHosts([address || '127.0.0.1'], 3306, scheme)[0] ?? {}
}
