import { refusal } from '../_open/connection-string.ts'

/**
 * The pairs of a connection string in the keyword/value form of libpq: `user=a password='b c' dbname=c`. In quotes or
 * not, a backslash stands before a character that would end the value.
 *
 * Throws `CONFIG_INVALID` for what is not in that form.
 */
export function pairsOf(list: string, scheme: string): Map<string, string> {
  const pairs = new Map<string, string>()
  const pair = /\s*([a-z_]+)\s*=\s*(?:'((?:\\.|[^'\\])*)'|((?:\\.|[^\s'\\])*))(?:\s+|$)/gsy
  while (pair.lastIndex < list.length) {
    const [, name, quoted, plain = ''] = pair.exec(list) ?? []
    if (name === undefined) throw refusal(scheme, 'must be followed by "//host/database", or by "user=... dbname=...".')
    pairs.set(name, (quoted ?? plain).replace(/\\(.)/gs, '$1'))
  }
  return pairs
}
