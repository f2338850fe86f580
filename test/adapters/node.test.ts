import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { nodeSession, openUpgrade } from '../../src/adapters/node.ts'
import { settle } from '../fixtures/gate.ts'
import { openRaw, type Running, serveHttp, serveHttp2 } from '../fixtures/servers.ts'
import { stage, tokenOf, until, visit } from './apps/stage.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of closing.splice(0)) await each.close()
})

async function running(server: Promise<Running>): Promise<Running> {
  const started = await server
  closing.push(started)
  return started
}

const quiet = { onError: () => undefined }

describe('a listener', () => {
  it('answers what the handler throws with its status, and commits as for that', async () => {
    const { sessions, store } = stage()
    const errors: unknown[] = []
    const server = await running(
      serveHttp(
        nodeSession(
          sessions,
          async (req, res) => {
            sessions.of(req).set('name', 'Ada')
            res.setHeader('content-type', 'image/png')
            res.setHeader('content-length', 999)
            res.setHeader('x-kept', 'yes')
            const status = Number(req.url?.slice(1))
            throw Object.assign(new Error('secret detail'), status ? { status } : {})
          },
          { onError: (error, { url }) => errors.push([(error as Error).message, url]) },
        ),
      ),
    )
    expect(await server.request('/404')).toMatchObject({
      status: 404,
      body: 'Not Found',
      cookies: [expect.any(String)],
    })
    expect(await store.count()).toBe(1)
    for (const path of ['/', '/999', '/500']) {
      const { status, body, headers, cookies } = await server.request(path)
      expect({ status, body, cookies }).toEqual({ status: 500, body: 'Internal Server Error', cookies: [] })
      expect(headers).toMatchObject({
        'content-type': 'text/plain; charset=utf-8',
        'content-length': '21',
        'x-kept': 'yes',
      })
    }
    expect(await store.count()).toBe(1)
    expect(errors.at(-1)).toEqual(['secret detail', '/500'])
  })

  it('cuts a response short when the handler throws after it has begun, and still ends the session', async () => {
    const { sessions, store } = stage()
    const server = await running(
      serveHttp(
        nodeSession(
          sessions,
          async (req, res) => {
            const session = sessions.of(req)
            if (req.url === '/begin') {
              session.set('count', 1)
              res.end()
              return
            }
            res.write('begin')
            await settle(3)
            session.destroy()
            throw new Error('too late')
          },
          quiet,
        ),
      ),
    )
    const headers = await visit(server, '/begin')
    await expect(server.request('/', { headers })).rejects.toThrow()
    await settle()
    expect(await store.count()).toBe(0)
  })

  it('lets a response that was ended go out when the handler throws afterwards', async () => {
    const { sessions } = stage()
    const errors: unknown[] = []
    const handler = (req: IncomingMessage, res: { end(text: string): unknown }): never => {
      sessions.of(req).set('count', 1)
      res.end('complete')
      throw new Error('afterwards')
    }
    const server = await running(serveHttp(nodeSession(sessions, handler, { onError: (error) => errors.push(error) })))
    expect(await server.request()).toMatchObject({ status: 200, body: 'complete', cookies: [expect.any(String)] })
    expect(errors).toHaveLength(1)
  })

  it('SEC-97 answers 503 when the store is down, and tells why', async () => {
    const { sessions, store } = stage()
    const errors: unknown[] = []
    const server = await running(
      serveHttp(
        nodeSession(sessions, (req, res) => res.end(`${sessions.of(req).increment('count')}`), {
          onError: (error) => errors.push(error),
        }),
      ),
    )
    const headers = await visit(server, '/')
    store.faults.fail('read')
    const answer = await server.request('/', { headers })
    expect(answer).toMatchObject({ status: 503, body: 'Service Unavailable', cookies: [] })
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(errors).toEqual([expect.objectContaining({ code: 'STORE_FAILED', status: 503 })])
  })

  it('L24 commits nothing for a handler that never answers', async () => {
    const { sessions, store } = stage()
    let ran = false
    const server = await running(
      serveHttp(
        nodeSession(sessions, (req) => {
          sessions.of(req).set('count', 1)
          ran = true
        }),
      ),
    )
    const { socket, ended } = openRaw(server.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until(() => ran)
    socket.destroy()
    await ended
    await settle()
    expect(store.calls).toEqual([])
  })

  it('L24 commits what a handler has finished, although the client has gone', async () => {
    const { sessions, store } = stage()
    let finished = false
    const server = await running(
      serveHttp(
        nodeSession(sessions, async (req, res) => {
          const session = sessions.of(req)
          session.set('count', 1)
          if (req.url === '/') return res.end()
          await new Promise((resolve) => res.once('close', resolve))
          session.set('count', 2)
          res.end('to nobody')
          finished = true
        }),
      ),
    )
    const { cookie } = await visit(server, '/')
    const { socket } = openRaw(server.port, `GET /slow HTTP/1.1\r\nHost: a\r\nCookie: ${cookie}\r\n\r\n`)
    await until(() => store.calls.some(({ operation }) => operation === 'read'))
    await settle()
    socket.destroy()
    await until(() => finished && store.calls.some(({ operation }) => operation === 'replace'))
    await settle()
    const [token = ''] = cookie.split('=').slice(1)
    expect((await sessions.open(token)).get('count')).toBe(2)
  })

  it('streams a big file through a slow store, byte for byte', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'coatcheck-'))
    const file = join(folder, 'big')
    const content = randomBytes(5_000_000)
    await writeFile(file, content)
    const { sessions, store } = stage()
    store.faults.delay('create', 30)
    const server = await running(
      serveHttp(
        nodeSession(sessions, async (req, res) => {
          sessions.of(req).set('count', 1)
          res.setHeader('content-type', 'text/plain; charset=latin1')
          if (req.url === '/pipe') createReadStream(file).pipe(res)
          else await pipeline(createReadStream(file), res)
        }),
      ),
    )
    const hash = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')
    for (const path of ['/pipe', '/pipeline']) {
      const response = await fetch(server.origin + path)
      expect(response.headers.getSetCookie()).toHaveLength(1)
      expect(hash(new Uint8Array(await response.arrayBuffer()))).toBe(hash(content))
    }
    await rm(folder, { recursive: true })
  })

  it('stores changes of a stored session made after the header, before the response ends', async () => {
    const { sessions, store } = stage()
    const server = await running(
      serveHttp(
        nodeSession(sessions, async (req, res) => {
          const session = sessions.of(req)
          session.increment('count')
          res.write('begin ')
          await settle(5)
          if (req.url === '/late') session.increment('count')
          res.end(`${session.get('count')}`)
        }),
      ),
    )
    const headers = await visit(server, '/')
    store.faults.delay('replace', 10)
    expect((await server.request('/late', { headers })).body).toBe('begin 3')
    expect((await server.request('/', { headers })).body).toBe('begin 4')
  })

  it('REL-05 cuts the response short when such changes can not be stored', async () => {
    const { sessions, store } = stage()
    const errors: unknown[] = []
    const server = await running(
      serveHttp(
        nodeSession(
          sessions,
          async (req, res) => {
            const session = sessions.of(req)
            if (req.url === '/') {
              session.set('count', 1)
              return res.end()
            }
            res.write('begin ')
            session.set('count', 2)
            res.end('end')
          },
          { onError: (error) => errors.push(error) },
        ),
      ),
    )
    const headers = await visit(server, '/')
    store.faults.fail('replace')
    await expect(server.request('/late', { headers })).rejects.toThrow()
    expect(errors).toEqual([expect.objectContaining({ code: 'STORE_FAILED' })])
  })

  it('refuses what needs a cookie once the header is out', async () => {
    const { sessions } = stage()
    const codes: unknown[] = []
    const server = await running(
      serveHttp(
        nodeSession(sessions, async (req, res) => {
          const session = sessions.of(req)
          res.write('begin ')
          for (const verb of [() => session.set('count', 1), () => session.regenerate(), () => session.login('ada')]) {
            try {
              verb()
              codes.push('none')
            } catch (error) {
              codes.push((error as { code: string }).code)
            }
          }
          res.end('end')
        }),
      ),
    )
    expect(await server.request()).toMatchObject({ status: 200, body: 'begin end', cookies: [] })
    expect(codes).toEqual(['HEADERS_SENT', 'HEADERS_SENT', 'HEADERS_SENT'])
  })

  it('B2 opens nothing for requests that `when` excludes', async () => {
    const { sessions, store } = stage()
    const server = await running(
      serveHttp(
        nodeSession(
          sessions,
          (req, res) => {
            try {
              sessions.of(req).set('count', 1)
              res.end('session')
            } catch (error) {
              res.end((error as { code: string }).code)
            }
          },
          { when: ({ url }) => !url?.startsWith('/assets/') },
        ),
      ),
    )
    expect(await server.request('/assets/a.css')).toMatchObject({ body: 'NO_SESSION', cookies: [] })
    expect(store.calls).toEqual([])
    expect(await server.request('/')).toMatchObject({ body: 'session', cookies: [expect.any(String)] })
  })

  it('answers what the handler throws where there is no session as well', async () => {
    const { sessions } = stage()
    const refuse = (): never => {
      throw Object.assign(new Error('no'), { statusCode: 403 })
    }
    const server = await running(serveHttp(nodeSession(sessions, refuse, { ...quiet, when: () => false })))
    expect(await server.request()).toMatchObject({ status: 403, body: 'Forbidden' })
  })

  it('SEC-31 SEC-32 reads the raw headers only, whatever they are called', async () => {
    const { sessions } = stage()
    const server = await running(
      serveHttp(
        nodeSession(sessions, (req, res) => {
          Object.assign(req, { cookies: { '__Host-sid': 'parsed' }, signedCookies: { '__Host-sid': { $ne: null } } })
          res.end(JSON.stringify(sessions.of(req).get('count') ?? null))
        }),
      ),
    )
    const hostile =
      '__proto__: x\r\nconstructor: y\r\ntoString: z\r\nCookie: __Host-sid=j:{"$ne":null}\r\nCookie: a=b\r\n'
    const { ended } = openRaw(server.port, `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${hostile}\r\n`)
    expect(await ended).toMatch(/^HTTP\/1.1 200 OK\r\n(.*\r\n)+\r\nnull$/)
  })

  it('finds the session in one of several Cookie headers', async () => {
    const { sessions } = stage()
    const server = await running(
      serveHttp(nodeSession(sessions, (req, res) => res.end(`count=${sessions.of(req).increment('count')}`))),
    )
    const { cookie } = await visit(server, '/')
    const head = `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: a=b\r\nCookie: ${cookie}\r\n\r\n`
    expect(await openRaw(server.port, head).ended).toMatch(/count=2$/)
  })
})

describe('middleware', () => {
  it('counts once when it is mounted twice, and two systems live side by side', async () => {
    const users = stage()
    const admins = stage({ cookie: { name: 'admin' } })
    const chain = [users, users, admins].map(({ sessions }) => nodeSession(sessions))
    const server = await running(
      serveHttp((req, res) => {
        const step = (at: number): void => {
          const next = chain[at]
          if (next !== undefined) return next(req, res, () => step(at + 1))
          users.sessions.of(req).set('name', 'user')
          admins.sessions.of(req).set('name', 'admin')
          expect(users.sessions.current()).not.toBe(admins.sessions.current())
          res.end('both')
        }
        step(0)
      }),
    )
    const { body, cookies } = await server.request()
    expect(body).toBe('both')
    expect(cookies.map((cookie) => cookie.split('=')[0]).toSorted()).toEqual(['__Host-sid', 'admin'])
    const cookie = cookies.map((each) => each.split(';')[0]).join('; ')
    users.store.calls.length = 0
    await server.request('/', { headers: { cookie } })
    expect(users.store.calls.map(({ operation }) => operation)).toEqual(['read', 'replace'])
  })

  it('passes a failure to open on, and does not run what comes next', async () => {
    const { sessions, store } = stage()
    const session = nodeSession(sessions)
    const server = await running(
      serveHttp((req, res) => {
        session(req, res, (error) => {
          res.statusCode = (error as { status?: number } | undefined)?.status ?? 200
          if (error === undefined) sessions.of(req).increment('count')
          res.end()
        })
      }),
    )
    const headers = await visit(server, '/')
    store.faults.fail('read')
    expect(await server.request('/', { headers })).toMatchObject({ status: 503, cookies: [] })
  })
})

describe('http2', () => {
  it('stores before the header, reads its own cookie and takes the path for the url', async () => {
    const { sessions, store } = stage()
    const server = await running(
      serveHttp2(
        nodeSession(sessions, (req, res) => void res.end(`${req.url} ${sessions.of(req).increment('count')}`), quiet),
      ),
    )
    store.faults.delay('*', 5)
    const first = await server.request('/a')
    expect(first).toMatchObject({ status: 200, body: '/a 1', cookies: [expect.stringMatching(/^__Host-sid=/)] })
    const cookie = tokenOf(first) ?? ''
    expect(await server.request('/b', { headers: { cookie } })).toMatchObject({ body: '/b 2', cookies: [] })
    store.faults.fail('replace')
    expect(await server.request('/c', { headers: { cookie } })).toMatchObject({ status: 503, cookies: [] })
  })
})

describe('SEC-96 a WebSocket upgrade', () => {
  it('has the session of its request, saves what it changes, and notices that it was ended', async () => {
    const { sessions } = stage()
    const server = createServer(
      nodeSession(sessions, (req, res) => {
        const session = sessions.of(req)
        if (req.url === '/logout') session.destroy()
        else session.increment('count')
        res.end(`${session.get('count')}`)
      }),
    )
    const sockets = new WebSocketServer({ noServer: true })
    server.on('upgrade', async (req, socket, head) => {
      const session = await openUpgrade(sessions, req)
      expect(sessions.of(req)).toBe(session)
      sockets.handleUpgrade(req, socket, head, (client) => {
        client.on('message', async () => {
          const before = session.increment('count')
          try {
            await session.save()
            client.send(`${before}`)
          } catch (error) {
            client.send((error as { code: string }).code)
          }
        })
        client.send(String(session.get('count')))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push({
      close: () => {
        for (const client of sockets.clients) client.terminate()
        server.closeAllConnections()
        server.close()
      },
    })
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const first = await fetch(origin)
    const cookie = first.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    const client = new WebSocket(origin.replace('http', 'ws'), { headers: { cookie } })
    const messages: string[] = []
    client.on('message', (data) => messages.push(String(data)))
    await until(() => messages.length === 1)
    client.send('count')
    await until(() => messages.length === 2)
    expect(await (await fetch(origin, { headers: { cookie } })).text()).toBe('3')
    client.send('count')
    await until(() => messages.length === 3)
    await fetch(`${origin}/logout`, { headers: { cookie } })
    client.send('count')
    await until(() => messages.length === 4)
    expect(messages).toEqual(['1', '2', expect.any(String), 'SESSION_GONE'])
    expect(await (await fetch(origin, { headers: { cookie } })).text()).toBe('1')
  })

  it('can set no cookie', async () => {
    const { sessions } = stage()
    const errors: unknown[] = []
    const server = createServer().on('upgrade', async (req, socket) => {
      const session = await openUpgrade(sessions, req)
      for (const verb of [() => session.set('count', 1), () => session.regenerate()]) {
        try {
          verb()
        } catch (error) {
          errors.push((error as { code: string }).code)
        }
      }
      socket.end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(server)
    const { port } = server.address() as AddressInfo
    await openRaw(port, 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n').ended
    expect(errors).toEqual(['HEADERS_SENT', 'HEADERS_SENT'])
  })
})
