import { invalid } from '../_faults/invalid.ts'

/**
 * The calls that are made of a client: those of `memcache-client`.
 *
 * A client of your own answers `gets` with undefined for a missing key, and rejects what the server refuses with an
 * error that has the words of the reply as `cmdTokens`: `['NOT_STORED']`, `['EXISTS']`, `['NOT_FOUND']`.
 */
export interface MemcachedClient {
  gets(key: string): Promise<{ readonly value: unknown; readonly casUniq: string | number } | undefined>
  /** `lifetime` is the protocol's exptime: seconds, or from 30 days on epoch seconds. */
  add(key: string, value: string, options: { readonly lifetime: number }): Promise<unknown>
  cas(
    key: string,
    value: string,
    options: { readonly lifetime: number; readonly casUniq: string | number },
  ): Promise<unknown>
  delete(key: string): Promise<unknown>
}

/** What the server holds under a key. */
export interface Item {
  /** Empty if it is no text, and so none of ours. */
  readonly text: string
  readonly casUniq: string | number
}

/** The commands, with outcomes as values. Deadlines are epoch ms; the server's own TTL never ends an item before. */
export interface Items {
  gets(key: string): Promise<Item | null>
  /** False if the key is taken. */
  add(key: string, text: string, endsAt: number): Promise<boolean>
  /** False if the item was changed or is gone. */
  cas(key: string, found: Item, text: string, endsAt: number): Promise<boolean>
  delete(key: string): Promise<void>
}

// A key of memcached has at most 250 bytes, one of a store at most 128.
const longestPrefix = 250 - 128
const methods = ['gets', 'add', 'cas', 'delete'] as const

/** Commands to one server, or to several that share the keys. Throws `CONFIG_INVALID`. */
export function memcachedItems(
  client: MemcachedClient | readonly MemcachedClient[],
  prefix: string,
  clock: () => number,
): Items {
  const clients = [client].flat() as readonly MemcachedClient[]
  checkClients(clients)
  checkPrefix(prefix)

  return {
    async gets(key) {
      const found = await clientOf(clients, key).gets(prefix + key)
      if (found === undefined || found === null) return null
      // A server that runs without cas takes every write for the expected one.
      if (Number(found.casUniq) === 0) throw new Error('memcachedStore: memcached must have cas; run it without -C.')
      return { text: typeof found.value === 'string' ? found.value : '', casUniq: found.casUniq }
    },
    add(key, text, endsAt) {
      const lifetime = exptimeOf(endsAt, clock())
      return accepted(() => clientOf(clients, key).add(prefix + key, text, { lifetime }), ['NOT_STORED'])
    },
    cas(key, { casUniq }, text, endsAt) {
      const lifetime = exptimeOf(endsAt, clock())
      const call = () => clientOf(clients, key).cas(prefix + key, text, { lifetime, casUniq })
      return accepted(call, ['EXISTS', 'NOT_FOUND'])
    },
    async delete(key) {
      await accepted(() => clientOf(clients, key).delete(prefix + key), ['NOT_FOUND'])
    },
  }
}

const monthSeconds = 30 * 86_400
const daySeconds = 86_400
// memcached reads exptime as a signed 32-bit number; a greater one wraps round and ends the item at once.
const lastSecond = 2 ** 31 - 1

/**
 * The protocol's exptime for a deadline: never 0, which means for ever, and never negative, which means at once.
 *
 * One second more than the time left, as the server's clock ticks in whole seconds. Beyond 30 days the server takes
 * the number for epoch seconds of its own clock, which may be fast: a day is added.
 */
function exptimeOf(endsAt: number, now: number): number {
  const seconds = Math.ceil((endsAt - now) / 1000) + 1
  if (!(seconds > 2)) return 2
  if (seconds <= monthSeconds) return seconds
  return Math.min(Math.ceil(Date.now() / 1000) + seconds + daySeconds, lastSecond)
}

/** True if the server did it, false if its reply is one of these refusals. */
async function accepted(call: () => Promise<unknown>, refusals: readonly string[]): Promise<boolean> {
  try {
    await call()
    return true
  } catch (error) {
    if (refusals.includes(replyIn(error))) return false
    throw error
  }
}

function replyIn(error: unknown): string {
  const tokens = typeof error === 'object' && error !== null && 'cmdTokens' in error ? error.cmdTokens : undefined
  return Array.isArray(tokens) ? String(tokens[0]) : ''
}

/** Rendezvous hashing: a client that is added or removed at the end moves only its own share of the keys. */
function clientOf(clients: readonly MemcachedClient[], key: string): MemcachedClient {
  let chosen = clients[0] as MemcachedClient
  if (clients.length === 1) return chosen
  let sum = 0x811c9dc5
  for (let at = 0; at < key.length; at++) sum = Math.imul(sum ^ key.charCodeAt(at), 0x01000193)
  let highest = -1
  for (const [index, client] of clients.entries()) {
    const weight = mixed(sum ^ Math.imul(index + 1, 0x9e3779b1))
    if (weight > highest) [chosen, highest] = [client, weight]
  }
  return chosen
}

/** Every bit of the number changes about half of the bits of the result (the finalizer of MurmurHash3). */
function mixed(value: number): number {
  let bits = value
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

function checkClients(clients: readonly MemcachedClient[]): void {
  if (clients.length > 0 && clients.every(isUsable)) return
  throw invalid(
    'memcachedStore: client must be a MemcacheClient of the package "memcache-client", or an array of such, one for ' +
      'each server. The packages "memcached", "memcache" and "memjs" lack what it needs.',
  )
}

function isUsable(client: MemcachedClient): boolean {
  if (typeof client !== 'object' || client === null) return false
  // "memcached" and "memcache" have methods of these names that take something else.
  if ('getMulti' in client || 'getNodes' in client) return false
  return methods.every((method) => typeof client[method] === 'function')
}

function checkPrefix(prefix: string): void {
  if (typeof prefix === 'string' && prefix.length <= longestPrefix && /^[!-~]*$/.test(prefix)) return
  throw invalid(`memcachedStore: prefix must be at most ${longestPrefix} printable ASCII characters, without spaces.`)
}
