import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { type Commit, holdResponse } from '../../src/adapters/_node/held-response.ts'
import type { NodeResponse } from '../../src/adapters/_node/response.ts'
import { gate, settle } from '../fixtures/gate.ts'
import { openRaw, type Running, serveHttp, serveHttp2 } from '../fixtures/servers.ts'
import { until } from './apps/stage.ts'

const cookie = 'sid=token; HttpOnly'
const running: Running[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()))
})

type Handler = (res: ServerResponse, commit: Recorder) => unknown
interface Recorder extends Commit {
  readonly statuses: number[]
  readonly reported: unknown[]
  changed: boolean
}

const protocols = {
  http: (use: (res: NodeResponse) => void) => serveHttp((_req, res) => use(res)),
  http2: (use: (res: NodeResponse) => void) => serveHttp2((_req, res) => use(res)),
}

/** Serves one handler, whose commit does what `finish` does with the headers set beside it. */
async function serve(
  handler: Handler,
  finish: (res: NodeResponse, setCookie: () => void, round: number) => unknown,
  protocol: keyof typeof protocols = 'http',
): Promise<{ server: Running; commit: Recorder }> {
  const commit: Recorder = {
    statuses: [],
    reported: [],
    changed: false,
    finish: () => undefined,
    isChanged: () => commit.changed,
    report: (error) => commit.reported.push(error),
  }
  const server = await protocols[protocol]((res) => {
    const native = res as ServerResponse
    const { getHeader, setHeader } = native
    commit.finish = (status) => {
      commit.statuses.push(status)
      commit.changed = false
      return finish(
        res,
        () => {
          const present = [getHeader.call(res, 'set-cookie') ?? []].flat().map(String)
          setHeader.call(res, 'set-cookie', [...present, cookie])
        },
        commit.statuses.length,
      )
    }
    holdResponse(res, commit)
    handler(native, commit)
  })
  running.push(server)
  return { server, commit }
}

const ways: Record<string, { use: Handler; status?: number; body?: string; head?: true }> = {
  'end(text)': { use: (res) => res.end('body') },
  'end(buffer, callback)': { use: (res) => res.end(Buffer.from('body'), () => undefined) },
  'end(text, encoding)': { use: (res) => res.end('626f6479', 'hex') },
  'end() alone': { use: (res) => res.end(), body: '' },
  'end() with a status': {
    use: (res) => {
      res.statusCode = 204
      res.end()
    },
    status: 204,
    body: '',
  },
  'end() with 304': {
    use: (res) => {
      res.statusCode = 304
      res.end()
    },
    status: 304,
    body: '',
  },
  'write and end': {
    use: (res) => {
      res.write('bo')
      res.end('dy')
    },
  },
  'many writes': {
    use: (res) => {
      for (const letter of 'body') res.write(letter)
      res.end()
    },
  },
  'writeHead(status) and end': { use: (res) => res.writeHead(201).end('body'), status: 201 },
  'writeHead with an object': {
    use: (res) => res.writeHead(201, { 'x-app': 'yes', 'set-cookie': 'in=head' }).end('body'),
    head: true,
    status: 201,
  },
  'writeHead with a flat list': {
    use: (res) => {
      res.writeHead(201, ['x-app', 'yes', 'set-cookie', 'in=head'])
      res.write('body')
      res.end()
    },
    head: true,
    status: 201,
  },
  'writeHead with pairs': {
    use: (res) => {
      res.writeHead(201, [
        ['x-app', 'yes'],
        ['set-cookie', 'in=head'],
      ] as never)
      res.end('body')
    },
    head: true,
    status: 201,
  },
  flushHeaders: {
    use: (res) => {
      res.flushHeaders()
      setImmediate(() => res.end('body'))
    },
  },
  pipe: { use: (res) => Readable.from(['bo', 'dy']).pipe(res) },
  pipeline: { use: (res) => pipeline(Readable.from(['bo', 'dy']), res) },
  'a late write': { use: (res) => setTimeout(() => res.end('body'), 5) },
}

describe.each(['http', 'http2'] as const)('a response over %s', (protocol) => {
  describe.each(Object.entries(ways))('that begins with %s', (_, { use, status = 200, body = 'body', head }) => {
    const app = head ? ['in=head'] : []

    it('passes straight through when there is nothing to store', async () => {
      const { server, commit } = await serve(use, () => undefined, protocol)
      const answer = await server.request()
      expect(answer).toMatchObject({ status, body, cookies: app })
      expect(commit.statuses).toEqual([status])
    })

    it('REL-05 REL-20 sends no byte before the commit, then everything and the cookie', async () => {
      const store = gate()
      const { server, commit } = await serve(use, (_res, set) => store.promise.then(set), protocol)
      let answered = false
      const answer = server.request().finally(() => {
        answered = true
      })
      await until(() => commit.statuses.length === 1)
      await settle()
      expect(answered).toBe(false)
      store.open()
      const { headers, ...rest } = await answer
      expect(rest).toEqual({ status, body, cookies: [...app, cookie] })
      expect(headers['x-app']).toBe(head ? 'yes' : undefined)
      expect(commit.statuses).toEqual([status])
    })

    it('SEC-97 REL-05 is replaced by the failure when the commit fails', async () => {
      const failure = Object.assign(new Error('no store'), { status: 503 })
      const { server, commit } = await serve(
        (res, recorder) => {
          res.setHeader('etag', '"1"')
          res.setHeader('content-type', 'application/json')
          res.setHeader('x-kept', 'yes')
          return use(res, recorder)
        },
        () => settle(3).then(() => Promise.reject(failure)),
        protocol,
      )
      const { headers, ...answer } = await server.request()
      expect(answer).toMatchObject({ status: 503, body: 'Service Unavailable' })
      expect(answer.cookies).not.toContain(cookie)
      expect(headers).toMatchObject({
        'content-type': 'text/plain; charset=utf-8',
        'content-length': '19',
        'cache-control': 'no-store',
        'x-kept': 'yes',
      })
      expect(headers).not.toHaveProperty('etag')
      await settle()
      expect(commit.reported).toEqual([failure])
    })

    it('is replaced as well when the commit throws at once', async () => {
      const { server } = await serve(
        use,
        () => {
          throw new TypeError('secret detail')
        },
        protocol,
      )
      expect(await server.request()).toMatchObject({ status: 500, body: 'Internal Server Error' })
    })
  })

  it('keeps the content-length that Node computes for a single end', async () => {
    const { server } = await serve(
      (res) => res.end('body'),
      (_res, set) => settle(2).then(set),
      'http',
    )
    expect((await server.request()).headers).toMatchObject({ 'content-length': '4' })
  })

  it('answers HEAD with the header alone', async () => {
    const { server } = await serve(
      (res) => res.end('body'),
      (_res, set) => settle(2).then(set),
      protocol,
    )
    expect(await server.request('/', { method: 'HEAD' })).toMatchObject({ status: 200, body: '', cookies: [cookie] })
  })

  it('looks begun while it waits', async () => {
    const store = gate()
    const seen: unknown[] = []
    const { server } = await serve(
      (res) => {
        res.setHeader('x-app', '1')
        seen.push(res.headersSent, res.writableEnded)
        res.write('a')
        seen.push(res.headersSent, res.writableEnded)
        for (const change of [
          () => res.setHeader('x-app', '2'),
          () => res.appendHeader('x-app', '2'),
          () => res.removeHeader('x-app'),
          () => res.writeHead(500),
        ]) {
          expect(change).toThrow(expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' }))
        }
        res.end('b')
        seen.push(res.headersSent, res.writableEnded)
        res.statusCode = 500
        store.open()
      },
      (_res, set) => store.promise.then(set),
      protocol,
    )
    expect(await server.request()).toMatchObject({ status: 200, body: 'ab', headers: { 'x-app': '1' } })
    expect(seen).toEqual([false, false, true, false, true, true])
  })

  it('looks as Node makes it look when it has waited', async () => {
    let after: unknown[] = []
    const { server } = await serve(
      (res) => {
        const own = Object.keys(Object.getOwnPropertyDescriptors(res)).toSorted()
        res.end('body', () => {
          const now = Object.keys(Object.getOwnPropertyDescriptors(res)).toSorted()
          after = [res.headersSent, res.writableEnded, now.filter((name) => !own.includes(name))]
        })
      },
      (_res, set) => settle(2).then(set),
      protocol,
    )
    await server.request()
    await until(() => after.length > 0)
    expect(after).toEqual([true, true, expect.not.arrayContaining(['headersSent', 'setHeader', 'finished'])])
  })

  it('calls every callback once, and writes after the end reach nobody', async () => {
    const calls: unknown[] = []
    const note = (name: string) => (error?: unknown) => calls.push([name, (error as { code?: string } | null)?.code])
    const { server } = await serve(
      (res) => {
        res.write('a', note('write'))
        res.end('b', note('end'))
        expect(res.write('c', note('late write'))).toBe(false)
        res.end(note('second end'))
        res.end('d', note('second end with data'))
      },
      (_res, set) => settle(2).then(set),
      protocol,
    )
    expect(await server.request()).toMatchObject({ status: 200, body: 'ab' })
    await until(() => calls.length >= 5)
    await settle()
    expect(calls).toHaveLength(5)
    expect(new Map(calls as [string, unknown][])).toEqual(
      new Map([
        ['write', undefined],
        ['end', undefined],
        ['late write', 'ERR_STREAM_WRITE_AFTER_END'],
        ['second end', undefined],
        ['second end with data', 'ERR_STREAM_WRITE_AFTER_END'],
      ]),
    )
  })

  it('tells the callbacks of a response that was replaced, and ignores what comes after', async () => {
    const failure = Object.assign(new Error('conflict'), { status: 409 })
    const calls: unknown[] = []
    const store = gate()
    const { server } = await serve(
      (res) => {
        res.write('a', (error) => calls.push(error))
        store.promise.catch(() => {
          setImmediate(() => {
            expect(res.write('b')).toBe(false)
            res.end('c', () => calls.push('end'))
          })
        })
        store.fail(failure)
      },
      () => store.promise,
      protocol,
    )
    expect(await server.request()).toMatchObject({ status: 409, body: 'Conflict' })
    await until(() => calls.length >= 2)
    expect(calls[0]).toBe(failure)
  })

  it('asks a fast writer to pause, and to go on afterwards', async () => {
    const block = Buffer.alloc(10_000, 'x')
    const store = gate()
    const { server } = await serve(
      (res) => {
        let left = 200
        let paused = false
        const pump = (): void => {
          while (left > 0) {
            left--
            if (!res.write(block)) {
              if (!paused) store.open()
              paused = true
              res.once('drain', pump)
              return
            }
          }
          res.end()
        }
        pump()
      },
      (_res, set) => store.promise.then(set),
      protocol,
    )
    expect((await server.request()).body.length).toBe(200 * block.length)
  })

  it('emits drain even when the replayed writes find room', async () => {
    const store = gate()
    // Like one that compresses well: the connection itself never fills up.
    const compress = (res: NodeResponse): void => {
      const { write, end } = res
      let length = 0
      res.write = ((chunk: Uint8Array) => {
        length += chunk.length
        return true
      }) as never
      res.end = (() => {
        Reflect.apply(write, res, [String(length)])
        return Reflect.apply(end, res, [])
      }) as never
    }
    const server = await protocols[protocol]((response) => {
      compress(response)
      holdResponse(response, { finish: () => store.promise, isChanged: () => false, report: () => undefined })
      const res = response as ServerResponse
      const answers = Array.from({ length: 100 }, () => res.write(Buffer.alloc(2000)))
      expect([answers.at(0), answers.at(-1), res.writableNeedDrain]).toEqual([true, false, true])
      res.once('drain', () => res.end())
      store.open()
    })
    running.push(server)
    expect((await server.request()).body).toBe('200000')
  })

  it('refuses a chunk of a wrong type at once, before anything is committed', async () => {
    const { server, commit } = await serve(
      (res) => {
        for (const chunk of [1, {}, true] as never[]) {
          expect(() => res.end(chunk)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }))
        }
        expect(() => res.write(null as never)).toThrow(TypeError)
        expect(commit.statuses).toEqual([])
        res.end('fine')
      },
      (_res, set) => settle(2).then(set),
      protocol,
    )
    expect(await server.request()).toMatchObject({ status: 200, body: 'fine' })
  })

  it('refuses an invalid status or header at once', async () => {
    const { server, commit } = await serve(
      (res) => {
        expect(() => res.writeHead(0)).toThrow(expect.objectContaining({ code: 'ERR_HTTP_INVALID_STATUS_CODE' }))
        expect(() => res.writeHead(200, { 'x-a': undefined } as never)).toThrow(TypeError)
        expect(commit.statuses).toEqual([])
        res.end('fine')
      },
      () => undefined,
      protocol,
    )
    expect(await server.request()).toMatchObject({ status: 200, body: 'fine' })
  })

  it('stores what was changed during the wait before the header leaves', async () => {
    const { server, commit } = await serve(
      (res, recorder) => {
        res.end('body')
        recorder.changed = true
      },
      (_res, set, round) => settle(2).then(() => (round === 2 ? set() : undefined)),
      protocol,
    )
    expect(await server.request()).toMatchObject({ status: 200, cookies: [cookie] })
    expect(commit.statuses).toEqual([200, 200])
  })

  it('holds the end of a response until changes made after the header are stored', async () => {
    const store = gate()
    const { server, commit } = await serve(
      (res, recorder) => {
        res.write('begin ')
        recorder.changed = true
        res.end('end')
        expect(res.writableEnded).toBe(true)
      },
      (_res, _set, round) => (round === 2 ? store.promise : undefined),
      protocol,
    )
    let answered = false
    const answer = server.request().finally(() => {
      answered = true
    })
    await until(() => commit.statuses.length === 2)
    await settle()
    expect(answered).toBe(false)
    store.open()
    expect(await answer).toMatchObject({ status: 200, body: 'begin end' })
  })

  it('cuts the response short when changes made after the header can not be stored', async () => {
    const { server, commit } = await serve(
      (res, recorder) => {
        res.write('begin ')
        recorder.changed = true
        res.end('end')
      },
      (_res, _set, round) => (round === 2 ? settle(2).then(() => Promise.reject(new Error('no store'))) : undefined),
      protocol,
    )
    await expect(server.request()).rejects.toThrow()
    expect(commit.reported).toHaveLength(1)
  })

  it('commits nothing for a handler that never answers', async () => {
    let response: NodeResponse | undefined
    const { server, commit } = await serve(
      (res) => {
        response = res
      },
      () => undefined,
      protocol,
    )
    const answer = server.request().catch((error: unknown) => error)
    await until(() => response !== undefined)
    response?.destroy()
    await answer
    expect(commit.statuses).toEqual([])
  })

  it('REL-10 commits and breaks nothing when the client leaves while it waits', async () => {
    const store = gate()
    const done: unknown[] = []
    const { server, commit } = await serve(
      (res) => {
        res.writeHead(200, { 'x-app': 'yes' })
        res.write(Buffer.alloc(100_000), () => done.push('write'))
        res.end('b')
        res.destroy()
      },
      () => store.promise.then(() => done.push('stored')),
      protocol,
    )
    await expect(server.request().then(({ body }) => expect(body).toBe('gone'))).rejects.toThrow()
    store.open()
    await until(() => done.length >= 2)
    await settle()
    expect(done).toContain('stored')
    expect(commit.reported).toEqual([])
  })

  it('works inside and outside of middleware that wraps write and end', async () => {
    const shout = (res: ServerResponse): void => {
      const { write, end, writeHead } = res
      let announced = false
      res.writeHead = function (this: ServerResponse, ...args: unknown[]) {
        if (!announced) {
          announced = true
          this.setHeader('content-encoding', 'x-loud')
          this.removeHeader('content-length')
        }
        return (writeHead as (...args: unknown[]) => ServerResponse).apply(this, args)
      } as never
      const begin = (): void => {
        if (!res.headersSent) res.writeHead(res.statusCode)
      }
      res.write = ((chunk: unknown, ...rest: never[]) => {
        begin()
        return Reflect.apply(write, res, [String(chunk).toUpperCase(), ...rest])
      }) as never
      res.end = ((chunk?: unknown) => {
        begin()
        if (chunk !== undefined) write.call(res, String(chunk).toUpperCase(), 'utf8')
        setImmediate(() => Reflect.apply(end, res, []))
        return res
      }) as never
    }
    for (const order of ['inside', 'outside']) {
      for (const [wait, failing] of [
        [0, false],
        [3, false],
        [3, true],
      ] as const) {
        const server = await protocols[protocol]((response) => {
          const res = response as ServerResponse
          if (order === 'inside') shout(res)
          const { setHeader } = res
          holdResponse(res, {
            finish: () => {
              const set = (): void => void setHeader.call(res, 'set-cookie', cookie)
              if (wait === 0) return set()
              return settle(wait).then(() => (failing ? Promise.reject(new Error('no store')) : set()))
            },
            isChanged: () => false,
            report: () => undefined,
          })
          if (order === 'outside') shout(res)
          res.setHeader('content-type', 'text/x')
          res.write('bo')
          res.end('dy')
        })
        running.push(server)
        const { status, body, headers, cookies } = await server.request()
        if (!failing) {
          expect({ status, body, cookies }, `${order} ${wait}`).toEqual({
            status: 200,
            body: 'BODY',
            cookies: [cookie],
          })
          expect(headers['content-encoding']).toBe('x-loud')
        } else if (order === 'outside') {
          expect({ status, body, cookies }).toEqual({ status: 500, body: 'Internal Server Error', cookies: [] })
          expect(headers).not.toHaveProperty('content-encoding')
        } else {
          expect({ status, body }).toEqual({ status: 500, body: 'INTERNAL SERVER ERROR' })
          expect(headers['content-encoding']).toBe('x-loud')
        }
      }
    }
  })
})

describe('a response over http', () => {
  it('carries the status message given to writeHead', async () => {
    const { server } = await serve(
      (res) => res.writeHead(299, 'Quite Fine', { 'x-app': 'yes' }).end('body'),
      (_res, set) => settle(2).then(set),
    )
    const { ended } = openRaw(server.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(await ended).toMatch(/^HTTP\/1.1 299 Quite Fine\r\n/)
  })

  it('does not let a status message outlive the response it was for', async () => {
    const { server } = await serve(
      (res) => res.writeHead(200, 'Quite Fine').end('body'),
      () => settle(2).then(() => Promise.reject(new Error('no store'))),
    )
    const { ended } = openRaw(server.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(await ended).toMatch(/^HTTP\/1.1 500 Internal Server Error\r\n/)
  })

  it('holds the deprecated writeHeader as well', async () => {
    const { server } = await serve(
      (res) => {
        // Node 26 has it no more.
        const old = (res as { writeHeader?: (status: number) => unknown }).writeHeader ?? res.writeHead
        old.call(res, 202)
        res.end('body')
      },
      (_res, set) => settle(2).then(set),
    )
    expect(await server.request()).toMatchObject({ status: 202, cookies: [cookie] })
  })

  it('works with wrappers that look at the internal header and call for it', async () => {
    const { server } = await serve(
      (response) => {
        const res = response as ServerResponse & { _header: unknown; _implicitHeader(): void }
        const { write, end } = res
        res.write = ((chunk: string) => {
          if (!res._header) res._implicitHeader()
          return write.call(res, chunk, 'utf8')
        }) as never
        res.write('bo')
        res.write('dy')
        Reflect.apply(end, res, [])
      },
      (_res, set) => settle(2).then(set),
    )
    expect(await server.request()).toMatchObject({ status: 200, body: 'body', cookies: [cookie] })
  })

  it('lets interim responses pass without a commit', async () => {
    const { server, commit } = await serve(
      (res) => {
        res.writeContinue()
        res.writeProcessing()
        res.writeEarlyHints({ link: '</a.css>; rel=preload' })
        expect(commit.statuses).toEqual([])
        res.end('body')
      },
      (_res, set) => settle(2).then(set),
    )
    const { ended } = openRaw(server.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    const text = await ended
    expect(text.match(/^HTTP\/1.1 \d+/gm)).toEqual(['HTTP/1.1 100', 'HTTP/1.1 102', 'HTTP/1.1 103', 'HTTP/1.1 200'])
    expect(text.indexOf('sid=token')).toBeGreaterThan(text.indexOf('HTTP/1.1 200'))
  })

  it('leaves a connection that is handed over alone', async () => {
    const { server, commit } = await serve(
      (res) => {
        res.writeHead(101, { Upgrade: 'echo', Connection: 'Upgrade' })
        res.end()
      },
      () => Promise.reject(new Error('never asked')),
    )
    const { received, ended } = openRaw(server.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until(() => received().includes('\r\n\r\n'))
    expect(received()).toMatch(/^HTTP\/1.1 101/)
    expect(commit.statuses).toEqual([])
    await server.close()
    running.length = 0
    await ended
  })

  it('serves pipelined requests in order', async () => {
    let count = 0
    const { server } = await serve(
      (res) => {
        count++
        res.end(`answer ${count}`)
      },
      (_res, set) => settle(count === 1 ? 20 : 1).then(set),
    )
    const request = 'GET / HTTP/1.1\r\nHost: a\r\n'
    const { ended } = openRaw(server.port, `${request}\r\n${request}Connection: close\r\n\r\n`)
    const text = await ended
    expect(text.match(/answer \d/g)).toEqual(['answer 1', 'answer 2'])
    expect(text.match(/sid=token/g)).toHaveLength(2)
  })

  it('REL-10 commits when the client left before the answer', async () => {
    const left = gate()
    const { server, commit } = await serve(
      (res) => {
        res.on('close', () => {
          res.end('to nobody')
          left.open()
        })
      },
      () => settle(2),
    )
    const { socket } = openRaw(server.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await settle(5)
    setTimeout(() => socket.destroy(), 20)
    await left.promise
    await settle()
    expect(commit).toMatchObject({ statuses: [200], reported: [] })
  })
})
