import type { Transport } from '../contract/transport.ts'
import { cookieTransport } from '../transports/cookie.ts'
import type { AdapterAnswer, AdapterHandler } from './adapter-contract.ts'
import { type AdapterStageCase, tokenName } from './adapter-stage.ts'
import { check, same, sameMembers } from './expect.ts'

const write: AdapterHandler = async (session) => {
  session.set('name', 'Ada')
  return { status: 200, body: 'written' }
}
const read: AdapterHandler = async (session) => ({ status: 200, body: JSON.stringify(session.get('name') ?? null) })

const cookie = cookieTransport({ name: 'sid', secure: false })
/** The token, and beside it a cookie that scripts may read. */
const twoCookies: Transport = {
  ...cookie,
  write(exchange, token, facts) {
    cookie.write(exchange, token, facts)
    exchange.append('set-cookie', 'signed-in=1; Path=/')
  },
}

/** What the client sees of a session: its cookie, and what caches are told. */
export const responseCases: AdapterStageCase[] = [
  {
    title: 'SEC-51 an anonymous visitor who only reads gets no cookie and costs no record',
    routes: () => ({ '/': read }),
    async play({ browser, store }) {
      const reply = await browser().send('/')
      same([reply.status, reply.body, reply.cookies], [200, 'null', []], 'the reply')
      same(await store.count(), 0, 'records')
    },
  },
  {
    title: 'SEC-11 the first write sets one cookie, HttpOnly, Secure, SameSite=Lax, Path=/, and forbids caching',
    routes: () => ({ '/': write }),
    async play({ browser, store }) {
      const { tokens, header } = await browser().send('/')
      same(tokens.length, 1, 'Set-Cookie headers of the session')
      const attributes = tokens[0]
        ?.split(/;\s*/)
        .slice(1)
        .map((each) => each.toLowerCase())
      same(attributes?.sort(), ['httponly', 'path=/', 'samesite=lax', 'secure'], 'attributes')
      check(/\bno-store\b/.test(header('cache-control') ?? ''), 'Cache-Control must contain no-store')
      same(await store.count(), 1, 'records')
    },
  },
  {
    title: 'SEC-23 a response that depends on the session says Vary: Cookie, beside what the application varies by',
    routes: () => ({
      '/': async (session) => ({ ...(await read(session, noRequest)), headers: [['vary', 'Accept-Encoding']] }),
      '/static': async () => ({ status: 200, headers: [['cache-control', 'public, max-age=60']] }),
    }),
    async play({ browser }) {
      const reader = browser()
      const vary = (await reader.send('/')).header('vary')?.toLowerCase().split(/,\s*/) ?? []
      check(vary.includes('cookie'), `Vary must contain Cookie: ${vary}`)
      check(vary.includes('accept-encoding'), `Vary must keep Accept-Encoding: ${vary}`)
      same(new Set(vary).size, vary.length, `the names in Vary, each of them once: ${vary}`)
      const untouched = await reader.send('/static')
      check(!/cookie/i.test(untouched.header('vary') ?? ''), 'no Vary: Cookie when the session was not used')
      same(untouched.header('cache-control'), 'public, max-age=60', 'Cache-Control of a response without the session')
    },
  },
  {
    title: 'the second request sees what the first has written, and gets no second cookie',
    routes: () => ({ '/write': write, '/read': read }),
    async play({ browser }) {
      const visitor = browser()
      await visitor.send('/write')
      const { body, tokens } = await visitor.send('/read')
      same([body, tokens], ['"Ada"', []], 'the second reply')
      same((await browser().send('/read')).body, 'null', 'what somebody else reads')
    },
  },
  {
    title: 'REL-19 a request reads the store once, and writes once if it has changed something',
    routes: () => ({ '/write': write, '/read': read }),
    async play({ browser, store }) {
      const visitor = browser()
      await visitor.send('/write')
      for (const [path, expected] of [
        ['/read', ['read']],
        ['/write', ['read', 'replace']],
      ] as const) {
        store.calls.length = 0
        await visitor.send(path)
        const operations = store.calls.map(({ operation }) => operation)
        same(operations, expected, `store calls of ${path}`)
      }
    },
  },
  {
    title: "SEC-22 the application's own cookies survive beside the session's",
    routes: () => ({
      '/': async (session) => ({
        ...(await write(session, noRequest)),
        headers: [
          ['set-cookie', 'theme=dark; Path=/'],
          ['set-cookie', 'lang=en; Expires=Wed, 21 Oct 2099 07:28:00 GMT'],
        ],
      }),
    }),
    async play({ browser }) {
      const { cookies, tokens } = await browser().send('/')
      same(cookies.length, 3, 'Set-Cookie headers')
      same(tokens.length, 1, 'Set-Cookie headers of the session')
      check(cookies.includes('theme=dark; Path=/'), 'the first cookie of the application')
      check(cookies.includes('lang=en; Expires=Wed, 21 Oct 2099 07:28:00 GMT'), 'the second cookie of the application')
    },
  },
  {
    title: 'SEC-22 two cookies of a transport arrive beside that of the application, and both go back',
    transport: twoCookies,
    routes: () => ({
      '/': async (session) => ({
        ...(await write(session, noRequest)),
        headers: [['set-cookie', 'theme=dark; Path=/']],
      }),
      '/read': read,
    }),
    async play({ browser }) {
      const visitor = browser()
      const names = (await visitor.send('/')).cookies.map((cookie) => cookie.split('=')[0] ?? '')
      sameMembers(names, ['theme', 'sid', 'signed-in'], 'the names in Set-Cookie')
      same((await visitor.send('/read')).body, '"Ada"', 'the next request')
    },
  },
  {
    title: 'SEC-28 hostile cookies make an anonymous visitor, never an error',
    routes: () => ({ '/': read }),
    async play({ browser }) {
      const values = [
        '',
        '=',
        '"',
        'x',
        '../../etc/passwd',
        '%00',
        '%',
        'j:{"$ne":null}',
        'a'.repeat(5000),
        '\u00ff\u00fe',
      ]
      const cookies = values.map((value) => `${tokenName}=${value}`)
      const many = Array.from({ length: 100 }, (_, each) => `${tokenName}=${'A'.repeat(40)}${each}`).join('; ')
      for (const cookie of [...cookies, many, ';;;', '__proto__=1; constructor=2', tokenName]) {
        const reply = await browser().send('/', { cookie })
        same([reply.status, reply.body, reply.tokens], [200, 'null', []], `the reply to ${cookie.slice(0, 60)}`)
      }
    },
  },
  {
    title: 'REL-20 HEAD, 204 and 304 commit like any response',
    routes: () => ({ '/200': answering(200), '/204': answering(204), '/304': answering(304), '/read': read }),
    async play({ browser }) {
      for (const [path, method, status] of [
        ['/200', 'HEAD', 200],
        ['/204', 'POST', 204],
        ['/304', 'GET', 304],
      ] as const) {
        const visitor = browser()
        const reply = await visitor.send(path, { method })
        same([reply.status, reply.body, reply.tokens.length], [status, '', 1], `the reply to ${method} ${path}`)
        same((await visitor.send('/read')).body, '"Ada"', `what ${method} ${path} has stored`)
      }
    },
  },
  {
    title: 'the request body reaches the handler whole, although the session was opened before',
    routes: () => ({ '/write': write, '/echo': async (_, { body, method }) => ({ status: 200, body: method + body }) }),
    async play({ browser, store }) {
      const visitor = browser()
      await visitor.send('/write')
      store.faults.delay('read', 10)
      const body = 'x'.repeat(100_000)
      same((await visitor.send('/echo', { method: 'POST', body })).body, `POST${body}`, 'the echo')
    },
  },
]

const noRequest = { method: 'GET', path: '/', body: '' }

function answering(status: number): AdapterHandler {
  return async (session): Promise<AdapterAnswer> => {
    session.set('name', 'Ada')
    return { status }
  }
}
