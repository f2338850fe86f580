import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import express5 from 'express'
import express4 from 'express4'
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest'
import { expressSession } from '../../src/adapters/express.ts'
import { nodeSession } from '../../src/adapters/node.ts'
import type { Session } from '../../src/contract/session.ts'
import type { Sessions } from '../../src/contract/sessions.ts'
import { createSessions } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import type { AdapterHandler } from '../../src/testing/adapter-suite.ts'
import { faultyStore } from '../../src/testing/faulty-store.ts'
import { type MountedWith, starters } from '../fixtures/adapter-starters.ts'
import { withReplaced } from '../fixtures/replaced.ts'
import { type Running, serveHttp } from '../fixtures/servers.ts'
import { until, visit } from './apps/stage.ts'

const planted = new Error('planted')

// An error that nobody catches fails the run: vitest listens for it.
let logged: MockInstance<typeof console.error>
const closing: { close(): unknown }[] = []
beforeEach(() => {
  logged = vi.spyOn(console, 'error').mockImplementation(() => undefined)
})
afterEach(async () => {
  logged.mockRestore()
  for (const each of closing.splice(0)) await each.close()
})

describe.each(Object.keys(starters()))('the callbacks of an application on %s', (name) => {
  async function serve(options: MountedWith) {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store })
    let runs = 0
    const count: AdapterHandler = async (session) => {
      runs++
      return { status: 200, body: `${session.increment('count')}` }
    }
    const served = await starters(options)[name]?.(sessions, count, { tls: false, mounts: 1 })
    if (served === undefined) throw new Error(`nothing starts ${name}`)
    closing.push(served)
    const get = async () => {
      const response = await fetch(served.origin)
      return { status: response.status, body: await response.text(), cookies: response.headers.getSetCookie() }
    }
    return { get, store, runs: () => runs }
  }

  const broken: Record<string, () => void> = {
    throws: () => {
      throw planted
    },
    rejects: (async () => {
      throw planted
    }) as () => void,
  }

  it.each(Object.entries(broken))(
    'an onError that %s changes no answer, and the console gets both errors',
    async (_, onError) => {
      const { get, store } = await serve({ onError })
      store.faults.fail('create')
      expect(await get()).toMatchObject({ status: 503, cookies: [] })
      await until(() => logged.mock.calls.length >= 2)
      expect(logged.mock.calls).toEqual([[planted], [expect.objectContaining({ code: 'STORE_FAILED' })]])
      store.faults.clear()
      expect(await get()).toMatchObject({ status: 200, body: '1' })
    },
  )

  it('a `when` that throws is an error of the request, by its status, and the handler does not run', async () => {
    for (const [error, status] of [
      [planted, 500],
      [Object.assign(new Error('planted'), { status: 403 }), 403],
    ] as const) {
      const { get, runs, store } = await serve({
        onError: () => undefined,
        when: () => {
          throw error
        },
      })
      expect(await get()).toMatchObject({ status, cookies: [] })
      expect([runs(), store.calls]).toEqual([0, []])
    }
  })

  it('a `when` that returns a promise is refused, whether it resolves or rejects', async () => {
    for (const promise of [async () => false, () => Promise.reject(planted)]) {
      const { get, runs } = await serve({ onError: () => undefined, when: promise as never })
      expect(await get()).toMatchObject({ status: 500, cookies: [] })
      expect(runs()).toBe(0)
    }
    expect(logged.mock.calls.flat()).toContain(planted)
  })
})

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown
type Mount = (sessions: Sessions, handler: Handler, onError: (error: unknown) => void) => Promise<Running>

const mounts: Record<string, Mount> = {
  'node:http listener': (sessions, handler, onError) => serveHttp(nodeSession(sessions, handler, { onError })),
  'node:http middleware': (sessions, handler, onError) => {
    const session = nodeSession(sessions, { onError })
    return serveHttp((req, res) => session(req, res, () => void handler(req, res)))
  },
  'express 5': (sessions, handler, onError) =>
    serveHttp(express5().use(expressSession(sessions, { onError }), (req, res) => void handler(req, res))),
  'express 4': (sessions, handler, onError) =>
    serveHttp(express4().use(expressSession(sessions, { onError }), (req, res) => void handler(req, res))),
}

describe.each(Object.entries(mounts))('the end of a response on %s', (_, mount) => {
  /** Ends a response that has begun in each way, after `spoil`. */
  async function serve(sessions: Sessions, spoil: (session: Session) => void) {
    const reported: unknown[] = []
    const thrown: unknown[] = []
    const server = await mount(
      sessions,
      (req, res) => {
        const session = sessions.of(req)
        const end = (...args: unknown[]): void => {
          try {
            Reflect.apply(res.end, res, args)
          } catch (error) {
            thrown.push(error)
          }
        }
        if (req.url === '/begin') {
          session.set('cart', {})
          return end()
        }
        res.write('begin ')
        spoil(session)
        if (req.url === '/end') end('end')
        else if (req.url === '/callback') end('end', () => ended.emit('called'))
        else Readable.from(['end']).pipe(res)
      },
      (error) => reported.push(error),
    )
    closing.push(server)
    return { server, reported, thrown }
  }
  const ended = new EventEmitter()

  it('throws nothing when it is asked whether something has changed and that fails: the response is cut short', async () => {
    const spoilt = new WeakSet<object>()
    const sessions = unreadable(createSessions(), spoilt)
    const { server, reported, thrown } = await serve(sessions, (session) => spoilt.add(session))
    const headers = await visit(server, '/begin')
    for (const [path, times] of [
      ['/end', 1],
      ['/pipe', 2],
    ] as const) {
      await expect(server.request(path, { headers }), path).rejects.toThrow()
      expect([reported.length, thrown]).toEqual([times, []])
      expect(reported.at(-1)).toBe(planted)
    }
    const called = new Promise((resolve) => ended.once('called', resolve))
    await expect(server.request('/callback', { headers })).rejects.toThrow()
    await called
    expect(await server.request('/begin', { headers })).toMatchObject({ status: 200 })
  })

  it('throws nothing for a value that can not be stored any more', async () => {
    const sessions = createSessions()
    const { server, reported, thrown } = await serve(sessions, (session) => {
      const cart = session.get('cart') as Record<string, unknown>
      cart['self'] = cart
    })
    const headers = await visit(server, '/begin')
    for (const path of ['/end', '/pipe']) await expect(server.request(path, { headers }), path).rejects.toThrow()
    expect([reported.length, thrown]).toEqual([2, []])
  })
})

describe('a failure answer', () => {
  it('is cut short, and told, when what the application has put around the response throws', async () => {
    const reported: unknown[] = []
    const server = await serveHttp((req, res) => {
      res.end = () => {
        throw planted
      }
      listener(req, res)
    })
    const refuse = (): never => {
      throw new Error('of the handler')
    }
    const listener = nodeSession(createSessions(), refuse, { onError: (error) => reported.push(error) })
    closing.push(server)
    await expect(server.request()).rejects.toThrow()
    expect(reported).toEqual([new Error('of the handler'), planted])
  })
})

/** Sessions of which, once they are `spoilt`, nobody can tell whether they have changed. */
function unreadable(sessions: Sessions, spoilt: WeakSet<object>): Sessions {
  const real = new WeakMap<object, Session>()
  const adapter: Sessions['adapter'] = {
    ...sessions.adapter,
    finish: (session, facts) => sessions.adapter.finish(real.get(session) ?? session, facts),
  }
  const open: Sessions['open'] = async (source) => {
    const session = await sessions.open(source)
    const fake: Session = withReplaced(session, {
      get isChanged(): boolean {
        if (spoilt.has(fake)) throw planted
        return session.isChanged
      },
    })
    real.set(fake, session)
    return fake
  }
  return withReplaced(sessions, { adapter, open })
}
