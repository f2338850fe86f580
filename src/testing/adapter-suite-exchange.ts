import { cookieTransport } from '../transports/cookie.ts'
import { firstOf } from '../transports/first-of.ts'
import { queryTransport } from '../transports/query.ts'
import type { AdapterHandler } from './adapter-contract.ts'
import type { AdapterStageCase } from './adapter-stage.ts'
import { check, same } from './expect.ts'

const write: AdapterHandler = async (session) => {
  session.set('name', 'Ada')
  return { status: 200 }
}
const read: AdapterHandler = async (session) => ({ status: 200, body: JSON.stringify(session.get('name') ?? null) })

const cookie = cookieTransport({ name: 'sid', secure: false })

/** What the engine is told of a request and its response. */
export const exchangeCases: AdapterStageCase[] = [
  {
    title: 'the method is that of the request, in upper case',
    transport: cookie,
    routes: () => ({ '/': read }),
    async play({ browser, exchanges }) {
      const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']
      for (const method of methods) await browser().send('/', { method })
      const told = exchanges.map(({ method }) => method)
      same(told, methods, 'exchange.method')
    },
  },
  {
    title: 'the url is the target of the request with its query, and a token in it is found',
    transport: firstOf(queryTransport({ name: 'sid', tokenLeaksIntoLogsAndReferrers: true }), cookie),
    routes: () => ({ '/write': write, '/read': read }),
    async play({ browser, exchanges }) {
      const target = '/read?a=1&b=%20%3F&sid='
      await browser().send(target)
      const url = exchanges[0]?.url() ?? ''
      check(url === target || new URL(url, 'http://x').href.endsWith(target), `exchange.url() is ${url}`)
      const [token = ''] = (await browser().send('/write')).cookies
      const value = /^sid=([^;]*)/.exec(token)?.[1] ?? ''
      same((await browser().send(`/read?sid=${value}`)).body, '"Ada"', 'what a token in the query shows')
      same((await browser().send('/read?sid=%')).status, 200, 'the status for a malformed query')
    },
  },
  {
    title: 'request headers are as they were sent; those that were not are null, whatever they are called',
    transport: cookie,
    routes: () => ({ '/': read }),
    async play({ browser, exchanges }) {
      const headers = { 'X-Mixed-Case': 'Some Value', 'x-list': 'a, b', cookie: 'a=1; b=2' }
      await browser().send('/', { headers })
      const [exchange] = exchanges
      const told = ['x-mixed-case', 'x-list', 'cookie'].map((name) => exchange?.header(name))
      same(told, ['Some Value', 'a, b', 'a=1; b=2'], 'headers that were sent')
      for (const name of ['x-absent', '__proto__', 'constructor', 'tostring']) {
        same(exchange?.header(name), null, `the header ${name}, which was not sent`)
      }
    },
  },
  {
    title: 'headersSent is false until the response begins, and true from then on',
    transport: cookie,
    routes: ({ exchanges }) => ({
      '/read': async () => ({ status: 200, body: `${exchanges.at(-1)?.headersSent}` }),
      '/write': async (session) => {
        session.set('name', 'Ada')
        return { status: 200, body: `${exchanges.at(-1)?.headersSent}` }
      },
    }),
    async play({ browser, exchanges }) {
      for (const path of ['/read', '/write']) {
        same((await browser().send(path)).body, 'false', `headersSent while the handler of ${path} runs`)
        same(exchanges.at(-1)?.headersSent, true, `headersSent after the response to ${path}`)
      }
    },
  },
  {
    title: 'SEC-11 without TLS a cookie with `secure: auto` is not Secure, whatever a client says of a proxy',
    options: { cookie: { name: 'sid', secure: 'auto' } },
    routes: () => ({ '/': write }),
    async play({ browser }) {
      for (const headers of [{}, { 'x-forwarded-proto': 'https' }, { forwarded: 'proto=https' }]) {
        const { cookies } = await browser().send('/', { headers })
        same(cookies.map(isSecure), [false], `Secure on the cookies, sent ${JSON.stringify(headers)}`)
      }
    },
  },
  {
    title: 'SEC-11 over TLS a cookie with `secure: auto` is Secure',
    options: { cookie: { name: 'sid', secure: 'auto' } },
    serving: { tls: true },
    routes: () => ({ '/': write, '/read': read }),
    async play({ browser }) {
      const visitor = browser()
      const { cookies } = await visitor.send('/')
      same(cookies.map(isSecure), [true], 'Secure on the cookies')
      same((await visitor.send('/read')).body, '"Ada"', 'the next request')
    },
  },
  {
    title: 'SEC-11 behind a proxy that is trusted, its X-Forwarded-Proto decides whether the cookie is Secure',
    options: { cookie: { name: 'sid', secure: 'auto' }, trustProxy: true },
    routes: () => ({ '/': write }),
    async play({ browser }) {
      for (const [protocols, secure] of [
        ['https', true],
        ['http', false],
        ['http, https', true],
        ['https, http', false],
      ] as const) {
        const { cookies } = await browser().send('/', { headers: { 'X-Forwarded-Proto': protocols } })
        same(cookies.map(isSecure), [secure], `Secure on the cookies behind "${protocols}"`)
      }
    },
  },
  {
    title: 'X6 a login remembers the device by its User-Agent',
    routes: () => ({
      '/login': async (session) => {
        session.login('ada')
        return { status: 200 }
      },
      '/device': async (session) => ({ status: 200, body: `${session.device}` }),
    }),
    async play({ browser }) {
      const visitor = browser()
      await visitor.send('/login', { method: 'POST', headers: { 'User-Agent': 'Suite/1.0 (conformance)' } })
      same((await visitor.send('/device')).body, 'Suite/1.0 (conformance)', 'session.device')
    },
  },
]

function isSecure(cookie: string): boolean {
  return /;\s*secure\s*(;|$)/i.test(cookie)
}
