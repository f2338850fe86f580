import { restOf } from './connection-string.ts'

/** A message without the secrets of the connection string that it may quote from. */
export function redact(message: string, connectionString: string): string {
  return secretsOf(connectionString).reduce((redacted, secret) => redacted.replaceAll(secret, '***'), message)
}

/** Parameters of the stores themselves, which say nothing that has to be kept. */
const harmless = /^(prefix|table|schema|collection|sslmode)$/
const secretName = /pass|pwd|secret|token|key|auth|cred/i

/**
 * The password of a URL, the values of its query, the fields after a comma (`127.0.0.1:6379,100,password`), the
 * passwords of key=value pairs and of JSON, or all of one without parts; as written, unescaped and escaped, longest first.
 * Hosts, paths and user names are no secrets.
 */
function secretsOf(connectionString: string): string[] {
  const rest = restOf(connectionString)
  const isUrl = rest.startsWith('//')
  const [address = '', query = ''] = rest.replace(/^\/\//, '').split(/[?#](.*)/s)
  const fields = isUrl ? [] : rest.split(',').slice(1)
  const whole = isUrl || /[/:@,.=]/.test(address) ? '' : address
  const { certain, likely } = valuesOf(query)
  // Shorter ones would be found in half of all messages; a password is hidden whatever its length.
  const others = [...likely, ...fields, whole].filter((part) => part.trim().length > 3 && !/^(true|false)$/.test(part))
  const passwords = [...loginPasswords(rest), ...pairPasswords(rest), ...jsonStrings(rest), ...certain, fields[1] ?? '']
  const found = [...passwords, ...others].flatMap((part) => [part, part.trim(), decoded(part), encoded(part)])
  return [...new Set(found)].filter((part) => part !== '').sort((a, b) => b.length - a.length)
}

/**
 * What stands between the first colon and an `@`: a password may contain one, and a `/` or `?`, even if it should not,
 * and so may what follows; so it is each of them. Without a colon it is all before the `@`.
 */
function loginPasswords(rest: string): string[] {
  const login = rest.replace(/^(?:[a-z][a-z0-9+.-]*:)?\/\//i, '')
  const passwords: string[] = []
  for (let at = login.indexOf('@'); at >= 0; at = login.indexOf('@', at + 1)) {
    passwords.push(login.slice(login.slice(0, at).indexOf(':') + 1, at))
  }
  return passwords
}

/** The secrets of `user=a password='b c'`, as libpq takes them. */
function pairPasswords(rest: string): string[] {
  return [...rest.matchAll(/(\w+)\s*=\s*('(?:\\.|[^'\\])*'|(?:\\.|[^\s\\'])+)/gs)]
    .filter(([, name = '']) => secretName.test(name))
    .flatMap(([, , value = '']) => {
      const inner = value.replace(/^'(.*)'$/s, '$1')
      return [inner, inner.replace(/\\(.)/gs, '$1')]
    })
}

/** The secrets of a JSON text. */
function jsonStrings(rest: string): string[] {
  return [...rest.matchAll(/"((?:\\.|[^"\\])*)"\s*:\s*"((?:\\.|[^"\\])*)"/gs)]
    .filter(([, name = '']) => secretName.test(name))
    .flatMap(([, , value = '']) => [value, unescaped(value)])
}

/** The values of a query, and the query as a whole. */
function valuesOf(query: string): { certain: string[]; likely: string[] } {
  const certain: string[] = []
  const likely = query.includes('=') ? [] : [query]
  for (const pair of query.split(/[&#;]/)) {
    const [name = '', ...value] = pair.split('=')
    if (harmless.test(name)) continue
    ;(secretName.test(name) ? certain : likely).push(value.length === 0 ? name : value.join('='))
  }
  return { certain, likely }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // A lone "%" is a character like any other.
  }
}

function encoded(text: string): string {
  try {
    return encodeURIComponent(text)
  } catch {
    return text // A lone surrogate has no code.
  }
}

function unescaped(text: string): string {
  try {
    return String(JSON.parse(`"${text}"`))
  } catch {
    return text // Not JSON after all.
  }
}
