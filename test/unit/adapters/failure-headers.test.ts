import express5 from 'express'
import express4 from 'express4'
import { afterEach, describe, expect, it } from 'vitest'
import { expressSession } from '../../../src/adapters/express.ts'
import { nodeSession } from '../../../src/adapters/node.ts'
import { webSession } from '../../../src/adapters/web.ts'
import type { AdapterSeam } from '../../../src/contract/adapter.ts'
import type { Exchange } from '../../../src/contract/exchange.ts'
import type { Session } from '../../../src/contract/session.ts'
import type { Sessions } from '../../../src/contract/sessions.ts'
import { serveFetch } from '../../fixtures/fetch-server.ts'
import { settle } from '../../fixtures/gate.ts'
import { type Running, serveHttp, serveHttp2 } from '../../fixtures/servers.ts'

const running: Running[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()))
})

const down = Object.assign(new Error('no store'), { status: 503 })
const token = 'sid=token; HttpOnly'

/** What the engine does when an earlier save has given the session a new token and this commit fails. */
function putHeaders(exchange: Exchange): void {
  exchange.append('set-cookie', token)
  exchange.setHeader('cache-control', 'private, no-store')
  const vary = exchange.responseHeader('vary')
  exchange.setHeader('vary', vary === null ? 'Cookie' : `${vary}, Cookie`)
}

type Finish = (exchange: Exchange, round: number) => unknown

const finishes: Record<string, { finish: Finish; isChanged?: (round: number) => boolean }> = {
  'rejects at once': {
    finish: async (exchange) => {
      putHeaders(exchange)
      throw down
    },
  },
  'rejects later': {
    finish: async (exchange) => {
      await settle(3)
      putHeaders(exchange)
      await settle(3)
      throw down
    },
  },
  throws: {
    finish: (exchange) => {
      putHeaders(exchange)
      throw down
    },
  },
}

/** Of a session system only what an adapter calls: how the adapter treats `finish` is what is looked at. */
function sessionsWith(finish: Finish, isChanged: (round: number) => boolean = () => false): Sessions {
  let exchange: Exchange | undefined
  let rounds = 0
  const session = {
    get isChanged() {
      return isChanged(rounds)
    },
  } as Session
  const adapter: AdapterSeam<object, object> = {
    claim: () => true,
    attach: () => undefined,
    run: (_, work) => work(),
    finish: () => finish(exchange as Exchange, ++rounds) as never,
  }
  const open = async (source: Exchange): Promise<Session> => {
    exchange = source
    return session
  }
  return { adapter, open } as unknown as Sessions
}

interface App {
  setHeader(name: string, value: string): unknown
  end(body: string): unknown
}
const quiet = { onError: () => undefined }
const answer = (res: App): void => {
  res.setHeader('vary', 'Accept-Encoding')
  res.setHeader('etag', '"1"')
  res.end('not to be sent')
}
const refuse = (): never => {
  throw Object.assign(new Error('of the handler'), { status: 404 })
}

/** Each adapter, in front of a handler that answers, and of one that throws where the adapter answers for it. */
const adapters: Record<string, (sessions: Sessions) => Promise<Running>> = {
  'node:http listener': (sessions) => serveHttp(nodeSession(sessions, (_, res) => answer(res), quiet)),
  'node:http listener, thrown': (sessions) => serveHttp(nodeSession(sessions, refuse, quiet)),
  'node:http2 listener': (sessions) =>
    serveHttp2(nodeSession(sessions, (_, res: never) => answer(res), quiet) as never),
  'node:http middleware': (sessions) => {
    const session = nodeSession(sessions, quiet)
    return serveHttp((req, res) => session(req, res, () => answer(res)))
  },
  'express 5': (sessions) => serveHttp(express5().use(expressSession(sessions, quiet), (_, res) => answer(res))),
  'express 4': (sessions) => serveHttp(express4().use(expressSession(sessions, quiet), (_, res) => answer(res))),
  fetch: (sessions) =>
    serveFetch(
      webSession(
        sessions,
        () => new Response('not to be sent', { headers: { vary: 'Accept-Encoding', etag: '"1"' } }),
        quiet,
      ),
    ),
  'fetch, thrown': (sessions) => serveFetch(webSession(sessions, refuse, quiet)),
}

describe.each(Object.entries(adapters))('the failure answer of %s', (name, start) => {
  it.each(Object.entries(finishes))(
    'keeps the Set-Cookie and the Vary that were put on the exchange before finish %s',
    async (_, { finish }) => {
      const server = await start(sessionsWith(finish))
      running.push(server)
      const { status, body, cookies, headers } = await server.request()
      expect({ status, body, cookies }).toEqual({ status: 503, body: 'Service Unavailable', cookies: [token] })
      expect(headers).toMatchObject({
        vary: name.endsWith('thrown') ? 'Cookie' : 'Accept-Encoding, Cookie',
        'content-type': 'text/plain; charset=utf-8',
        'cache-control': expect.stringContaining('no-store'),
      })
      expect(headers).not.toHaveProperty('etag')
    },
  )
})

describe('what was changed during the wait', () => {
  it('may fail: the cookie of the commit before stays on the answer', async () => {
    const finish: Finish = async (exchange, round) => {
      await settle(2)
      if (round === 2) throw down
      putHeaders(exchange)
    }
    const sessions = sessionsWith(finish, (round) => round === 1)
    const server = await serveHttp(nodeSession(sessions, (_, res) => answer(res), quiet))
    running.push(server)
    expect(await server.request()).toMatchObject({ status: 503, cookies: [token] })
  })
})
