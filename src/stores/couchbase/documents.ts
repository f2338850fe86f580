/** The part of a `Collection` of the package `couchbase` (version 4.6 or later) that the store uses. */
export interface CouchbaseClient {
  get(id: string, options: object): Promise<{ readonly content: unknown; readonly cas: unknown }>
  insert(id: string, content: unknown, options: object): Promise<unknown>
  replace(id: string, content: unknown, options: object): Promise<unknown>
  remove(id: string, options: object): Promise<unknown>
}

/** A document as it was read, with what a later `replace` or `remove` is conditional on. */
export interface Held {
  /** Undefined if it is not JSON. */
  readonly content: unknown
  readonly cas: unknown
}

/** JSON documents whose expected outcomes are values. A write is one command; deadlines are epoch ms. */
export interface Documents {
  get(id: string): Promise<Held | null>
  /** False if there is one already. */
  insert(id: string, content: object, expiresAt: number): Promise<boolean>
  /** False if it has changed or is gone. */
  replace(id: string, content: object, expiresAt: number, cas: unknown): Promise<boolean>
  /** False if it has changed or is gone. */
  remove(id: string, cas?: unknown): Promise<boolean>
}

/** The flags that all SDKs of Couchbase give a JSON document. */
const jsonFlags = 0x02000006
const daySeconds = 86_400
/** From here on the SDK sends a date. */
const monthSeconds = 30 * daySeconds
/** A record that lives longer is left to its own deadline: servers and SDKs differ in how far they can count. */
const longestSeconds = 10 * 365 * daySeconds

/** Passed with each call, so that what the cluster is set to does not matter. */
const transcoder = {
  encode: (content: unknown): [Buffer, number] => [Buffer.from(JSON.stringify(content)), jsonFlags],
  decode(bytes: Buffer): unknown {
    try {
      return JSON.parse(bytes.toString())
    } catch {
      return undefined
    }
  },
}

/** The documents of a collection, written with this durability level, under expiries that `clock` is the base of. */
export function documentsOf(client: CouchbaseClient, durabilityLevel: number, clock: () => number): Documents {
  const written = { transcoder, durabilityLevel }
  return {
    async get(id) {
      try {
        return await client.get(id, { transcoder })
      } catch (error) {
        if (isNamed(error, 'DocumentNotFoundError')) return null
        throw error
      }
    },

    insert: (id, content, expiresAt) =>
      succeeds(client.insert(id, content, { ...written, expiry: secondsUntil(expiresAt, clock()) })),

    replace: (id, content, expiresAt, cas) =>
      succeeds(client.replace(id, content, { ...written, expiry: secondsUntil(expiresAt, clock()), cas })),

    remove: (id, cas) =>
      succeeds(client.remove(id, cas === undefined ? { durabilityLevel } : { durabilityLevel, cas })),
  }
}

/** The expected refusals of a write, by name: the SDK is not imported, and several copies of it may be around. */
async function succeeds(write: Promise<unknown>): Promise<boolean> {
  try {
    await write
    return true
  } catch (error) {
    if (isNamed(error, 'DocumentExistsError', 'DocumentNotFoundError', 'CasMismatchError')) return false
    throw error
  }
}

function isNamed(error: unknown, ...names: string[]): boolean {
  return error instanceof Error && names.includes(error.name)
}

/**
 * The expiry for a deadline, seconds from now; 0 for none. One more than the deadline asks for, since the server counts
 * whole seconds and would end a record up to one early. The SDK makes a date of 30 days and more, as the server wants;
 * the server's clock may be fast: a day is added.
 */
function secondsUntil(expiresAt: number, now: number): number {
  const seconds = Math.ceil((expiresAt - now) / 1000) + 1
  if (seconds > longestSeconds) return 0
  return seconds < monthSeconds ? Math.max(seconds, 1) : seconds + daySeconds
}
