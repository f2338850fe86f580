import type { Listing, Store, StoredRecord, UserIndex } from '../../contract/store.ts'
import { lookedUp } from '../_cas/look-up.ts'
import { discreet } from '../_faults/discreet.ts'
import { invalid } from '../_faults/invalid.ts'
import { linkTo, type RedisClient } from './client.ts'
import { deadlineText, ownerField, toRecord, toText } from './record.ts'
import { scanKeys } from './scan.ts'
import { addEntry, dropEntries, type RedisScript, runScript, writeRecord } from './scripts.ts'

export type { BunRedis, IoRedis, NodeRedis, NodeRedisCluster, NodeRedisSentinel, RedisClient } from './client.ts'

export interface RedisStoreOptions {
  /**
   * Of `redis` 5 or 6 (a client, a pool, a cluster, a Sentinel client), of `ioredis` 5 or 6, or of Bun. The caller
   * connects and closes it.
   */
  readonly client: RedisClient
  /** What all keys begin with; default `'coatcheck:'`. */
  readonly prefix?: string
  /** The clock that deadlines are compared with, epoch ms; default `Date.now`. */
  readonly clock?: () => number
  /**
   * Lets every write but `touch` wait until so many replicas have it (WAIT), of each master in a cluster. A write that
   * fewer confirm within `timeoutMs` fails, though the master has it. Needs a client with one connection per server: no
   * pool. Default: no waiting.
   */
  readonly wait?: { readonly replicas: number; readonly timeoutMs: number }
}

/** How many entries of an index are looked up at once. */
const mostHeads = 128

/**
 * Sessions in Redis 5 or later: a single server, Sentinel or Cluster.
 *
 * A record is one string value, read by one GET and written by one script. The server removes it at its deadline.
 *
 * @throws SessionError `CONFIG_INVALID` for a client of another kind, a prefix that is no text or has control
 * characters, or a `wait` that is not two whole numbers above 0 or comes with a pool.
 */
export function redisStore(options: RedisStoreOptions): Store & Listing & UserIndex {
  const { client, prefix = 'coatcheck:', clock = Date.now, wait } = options
  const link = linkTo(client)
  if (typeof prefix !== 'string' || /\p{Cc}/u.test(prefix))
    throw invalid('redisStore: prefix must be text without control characters.')
  if (wait && ('execute' in client || !isCount(wait.replicas) || !isCount(wait.timeoutMs))) {
    throw invalid('redisStore: wait needs two whole numbers above 0, and no pool.')
  }
  const indexOf = (owner: string): string => `${prefix}u${owner}`
  let hasLooked = false

  function send(key: string, command: string[]): Promise<unknown> {
    const reply = link.send(key, command)
    if (!hasLooked) {
      hasLooked = true
      const lookAgain = () => {
        hasLooked = false
      }
      // Not before there is a server. One that does not tell is no fault.
      reply.then(warnOfEviction, lookAgain).catch(() => undefined)
    }
    return reply
  }

  const run = (script: RedisScript, key: string, ...args: ReadonlyArray<string | number>): Promise<unknown> =>
    runScript(send, script, key, args)

  /** Answers as the script does, see there. */
  async function write(key: string, want: string | number, text: string, owner = ''): Promise<string> {
    return String(await run(writeRecord, prefix + key, clock(), want, text, owner))
  }

  /** As `write`, of a whole record, which as many replicas as wanted have then. */
  async function writeWhole(key: string, want: string | number, record: StoredRecord, owner = ''): Promise<string> {
    const reply = await write(key, want, toText(record), owner)
    if (reply === '1') await confirm()
    return reply
  }

  /** Index first, then the record: what fails in between leaves an entry that leads nowhere, never a hidden record. */
  async function index(owner: string, key: string, expiresAt: number): Promise<void> {
    const size = Number(await run(addEntry, indexOf(owner), clock(), deadlineText(expiresAt).slice(1), key))
    // It has doubled. Nobody waits for this, and the next time will do if it fails.
    if (size > mostHeads && Number.isInteger(Math.log2(size))) findKeys(owner).catch(() => undefined)
  }

  /** The keys of an owner's live records. Drops entries that lead nowhere. */
  async function findKeys(owner: string, signal?: AbortSignal): Promise<string[]> {
    const index = indexOf(owner)
    const entries = (await send(index, ['ZRANGEBYSCORE', index, `(${clock()}`, '+inf'])) as unknown[]
    const isTheirs = async (key: string): Promise<boolean> => {
      const record = toRecord(await headOf(key, 64 + 3 * owner.length))
      return record !== null && ownerField(record.userId) === owner && record.expiresAt > clock()
    }
    const keys: string[] = []
    for await (const { found, others } of lookedUp(entries.map(String), mostHeads, isTheirs, signal)) {
      keys.push(...found)
      if (others.length > 0) await run(dropEntries, index, clock(), ...others)
    }
    return keys
  }

  async function read(key: string): Promise<StoredRecord | null> {
    const record = toRecord(await send(prefix + key, ['GET', prefix + key]))
    return record !== null && record.expiresAt > clock() ? record : null
  }

  /** The first bytes of a record: its payload need not travel. */
  async function headOf(key: string, bytes: number): Promise<string> {
    return String(await send(prefix + key, ['GETRANGE', prefix + key, '0', String(bytes - 1)]))
  }

  async function confirm(): Promise<void> {
    if (wait === undefined) return
    const command = ['WAIT', String(wait.replicas), String(wait.timeoutMs)]
    const replies = await Promise.all((await link.masters()).map((master) => master.send(command)))
    const least = Math.min(...replies.map(Number))
    if (least < wait.replicas) throw new Error(`redisStore: ${least} of ${wait.replicas} replicas confirmed a write.`)
  }

  async function warnOfEviction(): Promise<void> {
    for (const master of await link.masters()) {
      const facts = String(await master.send(['INFO', 'memory']))
      if (!/maxmemory:[1-9]/.test(facts) || /maxmemory_policy:noeviction/.test(facts)) continue
      return console.warn('redisStore: Redis may evict live sessions; set maxmemory-policy to noeviction.')
    }
  }

  return discreet({
    name: 'redis',

    read,

    async create(key, record) {
      const owner = ownerField(record.userId)
      if (owner !== '') await index(owner, key, record.expiresAt)
      return (await writeWhole(key, '', record)) === '1'
    },

    async replace(key, record, expectedVersion) {
      let reply = await writeWhole(key, expectedVersion, record, ownerField(record.userId))
      if (reply.startsWith('=')) {
        await index(reply, key, record.expiresAt)
        reply = await writeWhole(key, expectedVersion, record)
      }
      return reply === '1'
    },

    async touch(key, expiresAt, expectedVersion) {
      const text = deadlineText(expiresAt)
      let reply = await write(key, expectedVersion, text)
      if (reply.startsWith('=')) {
        // A second answer of this kind would come from another record, which has taken the key meanwhile.
        await index(reply, key, expiresAt)
        reply = await write(key, expectedVersion, text, reply)
      }
      return reply === '1'
    },

    async delete(key) {
      await send(prefix + key, ['UNLINK', prefix + key])
      await confirm()
    },

    async list({ cursor, limit, prefix: start, signal }) {
      const page = await scanKeys(link, { prefix, start, limit, cursor, signal })
      const records = await Promise.all(page.keys.map(read))
      const entries = page.keys.flatMap((key, at) => {
        const record = records[at]
        return record ? [{ key, record }] : []
      })
      return { entries, cursor: page.cursor }
    },

    async count({ signal } = {}) {
      let total = 0
      let cursor: string | null = null
      do {
        const page = await scanKeys(link, { prefix, limit: 1000, cursor, signal })
        // The format and the deadline: 17 bytes.
        const heads = await Promise.all(page.keys.map((key) => headOf(key, 17)))
        total += heads.filter((head) => head.startsWith('1') && Number(head.slice(1)) > clock()).length
        cursor = page.cursor
      } while (cursor !== null)
      return total
    },

    keysOf: (userId, { signal } = {}) => findKeys(ownerField(userId), signal),
  })
}

function isCount(number: unknown): boolean {
  return Number.isSafeInteger(number) && Number(number) > 0
}
