import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createTokens } from '../../src/core/token.ts'
import { fromBase64Url } from '../../src/crypto/base64url.ts'
import { secureRandom } from '../../src/crypto/random.ts'
import { createSessions, type Session, type SessionsOptions } from '../../src/index.ts'
import { faultyStore, manualClock, memoryStore } from '../../src/testing/index.ts'
import { exchangeWith } from '../fixtures/exchange.ts'
import { itOn } from '../fixtures/store-tests.ts'
import { errorOf, shown, tokenWith, visit } from '../fixtures/visits.ts'

const secret = 'Zm9yIHRlc3RzIG9ubHk6IDMyIHJhbmRvbSBieXRlcw'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('entropy', () => {
  const total = process.env['COATCHECK_LONG'] === '1' ? 1_000_000 : 100_000

  it(`SEC-01 ${total} tokens are distinct while the time and Math.random stand still`, () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    vi.spyOn(Date, 'now').mockReturnValue(1_800_000_000_000)
    vi.spyOn(performance, 'now').mockReturnValue(1)
    const { draw } = createTokens({}, 'sid', [], secureRandom)
    // The first 128 bits have to do.
    const seen = new Set<string>()
    for (let count = 0; count < total; count++) seen.add(draw().slice(0, 22))
    expect(seen.size).toBe(total)
  })

  it('SEC-01 without a CSPRNG no session is created, and nothing weaker takes its place', async () => {
    const store = faultyStore(memoryStore())
    const platform = createSessions({ store })
    const custom = createSessions({ store, random: () => fail() })
    vi.spyOn(crypto, 'getRandomValues').mockImplementation(() => fail())
    const begin = async (sessions: typeof platform) => {
      const session = await sessions.open(null)
      session.set('name', 'Ada')
      return sessions.commit(session)
    }
    await expect(begin(custom)).rejects.toThrow('out of entropy')
    // What the platform gave before is still good, and each byte of it is used once.
    const tokens = new Set<unknown>()
    await expect(
      (async () => {
        for (let i = 0; i < 100; i++) tokens.add((await begin(platform)).token)
      })(),
    ).rejects.toThrow('out of entropy')
    expect(store.calls).toHaveLength(tokens.size)
    expect(tokens.size).toBeLessThan(50)

    function fail(): never {
      throw new Error('out of entropy')
    }
  })

  it.each([
    ['too short', (length: number) => new Uint8Array(length - 1)],
    ['too long', (length: number) => new Uint8Array(length + 1)],
    ['an array', (length: number) => Array.from({ length }, () => 7)],
    ['a string', (length: number) => 'x'.repeat(length)],
    ['nothing', () => undefined],
  ])('SEC-01 a source of randomness that answers %s is refused', async (_, random) => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store, random: random as never })
    const session = await sessions.open(null)
    session.set('name', 'Ada')
    await expect(sessions.commit(session)).rejects.toMatchObject({ code: 'ID_INVALID' })
    expect(store.calls).toEqual([])
  })

  it('SEC-02 a token is 256 random bits, no bit of which is biased', () => {
    const { draw } = createTokens({}, 'sid', [], secureRandom)
    const sample = 20_000
    const ones = new Array<number>(256).fill(0)
    const bytes = new Array<number>(256).fill(0)
    for (let count = 0; count < sample; count++) {
      const drawn = fromBase64Url(draw())
      if (drawn?.length !== 32) throw new Error(`a token decodes to ${drawn?.length} bytes`)
      for (const [at, byte] of drawn.entries()) {
        bytes[byte] = (bytes[byte] ?? 0) + 1
        for (let bit = 0; bit < 8; bit++) ones[at * 8 + bit] = (ones[at * 8 + bit] ?? 0) + ((byte >> bit) & 1)
      }
    }
    // Seven standard deviations: a sound source fails once in 10^9 runs, one with a stuck or skewed bit always.
    const most = 7 * Math.sqrt(sample / 4)
    expect(ones.filter((count) => Math.abs(count - sample / 2) > most)).toEqual([])
    const expected = (sample * 32) / 256
    const chiSquare = bytes.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
    expect(chiSquare).toBeLessThan(255 + 7 * Math.sqrt(2 * 255))
  })
})

describe('the configuration of ids', () => {
  const refused: [string, SessionsOptions['id'], string][] = [
    ['15 bytes', { bytes: 15 }, 'CONFIG_INVALID'],
    ['0 bytes', { bytes: 0 }, 'CONFIG_INVALID'],
    ['16.5 bytes', { bytes: 16.5 }, 'CONFIG_INVALID'],
    ['NaN bytes', { bytes: Number.NaN }, 'CONFIG_INVALID'],
    ['bytes as text', { bytes: '32' as never }, 'CONFIG_INVALID'],
    ['129 bytes', { bytes: 129 }, 'CONFIG_INVALID'],
    ['a prefix with a dot', { prefix: 'a.b' }, 'CONFIG_INVALID'],
    ['a prefix with a line break', { prefix: 'a\n' }, 'CONFIG_INVALID'],
    ['a prefix of 33 characters', { prefix: 'p'.repeat(33) }, 'CONFIG_INVALID'],
    ['a generator of one character', { generate: () => 'a' }, 'ID_INVALID'],
    ['a generator of 21 characters', { generate: () => crypto.randomUUID().slice(0, 21) }, 'ID_INVALID'],
    ['a generator of nothing', { generate: () => '' }, 'ID_INVALID'],
    ['a generator of undefined', { generate: () => undefined as never }, 'ID_INVALID'],
    ['a generator of objects', { generate: () => ({}) as never }, 'ID_INVALID'],
    ['a generator of 257 characters', { generate: () => `${crypto.randomUUID()}${'x'.repeat(221)}` }, 'ID_INVALID'],
    ['a generator of other characters', { generate: () => `${crypto.randomUUID()};` }, 'ID_INVALID'],
    ['a generator of line breaks', { generate: () => `${crypto.randomUUID()}\n` }, 'ID_INVALID'],
    ['a constant generator', { generate: () => 'the-same-token-every-time' }, 'ID_INVALID'],
  ]
  it.each(refused)('SEC-03 %s: refused at construction', (_, id, code) => {
    const store = faultyStore(memoryStore())
    expect(() => createSessions({ store, id: id as NonNullable<typeof id> })).toThrow(expect.objectContaining({ code }))
    expect(store.calls).toEqual([])
  })

  it.each([
    ['characters that no cookie carries', () => 'a token with spaces, of 36 characters', 'ID_INVALID'],
    ['something that is no text', () => 42, 'ID_INVALID'],
  ])('SEC-03 a generator that later answers %s stores nothing and leaks nothing', async (_, later, code) => {
    const store = faultyStore(memoryStore())
    let generate: () => unknown = () => crypto.randomUUID()
    const sessions = createSessions({ store, id: { generate: () => generate() as string } })
    generate = later
    const session = await sessions.open(null)
    session.set('name', 'Ada')
    const error = await errorOf(() => sessions.commit(session))
    expect(error).toMatchObject({ code })
    expect(String(error)).not.toContain(String(later()))
    expect(store.calls).toEqual([])
  })

  it('SEC-04 a token tells nothing of the user, the host or the time, and the cookie nothing of the library', async () => {
    const fixed = (length: number) => Uint8Array.from({ length }, (_, at) => at)
    const tokens = new Set<string>()
    const headers: [string, string][] = []
    for (const [host, user, at] of [
      ['a.example', 'ada', 0],
      ['b.example', 'bob', 86_400_000],
    ] as const) {
      const sessions = createSessions({ random: fixed, clock: manualClock(1_800_000_000_000 + at) })
      const exchange = exchangeWith({ headers: { host, 'user-agent': user } })
      const session = await sessions.open(exchange)
      session.login(user)
      const { token } = await sessions.commit(session)
      tokens.add(String(token))
      headers.push(...exchange.sent)
    }
    expect(tokens.size).toBe(1)
    expect(JSON.stringify(headers)).toContain('__Host-sid=')
    expect(JSON.stringify(headers)).not.toMatch(/coat|ada|bob|example/i)
  })
})

describe('what a client presents', () => {
  itOn('two stores', 'SEC-05 a token that was never issued does not become one', async (stage) => {
    const sessions = stage.sessions()
    const site = await stage.site(sessions, {
      '/write': (session) => session.set('name', 'Ada'),
      '/login': (session) => session.login('ada'),
      '/regenerate': (session) => {
        session.set('name', 'Ada')
        session.regenerate()
      },
    })
    const sent = 'A'.repeat(43)
    for (const path of ['/write', '/login', '/regenerate']) {
      const visitor = site.visitor()
      visitor.jar.set('__Host-sid', sent)
      await visitor.get(path)
      expect(visitor.jar.get('__Host-sid')).toMatch(/^[\w-]{43}$/)
      expect(visitor.jar.get('__Host-sid')).not.toBe(sent)
    }
    expect(await shown(sessions, sent)).toBeNull()
    const keys = (await stage.records()).map(({ key }) => key)
    expect(keys).toHaveLength(3)
    expect(keys).not.toContain(sent)
  })

  itOn('two stores', 'SEC-05 a token that has expired or was retired is not issued again', async (stage) => {
    const sessions = stage.sessions({ idleTimeout: '30m' })
    const expired = await tokenWith(sessions, { name: 'Ada' })
    stage.clock.advance(30 * 60_000)
    const retired = await tokenWith(sessions, { name: 'Bob' })
    await visit(sessions, retired, (session) => session.regenerate())
    stage.clock.advance(11_000)
    for (const token of [expired, retired]) {
      const { token: issued } = await visit(sessions, token, (session) => session.set('name', 'Eve'))
      expect(issued).toMatch(/^[\w-]{43}$/)
      expect(issued).not.toBe(token)
      expect(await shown(sessions, token)).toBeNull()
    }
  })

  it('SEC-06 nothing but the exact alphabet, length and prefix reaches the store', async () => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store, id: { prefix: 'v1_' } })
    const token = await tokenWith(sessions, { name: 'Ada' })
    store.calls.length = 0
    const wrong = [
      '',
      token.slice(0, -1),
      `${token}A`,
      token.slice(3),
      `V1_${token.slice(3)}`,
      `v1-${token.slice(3)}`,
      ` ${token}`,
      `${token}\n`,
      `${token.slice(0, -1)}+`,
      `${token.slice(0, -1)}/`,
      `${token.slice(0, -1)}=`,
      `${token.slice(0, -1)}%`,
      `${token.slice(0, -1)}\u017f`,
      `${token.slice(0, -1)}\u0000`,
      '../'.repeat(15).slice(0, 46),
      `v1_${'*'.repeat(43)}`,
      '\ud800'.repeat(46),
    ]
    for (const each of wrong) expect(await shown(sessions, each), JSON.stringify(each)).toBeNull()
    expect(store.calls).toEqual([])
    expect(await shown(sessions, token)).toEqual({ name: 'Ada' })
  })

  itOn(
    'two stores',
    'SEC-07 a token that is taken is drawn again, three times, and what was there stays',
    async (stage) => {
      const queue: string[] = []
      const draw = () => queue.shift() ?? crypto.randomUUID()
      const sessions = stage.sessions({ id: { generate: draw } })
      const taken = await tokenWith(sessions, { name: 'Ada' })
      queue.push(taken, taken, 'a-third-token-that-is-free')
      const other = await tokenWith(sessions, { name: 'Bob' })
      expect(other).toBe('a-third-token-that-is-free')
      queue.push(taken, other, taken)
      const session = await sessions.open(null)
      session.set('name', 'Eve')
      await expect(sessions.commit(session)).rejects.toMatchObject({ code: 'ID_COLLISION' })
      expect(await shown(sessions, taken)).toEqual({ name: 'Ada' })
      expect(await shown(sessions, other)).toEqual({ name: 'Bob' })
      queue.push(other, taken, taken)
      await expect(visit(sessions, taken, (each) => each.regenerate())).rejects.toMatchObject({ code: 'ID_COLLISION' })
      expect(await shown(sessions, taken)).toEqual({ name: 'Ada' })
      expect(await stage.records()).toHaveLength(2)
    },
  )
})

describe('at rest', () => {
  for (const options of [{}, { secret }, { secret, rotateEvery: '1h' }] as const) {
    const named = Object.keys(options).join(', ') || 'no options'
    itOn('two stores', `SEC-08 with ${named} the store has no token, and what it has opens nothing`, async (stage) => {
      const sessions = stage.sessions(options)
      const tokens = [await tokenWith(sessions, { name: 'Ada' })]
      const next = async (work: (session: Session) => unknown) => {
        const { token } = await visit(sessions, tokens.at(-1) ?? null, work)
        if (token !== null) tokens.push(token)
      }
      await next((session) => session.login('ada'))
      stage.clock.advance(20 * 60_000)
      await next((session) => session.touch())
      await next((session) => session.regenerate())
      for (let minutes = 0; minutes < 60; minutes += 20) {
        stage.clock.advance(20 * 60_000)
        await next((session) => session.set('minutes', minutes))
      }
      expect(tokens.length).toBe('rotateEvery' in options ? 4 : 3)
      const records = await stage.records()
      // With a rotation there is a mark that holds the successor's token, sealed.
      expect(records.some(({ record }) => record.payload.includes('"s":'))).toBe('rotateEvery' in options)
      const dump = JSON.stringify(records) + contentsOf(stage.folder)
      expect(dump).toContain('minutes')
      for (const token of tokens) {
        expect(dump).not.toContain(token)
        expect(dump).not.toContain(Buffer.from(token).toString('base64url'))
        expect(dump).not.toContain(Buffer.from(fromBase64Url(token) ?? []).toString('hex'))
      }
      if ('secret' in options) expect(dump).not.toContain(options.secret)
      // The keys, and whatever else in the store has the form of a token.
      const found = dump.match(/[\w-]{43,}/g) ?? []
      for (const text of new Set(found.flatMap((each) => [each.slice(0, 43), each.slice(-43)]))) {
        expect(await shown(sessions, text)).toBeNull()
      }
    })
  }

  it('SEC-09 the store is asked for hashes only', async () => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store, secret })
    const token = await tokenWith(sessions, { name: 'Ada' })
    await visit(sessions, token, (session) => session.set('name', 'Bob'))
    await visit(sessions, token, (session) => session.destroy())
    expect(store.calls.length).toBeGreaterThan(4)
    for (const { key } of store.calls) {
      expect(key).toMatch(/^[\w-]{43}$/)
      expect(key).not.toBe(token)
    }
  })

  it('SEC-09 no source compares a secret with an operator that stops at the first difference', () => {
    const comparison =
      /\b(?:\w+\.)*(?:token|secret|signature|mac|digest|csrf\w*|presented)\s*[!=]==?(?!=|\s*(?:null\b|undefined\b|true\b|false\b|['"`\d]))/i
    const early = (text: string) =>
      text.split('\n').filter((line) => comparison.test(line.replace(/\/\/.*|^\s*\/?\*.*/, '')))
    expect(early('if (record.token === presented) return')).toHaveLength(1)
    expect(early('  if (token !== null && x) // token === x')).toEqual([])
    const folder = join(import.meta.dirname, '../../src')
    const faults = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.startsWith('testing'))
      .flatMap((path) => early(readFileSync(join(folder, path), 'utf8')).map((line) => `${path}: ${line.trim()}`))
    expect(faults).toEqual([])
  })

  itOn(
    'memory',
    'SEC-10 a key in another case is another key, and a token in another case another token',
    async (stage) => {
      const sessions = stage.sessions({ id: { generate: () => crypto.randomUUID() } })
      const token = await tokenWith(sessions, { name: 'Ada' })
      expect(await shown(sessions, token.toUpperCase())).toBeNull()
      const { key, record } = await stage.onlyRecord()
      const flipped = key.replace(/[a-z]/i, (letter) =>
        letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
      )
      expect(flipped).not.toBe(key)
      for (const other of [flipped, `${key} `, key.slice(0, -1)]) {
        expect(await stage.store.read(other)).toBeNull()
        expect(await stage.store.replace(other, record, record.version)).toBe(false)
      }
      expect(await shown(sessions, token)).toEqual({ name: 'Ada' })
    },
  )
})

/** All names and contents below a folder. */
function contentsOf(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => entry.name + (entry.isFile() ? readFileSync(join(entry.parentPath, entry.name), 'latin1') : ''))
    .join('\n')
}
