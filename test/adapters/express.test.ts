import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express5, { type Express, type RequestHandler } from 'express'
import express4 from 'express4'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { expressSession } from '../../src/adapters/express.ts'
import { settle } from '../fixtures/gate.ts'
import { openRaw, type Running, serveHttp } from '../fixtures/servers.ts'
import { stage, visit } from './apps/stage.ts'

const folder = mkdtempSync(join(tmpdir(), 'coatcheck-'))
const big = randomBytes(1_000_000)
writeFileSync(join(folder, 'big.bin'), big)
writeFileSync(join(folder, 'page.html'), '<p>page</p>')
afterAll(() => rmSync(folder, { recursive: true }))

const running: Running[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()))
})

describe.each([
  ['express 5', express5],
  ['express 4', express4],
])('%s', (version, express) => {
  /** An application on a slow store, with `/count` to begin a session. */
  async function serve(mount: (app: Express, setup: ReturnType<typeof stage>) => void, setup = stage()) {
    const app = express()
    app.set('env', 'test')
    app.disable('x-powered-by')
    setup.store.faults.delay('*', 2)
    mount(app, setup)
    const server = await serveHttp(app)
    running.push(server)
    return { server, ...setup }
  }

  const counting =
    ({ sessions }: ReturnType<typeof stage>): RequestHandler =>
    (req, res) => {
      res.send(`count=${sessions.of(req).increment('count')}`)
    }

  it('REL-20 commits before send, json, redirect, sendFile, sendStatus, static files and a template', async () => {
    const { server, store } = await serve((app, setup) => {
      app.engine('txt', (_path, _options, callback) => callback(null, 'rendered'))
      app.set('views', folder)
      writeFileSync(join(folder, 'view.txt'), '')
      app.use(expressSession(setup.sessions))
      app.use((req, _res, next) => {
        setup.sessions.of(req).increment('count')
        next()
      })
      app.get('/send', (_req, res) => void res.send('text'))
      app.get('/json', (_req, res) => void res.json({ a: 1 }))
      app.get('/redirect', (_req, res) => void res.cookie('theme', 'dark').redirect('/elsewhere'))
      app.get('/file', (_req, res) => void res.sendFile('big.bin', { root: folder }))
      app.get('/status', (_req, res) => void res.sendStatus(204))
      app.get('/render', (_req, res) => void res.render('view.txt'))
      app.use('/static', express.static(folder))
    })
    const expected = {
      '/send': { status: 200, body: 'text' },
      '/json': { status: 200, body: '{"a":1}' },
      '/redirect': { status: 302, headers: { location: '/elsewhere' } },
      '/status': { status: 204, body: '' },
      '/render': { status: 200, body: 'rendered' },
      '/static/page.html': { status: 200, body: '<p>page</p>' },
      '/nowhere': { status: 404 },
    }
    let records = 0
    for (const [path, answer] of Object.entries(expected)) {
      const { cookies, ...rest } = await server.request(path)
      expect(rest, path).toMatchObject(answer)
      expect(
        cookies.filter((cookie) => cookie.startsWith('__Host-sid=')),
        path,
      ).toHaveLength(1)
      expect(cookies.length, path).toBe(path === '/redirect' ? 2 : 1)
      expect(await store.count(), path).toBe(++records)
    }
    for (const path of ['/file', '/static/big.bin']) {
      const response = await fetch(server.origin + path)
      const body = new Uint8Array(await response.arrayBuffer())
      expect(response.headers.get('content-length'), path).toBe(String(big.length))
      expect(createHash('md5').update(body).digest('hex')).toBe(createHash('md5').update(big).digest('hex'))
      expect(response.headers.getSetCookie()).toHaveLength(1)
    }
    const part = await server.request('/static/page.html', { headers: { range: 'bytes=3-6' } })
    expect(part).toMatchObject({ status: 206, body: 'page', headers: { 'content-range': 'bytes 3-6/11' } })
  })

  it('keeps conditional requests: 304 for what has not changed', async () => {
    const { server } = await serve((app, setup) => {
      app.use(expressSession(setup.sessions))
      app.use((req, _res, next) => {
        setup.sessions.of(req).increment('count')
        next()
      })
      app.get('/text', (_req, res) => void res.send('text'))
      app.use(express.static(folder))
    })
    for (const path of ['/text', '/page.html']) {
      const { headers } = await server.request(path)
      // Not with fetch, which forbids what it calls a cached answer.
      const conditional = `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nIf-None-Match: ${headers['etag']}\r\n\r\n`
      const again = await openRaw(server.port, conditional).ended
      expect(again, path).toMatch(
        /^HTTP\/1.1 304 Not Modified\r\n(.+\r\n)*Set-Cookie: __Host-sid=.*\r\n(.+\r\n)*\r\n$/i,
      )
    }
  })

  it('REL-05 replaces whatever was to be sent by a 503 when the session can not be stored', async () => {
    const errors: unknown[] = []
    const { server, store } = await serve((app, setup) => {
      app.use(expressSession(setup.sessions, { onError: (error, req) => errors.push([error, req.path]) }))
      app.use((req, _res, next) => {
        setup.sessions.of(req).increment('count')
        next()
      })
      app.get('/json', (_req, res) => void res.status(201).json({ a: 1 }))
      app.get('/file', (_req, res) => void res.sendFile('big.bin', { root: folder }))
      app.get('/redirect', (_req, res) => res.redirect('/elsewhere'))
    })
    store.faults.fail('create')
    for (const path of ['/json', '/file', '/redirect']) {
      const { headers, ...answer } = await server.request(path)
      expect(answer, path).toEqual({ status: 503, body: 'Service Unavailable', cookies: [] })
      expect(headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
      for (const name of ['etag', 'last-modified', 'location', 'accept-ranges'])
        expect(headers).not.toHaveProperty(name)
    }
    expect(errors).toEqual(
      ['/json', '/file', '/redirect'].map((path) => [expect.objectContaining({ code: 'STORE_FAILED' }), path]),
    )
  })

  it('SEC-97 passes a store that is down to the error handler, with status 503', async () => {
    const { server, store } = await serve((app, setup) => {
      app.use(expressSession(setup.sessions))
      app.get('/', counting(setup))
      app.use(((error, _req, res, _next) => {
        res.status(error.status).send(`handled ${error.code}`)
      }) satisfies express5.ErrorRequestHandler)
    })
    const headers = await visit(server, '/')
    store.faults.fail('read')
    expect(await server.request('/', { headers })).toMatchObject({
      status: 503,
      body: 'handled STORE_FAILED',
      cookies: [],
    })
  })

  it('REL-18 commits by the status that an error handler chooses', async () => {
    const { server, store } = await serve((app, setup) => {
      app.use(expressSession(setup.sessions))
      app.get('/:status', (req, _res, next) => {
        setup.sessions.of(req).set('name', 'Ada')
        const error = Object.assign(new Error('on purpose'), { status: Number(req.params.status) })
        if (version === 'express 5' || req.query.sync) throw error
        next(error)
      })
    })
    expect((await server.request('/500')).cookies).toEqual([])
    expect((await server.request('/503?sync=1')).cookies).toEqual([])
    expect(await store.count()).toBe(0)
    expect(await server.request('/422')).toMatchObject({ status: 422, cookies: [expect.any(String)] })
    expect(await store.count()).toBe(1)
  })

  it('works below a path, in routers and in applications within', async () => {
    const { server } = await serve((app, setup) => {
      const router = express.Router()
      router.use(expressSession(setup.sessions))
      router.get('/count', counting(setup))
      const inner = express()
      inner.use(expressSession(setup.sessions))
      inner.get('/count', counting(setup))
      router.use('/inner', inner)
      app.use('/shop', router)
      app.get('/outside', (req, res) => {
        expect(() => setup.sessions.of(req)).toThrow(expect.objectContaining({ code: 'NO_SESSION' }))
        res.end()
      })
    })
    const headers = await visit(server, '/shop/count')
    expect((await server.request('/shop/inner/count', { headers })).body).toBe('count=2')
    expect((await server.request('/outside', { headers })).cookies).toEqual([])
  })

  it('B2 opens nothing for requests that `when` excludes', async () => {
    const { server, store } = await serve((app, setup) => {
      app.use(expressSession(setup.sessions, { when: (req) => !req.path.startsWith('/public') }))
      app.get('/count', counting(setup))
      app.get('/public', (_req, res) => void res.send('public'))
    })
    const headers = await visit(server, '/count')
    store.calls.length = 0
    expect((await server.request('/public', { headers })).headers).not.toHaveProperty('vary')
    expect(store.calls).toEqual([])
  })

  it('SEC-32 never uses what a cookie parser has made of the cookie', async () => {
    const { server } = await serve((app, setup) => {
      app.use((req, _res, next) => {
        const forged = { '__Host-sid': { $ne: null } }
        Object.assign(req, { cookies: forged, signedCookies: forged })
        next()
      })
      app.use(expressSession(setup.sessions))
      app.get('/', (req, res) => void res.json(setup.sessions.of(req).toJSON().data))
    })
    const headers = { cookie: '__Host-sid=j:{"$ne":null}' }
    expect(await server.request('/', { headers })).toMatchObject({ status: 200, body: '{}', cookies: [] })
  })

  it('F12 knows the current session in handlers behind a body parser', async () => {
    const { server } = await serve((app, { sessions }) => {
      app.use(expressSession(sessions))
      app.use(express.json())
      app.post('/', async (req, res) => {
        await settle(2)
        sessions.current().set('name', req.body.name)
        res.json(sessions.of(req).toJSON().data)
      })
    })
    const body = JSON.stringify({ name: 'Ada' })
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
    expect(await server.request('/', init)).toMatchObject({ body, cookies: [expect.any(String)] })
  })
})

it('answers a rejected handler of express 5 by its status', async () => {
  const { sessions, store } = stage()
  const app = express5()
  app.set('env', 'test')
  app.use(expressSession(sessions))
  app.get('/:status', async (req) => {
    await settle(2)
    sessions.of(req).set('name', 'Ada')
    throw Object.assign(new Error('on purpose'), { status: Number(req.params.status) })
  })
  const server = await serveHttp(app)
  running.push(server)
  expect(await server.request('/500')).toMatchObject({ status: 500, cookies: [] })
  expect(await store.count()).toBe(0)
  expect(await server.request('/409')).toMatchObject({ status: 409, cookies: [expect.any(String)] })
})
