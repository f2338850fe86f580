import type { SessionError } from '../../errors.ts'
import { invalid } from '../_faults/invalid.ts'

/** One server of a connection string. */
export interface Host {
  /** Without the brackets of an IPv6 address. */
  readonly host: string
  /** As written, or the default of the scheme. */
  readonly port: number
}

/** A URL with any number of hosts, taken apart and percent-decoded. */
export interface StoreUrl {
  /** Lower case, without the colon. */
  readonly scheme: string
  readonly user: string | undefined
  readonly password: string | undefined
  readonly hosts: readonly Host[]
  /** Without the slash before it; `''` if there is none. */
  readonly path: string
  readonly parameters: ReadonlyMap<string, string>
}

/** What comes before the first colon, in lower case; `''` without one. */
export function schemeOf(connectionString: string): string {
  return connectionString.slice(0, Math.max(0, connectionString.indexOf(':'))).toLowerCase()
}

/** A `CONFIG_INVALID` about a connection string with this scheme, to throw; its sentence goes on behind the scheme. */
export function refusal(scheme: string, sentence: string): SessionError {
  return invalid(`openStore: "${scheme}:" ${sentence}`)
}

/** What comes after the scheme and its colon. */
export function restOf(connectionString: string): string {
  return connectionString.slice(connectionString.indexOf(':') + 1)
}

/** Whether a connection string is a URL: two slashes after the scheme. */
export function isUrl(connectionString: string): boolean {
  return restOf(connectionString).startsWith('//')
}

/** Fields of the JSON that beego's providers take, in the order of their names; `''` for one that is not there. */
export function jsonFields(json: string, names: readonly string[], scheme: string): string[] {
  try {
    const fields = JSON.parse(json) as Readonly<Record<string, unknown>>
    return names.map((name) => String(fields[name] ?? ''))
  } catch {
    // Its error would repeat the JSON.
    throw refusal(scheme, 'is followed by a JSON text that is not valid; correct it.')
  }
}

/**
 * Takes apart a connection string that is a URL (RFC 3986), with several hosts separated by commas.
 *
 * Not `new URL`, which refuses several hosts and whose errors repeat all of it. Throws `CONFIG_INVALID` without a host,
 * or if a port or a percent-escape is wrong.
 *
 * @param defaultPort - The port of a host that names none.
 * @param instead - The parameter that may name the host instead, such as the folder of a socket; `hosts` is empty then.
 */
export function parseUrl(connectionString: string, defaultPort: number, instead?: string): StoreUrl {
  const scheme = schemeOf(connectionString)
  const [, authority = '', path = '', query = ''] =
    /^\/\/([^/?#]*)\/?([^?#]*)(?:\?([^#]*))?/.exec(restOf(connectionString)) ?? []
  const at = authority.lastIndexOf('@')
  const parameters = parametersOf(query, scheme)
  const list = authority.slice(at + 1)
  const isElsewhere = list === '' && instead !== undefined && parameters.has(instead)
  const [user, password] = at < 0 ? [undefined, undefined] : loginOf(authority.slice(0, at))
  return {
    scheme,
    user: user === undefined ? undefined : decode(user, scheme),
    password: password === undefined ? undefined : decode(password, scheme),
    hosts: isElsewhere ? [] : parseHosts(list.split(','), defaultPort, scheme),
    path: decode(path, scheme),
    parameters,
  }
}

/**
 * The hosts of a list such as `a:6379`, `b`, `[::1]:6379`.
 *
 * Throws `CONFIG_INVALID` for an empty list or host, and for what is no port.
 */
export function parseHosts(list: readonly string[], defaultPort: number, scheme: string): Host[] {
  return list.map((item) => {
    const [, name = '', address = '', port] =
      /^(?:\[([0-9a-f:.%]+)\]|([^\s:@/[\]]+))(?::(\d{1,5}))?$/i.exec(item.trim()) ?? []
    const host = decode(name || address, scheme)
    const number = port === undefined ? defaultPort : Number(port)
    if (host === '') throw refusal(scheme, `needs a host, or several: "host:${defaultPort}". ${encodeHint}`)
    if (number < 1 || number > 65535) throw refusal(scheme, 'needs a port between 1 and 65535.')
    return { host, port: number }
  })
}

/** A connection string, and the parameters that were taken out of its query. */
export interface TakenParameters {
  /** The connection string without them, for the client. */
  readonly address: string
  readonly taken: ReadonlyMap<string, string>
}

/** Takes parameters out of the query of a connection string, so that its client does not see them. */
export function takeParameters(
  connectionString: string,
  names: readonly string[],
  scheme: string = schemeOf(connectionString),
): TakenParameters {
  const at = connectionString.indexOf('?')
  if (at < 0) return { address: connectionString, taken: new Map() }
  const pairs = connectionString.slice(at + 1).split('&')
  const isTaken = (pair: string): boolean => names.includes(pair.split('=', 1)[0] ?? '')
  const rest = pairs.filter((pair) => !isTaken(pair)).join('&')
  const taken = parametersOf(pairs.filter(isTaken).join('&'), scheme)
  return { address: connectionString.slice(0, at) + (rest === '' ? '' : `?${rest}`), taken }
}

/** Takes out all of them, also of what comes behind a scheme. */
export function takeAllParameters(address: string, scheme: string): TakenParameters {
  const names = parametersOf(address.replace(/^[^?]*\??/, ''), scheme).keys()
  return takeParameters(address, [...names], scheme)
}

/** Throws `CONFIG_INVALID` for a parameter that is not among the known ones. */
export function refuseUnknown(parameters: ReadonlyMap<string, string>, known: readonly string[], scheme: string): void {
  for (const name of parameters.keys()) {
    if (known.includes(name)) continue
    const others = known.length === 0 ? 'It takes none.' : `It takes ${known.join(', ')}.`
    throw refusal(scheme, `has no parameter "${/^\w{1,40}$/.test(name) ? name : '?'}". ${others}`)
  }
}

/** A parameter as `true` or `false`; undefined if it is not there. Throws `CONFIG_INVALID` for anything else. */
export function flag(parameters: ReadonlyMap<string, string>, name: string, scheme: string): boolean | undefined {
  const value = parameters.get(name)
  if (value === undefined || value === 'true' || value === 'false') return value && value === 'true'
  throw refusal(scheme, `takes "${name}=true" or "${name}=false".`)
}

/** The parameters of these names that are there, as options of a store. */
export function optionsFrom<Name extends string>(
  parameters: ReadonlyMap<string, string>,
  ...names: readonly Name[]
): Partial<Record<Name, string>> {
  const options: Partial<Record<Name, string>> = {}
  for (const name of names) {
    const value = parameters.get(name)
    if (value !== undefined) options[name] = value
  }
  return options
}

const encodeHint = 'Special characters in a password are percent-encoded.'

/** The user, and the password if there is a colon. */
function loginOf(login: string): [string | undefined, string | undefined] {
  const colon = login.indexOf(':')
  const [user, password] = colon < 0 ? [login, undefined] : [login.slice(0, colon), login.slice(colon + 1)]
  return [user || undefined, password || undefined]
}

function parametersOf(query: string, scheme: string): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const [name = '', ...value] = pair.split('=')
    if (parameters.has(name)) throw refusal(scheme, 'has a parameter twice; leave one of them out.')
    parameters.set(decode(name, scheme), decode(value.join('='), scheme))
  }
  return parameters
}

function decode(text: string, scheme: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw refusal(scheme, 'has a lone "%"; write it as "%25".')
  }
}
