import type { Closing, Listing, SealedStore, Store, Sweeping, UserIndex } from '../contract/store.ts'
import { SessionError } from '../errors.ts'
import { invalid } from './_faults/invalid.ts'
import { refusal, restOf, schemeOf } from './_open/connection-string.ts'
import { redact } from './_open/redact.ts'

/** A store on a server, in files or in memory that was opened from a connection string: its opener has to close it. */
export type OpenedKeyedStore = Store & Closing & Partial<Sweeping & Listing & UserIndex>

/** A store that was opened from a connection string; `'sealed' in store` tells the two kinds apart. */
export type OpenedStore = OpenedKeyedStore | (SealedStore & Closing)

/** Opens a store from a connection string such as `'redis://localhost:6379'`, which it gets whole, scheme included. */
export type StoreFactory = (connectionString: string) => Store | SealedStore | Promise<Store | SealedStore>

/** The schemes that always open a store of that kind. */
type KeyedScheme = 'memory' | 'file' | 'sqlite' | 'postgres' | 'postgresql' | 'mysql' | 'mariadb' | RedisScheme | Others
type RedisScheme = 'redis' | 'rediss' | `redis${'' | 's'}+${'cluster' | 'sentinel'}` | `redis_${'cluster' | 'sentinel'}`
type Others = 'memcached' | 'memcache' | 'mongodb' | 'mongodb+srv' | 'couchbase' | 'couchbases'

const openers: ReadonlyArray<readonly [schemes: string, () => Promise<StoreFactory>]> = [
  ['memory', async () => openMemory],
  ['file', async () => openFile],
  ['sqlite', async () => (await import('./sqlite/open.ts')).openSqlite],
  ['postgres postgresql', async () => (await import('./postgres/open.ts')).openPostgres],
  ['mysql mariadb', async () => (await import('./mysql/open.ts')).openMysql],
  [
    'redis rediss redis+cluster rediss+cluster redis+sentinel rediss+sentinel redis_cluster redis_sentinel',
    async () => (await import('./redis/open.ts')).openRedis,
  ],
  ['memcached memcache', async () => (await import('./memcached/open.ts')).openMemcached],
  ['mongodb mongodb+srv', async () => (await import('./mongodb/open.ts')).openMongodb],
  ['couchbase couchbases', async () => (await import('./couchbase/open.ts')).openCouchbase],
  ['cookie', async () => openCookie],
]

const schemePattern = /^[a-z][a-z0-9+._-]*$/i

const factories = new Map<string, StoreFactory>()
/** What an error lists: the first scheme of each kind, and those that were registered. */
const listed: string[] = []

for (const [schemes, load] of openers) {
  const names = schemes.split(' ')
  listed.push(...names.slice(0, 1))
  for (const name of names) factories.set(name, async (connectionString) => (await load())(connectionString))
}

/**
 * Opens a store from a connection string, which begins with its scheme: `memory:`, `file:./sessions`,
 * `sqlite:./sessions.db`, `postgres://`, `mysql://`, `redis://`, `memcached://`, `mongodb://`, `couchbase://`, `cookie:`,
 * their variants, beego's own behind their provider's name, or a scheme of `registerStore`. docs/stores/open.md has
 * the table.
 *
 * The client is loaded when it is needed, and belongs to the store: `close()` ends it. A server that is down is no reason
 * to fail here; the operations fail until it is there. No error shows a password or anything else of it that may be
 * secret.
 *
 * @throws SessionError `CONFIG_INVALID` for one without a known scheme, one that its store cannot use, or a client
 * that is not installed; `STORE_FAILED` if opening fails otherwise.
 */
export async function openStore(connectionString: `cookie:${string}`): Promise<SealedStore & Closing>
export async function openStore(connectionString: `${KeyedScheme}:${string}`): Promise<OpenedKeyedStore>
export async function openStore(connectionString: string): Promise<OpenedStore>
export async function openStore(connectionString: string): Promise<OpenedStore> {
  const scheme = checkedScheme(connectionString)
  const factory = factories.get(scheme)
  if (factory === undefined) {
    throw refusal(scheme, `is no known scheme. Known are ${knownSchemes()}; registerStore adds others.`)
  }
  let store: Store | SealedStore
  try {
    store = await factory(connectionString)
  } catch (error) {
    throw withoutSecrets(error, scheme, connectionString)
  }
  if (!isStore(store)) throw refusal(scheme, 'was registered with a factory that answers no store; let it answer one.')
  return 'close' in store ? (store as OpenedStore) : Object.assign(store, { close: async () => undefined })
}

/**
 * Teaches `openStore` a scheme, for the whole process.
 *
 * `scheme` is the part before the colon: a letter, then letters, digits, `+`, `-`, `.` or `_`; in any case. If the store
 * has a `close`, it must release what the factory opened.
 *
 * @throws SessionError `CONFIG_INVALID` for another kind of scheme, one that is taken, or a factory that is not a
 * function.
 */
export function registerStore(scheme: string, factory: StoreFactory): void {
  if (typeof scheme !== 'string' || !schemePattern.test(scheme)) {
    throw invalid(
      'registerStore: register a store under a scheme such as "redis": a letter, then letters, digits, "+", "-", ".", "_".',
    )
  }
  if (typeof factory !== 'function') {
    const found = factory === null ? 'null' : typeof factory
    throw invalid(`registerStore: the factory for "${scheme}:" must be a function that makes a store, not ${found}.`)
  }
  const name = scheme.toLowerCase()
  if (factories.has(name))
    throw invalid(`registerStore: a store is registered for "${name}:" already; choose another scheme.`)
  factories.set(name, factory)
  listed.push(name)
}

async function openMemory(connectionString: string): Promise<Store> {
  if (!/^memory:(\/\/)?$/i.test(connectionString)) throw refusal('memory', 'takes nothing after the colon.')
  const { memoryStore } = await import('./memory/index.ts')
  return memoryStore()
}

async function openFile(connectionString: string): Promise<Store> {
  const path = restOf(connectionString)
  if (path.includes('?'))
    throw refusal('file', 'takes no parameters; a "?" in the name of a directory is "%3F" in "file:///".')
  if (path === '' || path === '//') throw refusal('file', 'needs a directory: "file:./sessions".')
  if (/^\/\/[^/]/.test(path)) {
    throw refusal('file', 'takes "///" before an absolute path; a relative one is "file:./sessions".')
  }
  const { fileStore } = await import('./file/index.ts')
  return fileStore({ directory: path.startsWith('//') ? decodeURIComponent(path.slice(2)) : path })
}

async function openCookie(connectionString: string): Promise<SealedStore> {
  if (!/^cookie:(\/\/)?$/i.test(connectionString)) {
    throw refusal(
      'cookie',
      'takes nothing after the colon; what seals the cookie is the option "secret" of createSessions.',
    )
  }
  const { sealedCookie } = await import('./sealed-cookie/index.ts')
  return sealedCookie()
}

/** The connection string itself is in no message: without a scheme, any part of it may be the password. */
function checkedScheme(connectionString: string): string {
  if (typeof connectionString === 'string' && schemePattern.test(schemeOf(connectionString))) {
    return schemeOf(connectionString)
  }
  throw invalid(`openStore: a connection string begins with a scheme and a colon: ${knownSchemes()}.`)
}

function knownSchemes(): string {
  return listed.map((scheme) => `"${scheme}:"`).join(', ')
}

function isStore(store: unknown): boolean {
  if (typeof store !== 'object' || store === null) return false
  const methods = 'sealed' in store ? ['persistence'] : ['read', 'create', 'replace', 'touch', 'delete']
  return methods.every((method) => typeof Reflect.get(store, method) === 'function')
}

/** Without its cause, which may hold the connection string in any property, as the error of `new URL` does. */
function withoutSecrets(error: unknown, scheme: string, connectionString: string): SessionError {
  const reason = redact(
    error instanceof Error ? error.message : 'the factory threw something else than an Error',
    connectionString,
  )
  if (error instanceof SessionError) return new SessionError(error.code, reason)
  return new SessionError('STORE_FAILED', `openStore: "${scheme}:" could not be opened: ${reason.replace(/\.$/, '')}.`)
}
