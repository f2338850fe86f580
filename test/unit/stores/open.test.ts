import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { SessionError } from '../../../src/errors.ts'
import { type OpenedKeyedStore, openStore, registerStore, type StoreFactory } from '../../../src/stores/index.ts'
import { memoryStore } from '../../../src/stores/memory/index.ts'
import { sealedCookie } from '../../../src/stores/sealed-cookie/index.ts'

const record = { payload: 'payload', version: 1, expiresAt: 4e12 }
const key = 'a-key-of-one-session'

let registered = 0

/** The error that opening ends with, in full, as a log would show it. */
async function failure(text: string): Promise<{ error: SessionError; shown: string }> {
  const error = await openStore(text).then(
    () => expect.unreachable('it opened'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(SessionError)
  return { error: error as SessionError, shown: inspect(error, { depth: 10, showHidden: true }) }
}

describe('openStore', () => {
  it('memory: is a store of its own each time', async () => {
    const [one, other] = [await openStore('memory:'), await openStore('memory://')]
    expect(await one.create(key, record)).toBe(true)
    expect(await other.read(key)).toBeNull()
    await one.close()
    await other.close()
  })

  it('file: keeps records in the directory, given as a path or as a URL', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'open store '))
    try {
      const one = await openStore(`file:${directory}/a`)
      expect(await one.create(key, record)).toBe(true)
      await one.close()
      const other = (await openStore(`FILE://${encodeURI(directory)}/a`)) as OpenedKeyedStore
      expect(await other.read(key)).toEqual(record)
      await other.close()
      expect(await readdir(directory)).toEqual(['a'])
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  it.each([
    ['', 'begins with a scheme'],
    ['127.0.0.1:6379,100,hunter2', 'begins with a scheme'],
    ['./hunter2', 'begins with a scheme'],
    ['//user:hunter2@host/', 'begins with a scheme'],
    ['memory:hunter2', '"memory:" takes nothing after the colon'],
    ['file:', 'needs a directory'],
    ['file://', 'needs a directory'],
    ['file://hunter2/dir', '"///" before an absolute path'],
    ['file:./dir?hunter2', 'takes no parameters'],
    ['cookie:hunter2', 'option "secret" of createSessions'],
    ['cookie:{"securityKey":"hunter2"}', 'option "secret" of createSessions'],
    ['sqlite:', 'needs a file'],
    ['sqlite:./s.db?password=hunter2', 'no parameter "password"'],
    ['redis:', 'needs a host'],
    ['redis://:hunter2@', 'needs a host'],
    ['redis://:hun/ter2@h', 'needs a host'],
    ['redis://:hunter2@h:port', 'needs a host'],
    ['redis://:hunter2@h/?retry=7', 'no parameter "retry"'],
    ['redis://:hunter2%@h', 'lone "%"'],
    ['rediss://:hunter2@h?tlsCAFile=/does/not/exist', 'cannot read the file that "tlsCAFile" names (ENOENT)'],
    ['rediss://:hunter2@h?tlsAllowInvalidCertificates=1', '"tlsAllowInvalidCertificates=true"'],
    ['redis+sentinel://:hunter2@h', 'name of the master'],
    ['redis_sentinel:,100,hunter2', 'needs a host'],
    ['postgres:', 'needs a database'],
    ['postgres:user:hunter2@h/db', 'followed by "//host/database"'],
    ['postgres://user:hunter2@h', 'needs a database'],
    ['postgres:///db?password=hunter2', 'needs a host'],
    ['postgresql:user=a password=hunter2', 'needs a database'],
    ['postgres://u:hunter2@h/db?sslmode=sometimes', 'takes "sslmode="'],
    ['postgres://u:hunter2@h/db?sslmode=verify-ca', 'needs "sslrootcert"'],
    ['postgres://u:hunter2@h/db?sslmode=require&uselibpqcompat=true', '"sslmode=no-verify"'],
    ['mysql://u:hunter2@h', 'needs a database'],
    ['mysql://u:hunter2@/db', 'needs a host'],
    ['mysql://u:hunter2@a,b/db', 'takes one host'],
    ['mysql:u:hunter2@tcp(h)', 'needs a database'],
    ['mysql:u:hunter2@tcp(h)/db?tls=preferred', 'takes "tls="'],
    ['mysql://u:hunter2@h/db?tlsCAFile=/dev/null', 'needs "ssl=true"'],
    ['mysql://u:hunter2@h/db?ssl={"ca":', 'JSON text that is not valid'],
    ['memcached:', 'needs a host'],
    ['memcached://u:hunter2@h', 'no authentication'],
    ['memcached://h/hunter2', 'nothing after the hosts'],
    ['memcached://[::1]', 'IPv4'],
    ['memcache:h;', 'needs a host'],
    ['memcached://h?tlsAllowInvalidCertificates=true', 'needs "tls=true"'],
    ['mongodb:h/db', 'followed by "//host/database"'],
    ['mongodb://u:hunter2@h', 'needs a database'],
    ['mongodb+srv://u:hunter2@/db', 'needs a host'],
    ['couchbase://u:hunter2@h', 'needs a bucket'],
    ['couchbase:bucket:hunter2@h', 'followed by "//user:password@host/bucket"'],
    ['couchbase:http://h:8091/', 'needs a bucket'],
  ])('L20 refuses %j with a sentence that does not repeat it', async (text, sentence) => {
    const { error, shown } = await failure(text)
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.message).toContain(sentence)
    expect(shown).not.toContain('hunter2')
  })

  it('cookie: is the sealed cookie, which keeps nothing', async () => {
    for (const store of [await openStore('cookie:'), await openStore('cookie://')]) {
      expect(store).toMatchObject({ name: 'sealed-cookie', sealed: true })
      await store.close()
    }
  })

  it('refuses what is not a connection string', async () => {
    for (const wrong of [undefined, null, 7, {}]) {
      await expect(openStore(wrong as unknown as string)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    }
  })

  it('F5 B14 unknown scheme: the error names it and the known ones, and no password', async () => {
    const { error, shown } = await failure('nosuch://user:hunter2@localhost/')
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.message).toMatch(
      /"nosuch:".*"memory:", "file:", "sqlite:", "postgres:", "mysql:", "redis:", "memcached:"/,
    )
    expect(shown).not.toContain('hunter2')
  })
})

describe('registerStore', () => {
  it('B13 B14 a registered store is opened with its whole connection string, in whatever case the scheme is', async () => {
    const given: string[] = []
    registerStore('Custom+1', async (connectionString) => {
      given.push(connectionString)
      return memoryStore()
    })
    const store = (await openStore('custom+1://host/path?x=1')) as OpenedKeyedStore
    await openStore('CUSTOM+1:y')
    expect(given).toEqual(['custom+1://host/path?x=1', 'CUSTOM+1:y'])
    expect(await store.count?.()).toBe(0)
  })

  it('B14 null, undefined and everything that is not a function is refused', () => {
    for (const wrong of [null, undefined, {}, 'memory', memoryStore()]) {
      const register = () => registerStore('refused', wrong as unknown as StoreFactory)
      expect(register).toThrow(SessionError)
      expect(register).toThrow(/^registerStore: the factory for "refused:" must be a function/)
    }
  })

  it('B14 a scheme that is taken is refused, built in or registered, in any case', () => {
    registerStore('taken', () => memoryStore())
    for (const scheme of ['taken', 'TAKEN', 'memory', 'file', 'rediss', 'redis_cluster']) {
      expect(() => registerStore(scheme, () => memoryStore())).toThrow(/is registered for ".*:" already/)
    }
  })

  it('a registered store may be a sealed one', async () => {
    registerStore('sealing', () => sealedCookie())
    const store = await openStore('sealing:')
    expect('sealed' in store).toBe(true)
    await store.close()
  })

  it('refuses what is not a scheme', () => {
    for (const wrong of ['', '7x', 'a b', 'a:', 'ž', null, undefined]) {
      expect(() => registerStore(wrong as unknown as string, () => memoryStore())).toThrow(/under a scheme such as/)
    }
  })

  it('a store without close gets one; a store with it keeps its own', async () => {
    let closed = 0
    registerStore('closing', () => ({ ...memoryStore(), close: async () => void closed++ }))
    const { close: _, ...open } = memoryStore()
    registerStore('open', () => open)
    await (await openStore('open:')).close()
    await (await openStore('closing:')).close()
    expect(closed).toBe(1)
  })

  it('a factory that does not answer a store is refused', async () => {
    for (const [index, answer] of [null, undefined, 'store', {}, { read: () => null }].entries()) {
      registerStore(`wrong${index}`, () => answer as never)
      expect((await failure(`wrong${index}:`)).error.message).toBe(
        `openStore: "wrong${index}:" was registered with a factory that answers no store; let it answer one.`,
      )
    }
  })

  it.each([
    '//user:hunter2@host:6379/0?db=1',
    '//user:hunter2@host:6379/0',
    '//:hunter2@host',
    '//hunter2@host',
    '//user:hunter2@not a host',
    '//user:hun@ter/2@host',
    '//user:hun%40ter%2f2@host',
    '//host?password=hunter2',
    '//host?a=b;key=hunter2#x',
    '127.0.0.1:6379,100,hunter2',
    'user:hunter2@tcp(host:3306)/db',
    'hunter2',
    '//h1,h2/?x=hunter2%20&y=%',
  ])('no error shows the secret of %j, whatever the factory throws', async (rest) => {
    const scheme = `leaky${registered++}`
    const text = `${scheme}:${rest}`
    const thrown = [
      () => new Error(`cannot open ${text}`),
      () => new Error(`cannot open ${decodeURIComponent(text.replace(/%$/, ''))}`),
      () => new SessionError('CONFIG_INVALID', `cannot open ${text}`),
      () => Object.assign(new TypeError('Invalid URL'), { input: text }),
      () => new Error('wrapped', { cause: new Error(text) }),
      () => text,
    ]
    let attempt = 0
    registerStore(scheme, () => {
      throw thrown[attempt++]?.()
    })
    for (const _ of thrown) {
      const { shown } = await failure(text)
      expect(shown).not.toMatch(/hunter2|hun@ter|ter\/2|%40ter/)
    }
  })

  it('the rest of what a factory says stays readable', async () => {
    registerStore('readable', () => {
      throw new Error('connect ECONNREFUSED 127.0.0.1:6379 as user')
    })
    const { error } = await failure('readable://user:hunter2@127.0.0.1:6379/0?db=1')
    expect(error.message).toBe(
      'openStore: "readable:" could not be opened: connect ECONNREFUSED 127.0.0.1:6379 as user.',
    )
    expect(error.code).toBe('STORE_FAILED')
  })
})
