/** A message without the secrets of the configuration text that it may quote from. */
export function redact(message: string, text: string): string {
  return secretsOf(text).reduce((redacted, secret) => redacted.replaceAll(secret, '***'), message)
}

/**
 * The password of a URL, the values of its query, the fields after a comma (`127.0.0.1:6379,100,password`), or all of
 * a text without parts; as written and percent-decoded, longest first. Hosts, paths and user names are no secrets.
 */
function secretsOf(text: string): string[] {
  const rest = text.slice(text.indexOf(':') + 1)
  const isUrl = rest.startsWith('//')
  const [address = '', query = ''] = rest.replace(/^\/\//, '').split(/[?#](.*)/s)
  const login = loginOf(rest)
  const password = login.includes(':') ? login.slice(login.indexOf(':') + 1) : login
  const values = query.split(/[&#;]/).map((pair) => pair.slice(pair.indexOf('=') + 1))
  const fields = isUrl ? [] : address.split(',').slice(1)
  const whole = isUrl || /[/:@,.]/.test(address) ? '' : address
  // Shorter ones would be found in half of all messages; a password is hidden whatever its length.
  const others = [query, ...values, ...fields, whole].filter((part) => part.length > 3)
  const found = [password, ...others].flatMap((part) => [part, decoded(part)]).filter((part) => part !== '')
  return [...new Set(found)].sort((a, b) => b.length - a.length)
}

/** What comes before the last `@`: a password may contain one, and a `/` or `?`, even if it should not. */
function loginOf(rest: string): string {
  return rest.slice(0, Math.max(0, rest.lastIndexOf('@'))).replace(/^\/\//, '')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // A lone "%" is a character like any other.
  }
}
