import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseUrl, takeParameters } from '../../../../src/stores/_open/connection-string.ts'
import { parseGoDsn } from '../../../../src/stores/mysql/open-go-dsn.ts'
import { pairsOf } from '../../../../src/stores/postgres/open-pairs.ts'
import { parseRedis } from '../../../../src/stores/redis/open-target.ts'
import { parseSqlite } from '../../../../src/stores/sqlite/open.ts'

const invalid = (message: RegExp) =>
  expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) })
const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/)
const anything = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
const port = fc.integer({ min: 1, max: 65535 })

describe('a URL', () => {
  it('is taken apart into what it was made of', () => {
    fc.assert(
      fc.property(
        fc.record({
          user: anything,
          password: anything,
          hosts: fc.array(fc.record({ host: word, port }), { minLength: 1, maxLength: 4 }),
          path: anything,
          parameters: fc.dictionary(word, anything, { maxKeys: 3, noNullPrototype: true }),
        }),
        ({ user, password, hosts, path, parameters }) => {
          const encode = encodeURIComponent
          const list = hosts.map(({ host, port }) => `${host}:${port}`).join()
          const query = Object.entries(parameters).map((pair) => pair.map(encode).join('='))
          const url = parseUrl(
            `scheme+x://${encode(user)}:${encode(password)}@${list}/${encode(path)}?${query.join('&')}`,
            1,
          )
          expect({ ...url, parameters: Object.fromEntries(url.parameters) }).toEqual({
            ...{ scheme: 'scheme+x', user, password, hosts, path, parameters },
          })
        },
      ),
    )
  })

  it('may leave out user, password, port, path and parameters, and have addresses of IPv6', () => {
    const empty = { user: undefined, password: undefined, path: '', parameters: new Map() }
    expect(parseUrl('REDIS://a,[::1]:7,[fe80::1]', 6379)).toEqual({
      ...empty,
      scheme: 'redis',
      hosts: [
        { host: 'a', port: 6379 },
        { host: '::1', port: 7 },
        { host: 'fe80::1', port: 6379 },
      ],
    })
    expect(parseUrl('x://:secret@a', 1)).toMatchObject({ user: undefined, password: 'secret' })
  })

  it.each([
    'x://',
    'x:///db',
    'x://a,/db',
    'x://user@/db',
    'x://a b',
    'x://a:b',
    'x://a:0',
    'x://a:70000',
    'x://u:p/w@a',
    'x://a/%',
  ])('%j is refused', (text) => expect(() => parseUrl(text, 1)).toThrow(invalid(/^openStore: "x:"/)))

  it('loses the parameters that are taken out of it, and nothing else', () => {
    const { address, taken } = takeParameters('x://u:p@h/db?a=1&table=t%20t&b=%26&schema=', ['table', 'schema'])
    expect(address).toBe('x://u:p@h/db?a=1&b=%26')
    expect([...taken]).toEqual([
      ['table', 't t'],
      ['schema', ''],
    ])
    expect(takeParameters('x://h/?table=t', ['table']).address).toBe('x://h/')
    expect(() => takeParameters('x://h/?table=t&table=u', ['table'])).toThrow(invalid(/twice/))
  })
})

describe('a connection string about Redis', () => {
  const target = { kind: 'single', user: undefined, password: undefined, database: 0, master: undefined, isTls: false }
  const host = [{ host: 'h', port: 6379 }]
  const sentinels = [
    { host: 'a', port: 26379 },
    { host: 'b', port: 2 },
  ]

  it.each([
    ['redis://h', { hosts: host }],
    ['redis://u:p%40@h:7/3?prefix=x', { user: 'u', password: 'p@', hosts: [{ host: 'h', port: 7 }], database: 3 }],
    ['rediss://:p@h/', { password: 'p', hosts: host, isTls: true }],
    [
      'redis+cluster://a,b:2',
      {
        kind: 'cluster',
        hosts: [
          { host: 'a', port: 6379 },
          { host: 'b', port: 2 },
        ],
      },
    ],
    ['rediss+cluster://h', { kind: 'cluster', hosts: host, isTls: true }],
    ['redis+sentinel://a,b:2/mymaster', { kind: 'sentinel', hosts: sentinels, master: 'mymaster' }],
    ['rediss+sentinel://a,b:2/m/5', { kind: 'sentinel', hosts: sentinels, master: 'm', database: 5, isTls: true }],
    ['redis:h:7', { hosts: [{ host: 'h', port: 7 }] }],
    ['redis:h:7,100,pass;word,2,30', { hosts: [{ host: 'h', port: 7 }], password: 'pass;word', database: 2 }],
    ['redis:h:7, , p, ', { hosts: [{ host: 'h', port: 7 }], password: 'p' }],
    [
      'redis:{"save_path":"h:7","poolsize":9,"password":"p,","db_num":2}',
      { hosts: [{ host: 'h', port: 7 }], password: 'p,', database: 2 },
    ],
    [
      'redis_cluster:a:1;b:2,100,p',
      {
        kind: 'cluster',
        hosts: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
        ],
        password: 'p',
      },
    ],
    ['redis_sentinel:a;b:2,100,p,0,m', { kind: 'sentinel', hosts: sentinels, password: 'p', master: 'm' }],
    ['redis_sentinel:a;b:2', { kind: 'sentinel', hosts: sentinels, master: 'mymaster' }],
  ])('%s', (text, expected) => {
    const { parameters, ...found } = parseRedis(text)
    expect(found).toEqual({ ...target, ...expected })
    expect(parameters.get('prefix')).toBe(text.includes('prefix') ? 'x' : undefined)
  })

  it.each([
    ['redis:', /needs a host/],
    ['redis://', /needs a host/],
    ['redis://a,b', /"redis\+cluster:" or "redis\+sentinel:"/],
    ['redis://h/db', /number as the database/],
    ['redis:h:1,100,p,x', /number as the database/],
    ['redis+cluster://h/1', /no databases/],
    ['redis+sentinel://h', /name of the master/],
    ['redis+cluster:h:1', /followed by "\/\/"/],
    ['rediss:h:1', /followed by "\/\/"/],
    ['redis://h?pool=7', /no parameter "pool"/],
    ['redis://h?tlsCAFile=x', /no parameter "tlsCAFile"/],
    ['redis:{"save_path"', /not valid/],
    ['redis:h:1;g:2', /needs a host/],
  ])('%s is refused', (text, message) => expect(() => parseRedis(text)).toThrow(invalid(message)))
})

describe('a connection string of Go for MySQL', () => {
  it('has a password with any characters', () => {
    fc.assert(
      fc.property(word, anything, word, port, (user, password, database, port) => {
        expect(parseGoDsn(`${user}:${password}@tcp(h:${port})/${database}?tls=true&charset=utf8`, 'mysql')).toEqual({
          ...{ user, password, host: 'h', port, database },
          parameters: new Map([
            ['tls', 'true'],
            ['charset', 'utf8'],
          ]),
        })
      }),
    )
  })

  it.each([
    ['user@/db', { user: 'user', host: '127.0.0.1', port: 3306 }],
    ['/db', { host: '127.0.0.1', port: 3306 }],
    ['u:@tcp/db', { user: 'u', host: '127.0.0.1', port: 3306 }],
    ['u:p@tcp([::1]:7)/db', { user: 'u', password: 'p', host: '::1', port: 7 }],
    ['u:p@unix(/run/my.sock)/db', { user: 'u', password: 'p', socketPath: '/run/my.sock' }],
  ])('%s', (dsn, expected) => {
    expect(parseGoDsn(dsn, 'mysql')).toEqual({
      user: '',
      password: '',
      database: 'db',
      parameters: new Map(),
      ...expected,
    })
  })

  it.each([
    ['', /needs a database/],
    ['u:p@tcp(h:1)/', /needs a database/],
    ['u:p@tcp(h:1)/?x=1', /needs a database/],
    ['u:p@unix/db', /"unix\(\/path\)"/],
    ['u:p@h:1/db', /"tcp\(host:3306\)"/],
    ['u:p@tcp(h:1)/db?sql_mode=x', /no parameter "sql_mode"/],
  ])('%j is refused', (dsn, message) => expect(() => parseGoDsn(dsn, 'mysql')).toThrow(invalid(message)))
})

describe('a connection string of libpq', () => {
  it('has values with any characters', () => {
    const escaped = (text: string): string => text.replace(/[\\']/g, '\\$&')
    fc.assert(
      fc.property(anything, anything, (password, dbname) => {
        const plain = escaped(dbname).replace(/\s/g, '\\$&')
        expect(Object.fromEntries(pairsOf(`user = a password='${escaped(password)}' dbname=${plain}`, 'x'))).toEqual({
          ...{ user: 'a', password, dbname },
        })
      }),
    )
  })

  it.each(['user', "password='a", 'user=a/b@c d', 'h:5432/db'])('%j is refused', (text) => {
    expect(() => pairsOf(text, 'postgresql')).toThrow(invalid(/"user=\.\.\. dbname=\.\.\."/))
  })
})

describe('a connection string about SQLite', () => {
  it.each([
    ['sqlite:./s.db', './s.db'],
    ['sqlite:s.db?table=t', 's.db'],
    ['sqlite::memory:', ':memory:'],
    ['sqlite:/a/s.db', '/a/s.db'],
    ['sqlite:///a%20b/s.db', '/a b/s.db'],
  ])('%s', (text, path) => expect(parseSqlite(text).path).toBe(path))

  it.each([
    ['sqlite:', /needs a file/],
    ['sqlite://', /needs a file/],
    ['sqlite:?table=t', /needs a file/],
    ['sqlite://s.db', /"\/\/\/"/],
    ['sqlite:s.db?mode=ro', /no parameter "mode"/],
  ])('%s is refused', (text, message) => expect(() => parseSqlite(text)).toThrow(invalid(message)))
})
