import type { RedisLink } from './client.ts'

/** How many keys one command looks at, at most, and how many commands a page takes. */
const mostKeys = 1000
const mostCommands = 20

const recordKey = /^[\w-]{16,128}$/

export interface ScanQuery {
  /** What comes before the record's key. */
  readonly prefix: string
  /** What the record's key begins with. */
  readonly start?: string | undefined
  readonly limit: number
  readonly cursor?: string | null | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * A page of the record keys that one master after the other holds.
 *
 * The cursor names the set of masters, the place among them, the master's own cursor, and the keys that were found
 * beyond `limit`. When the masters have changed since, the scan starts again, lest the keys of a new one be missed.
 *
 * @throws Error for a cursor of another form: it may come from a visitor.
 */
export async function scanKeys(
  link: RedisLink,
  { prefix, start = '', limit, cursor, signal }: ScanQuery,
): Promise<{ readonly keys: string[]; readonly cursor: string | null }> {
  const masters = await link.masters()
  const before = link.keyPrefix + prefix
  const pattern = `${(before + start).replace(/[*?[\]\\]/g, '\\$&')}*`
  let sum = 0
  for (const char of masters.map(({ id }) => id).join()) sum = (sum * 31 + char.charCodeAt(0)) >>> 0
  const set = String(sum)
  const place = (cursor ?? '').split('.')
  const [at = '0', from = '0', left = ''] = place.shift() === set ? place : []
  let master = Number(at)
  if ((cursor && !/^\d+\.\d+\.\d{1,20}\.[\w,-]*$/.test(cursor)) || master > masters.length) {
    throw new Error('redisStore: the cursor is not one of its own.')
  }
  const keys = left.split(',').filter((key) => recordKey.test(key) && key.startsWith(start))
  let next = from
  let step = 1
  for (let sent = 0; sent < mostCommands && keys.length < limit; sent++) {
    const send = masters[master]?.send
    if (send === undefined) break
    signal?.throwIfAborted()
    const count = Math.min(mostKeys, (limit - keys.length) * step)
    const reply = await send(['SCAN', next, 'MATCH', pattern, 'COUNT', String(count)])
    const [answer, names] = reply as [unknown, unknown[]]
    const found = names.map((name) => String(name).slice(before.length)).filter((key) => recordKey.test(key))
    keys.push(...found)
    // Sessions may be rare among the keys: look at more of them at a time, but never find many more than are wanted.
    if (found.length === 0) step *= 2
    next = String(answer)
    if (next === '0') master++
  }
  const page = keys.splice(0, limit)
  const isOver = keys.length === 0 && master >= masters.length
  return { keys: page, cursor: isOver ? null : `${set}.${master}.${next}.${keys}` }
}
