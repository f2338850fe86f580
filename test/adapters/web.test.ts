import { describe, expect, it } from 'vitest'
import { webSession } from '../../src/adapters/web.ts'
import { gate, settle } from '../fixtures/gate.ts'
import { stage } from './apps/stage.ts'

const url = 'http://localhost/'
const quiet = { onError: () => undefined }

/** The token cookie of a response, as a request header. */
function cookieOf(response: Response): { cookie: string } {
  const [cookie = ''] = response.headers.getSetCookie()
  return { cookie: cookie.split(';')[0] ?? '' }
}

describe('a fetch handler', () => {
  it('gets what its runtime passes beside the request', async () => {
    const { sessions } = stage()
    const handler = webSession(sessions, (request, env: { name: string }, context: number) => {
      sessions.of(request).set('name', env.name)
      expect(sessions.current()).toBe(sessions.of(request))
      return new Response(`${env.name}${context}`)
    })
    const response = await handler(new Request(url), { name: 'Ada' }, 7)
    expect(await response.text()).toBe('Ada7')
    expect(response.headers.getSetCookie()).toHaveLength(1)
  })

  it('returns the very same response when there is nothing to add', async () => {
    const { sessions } = stage()
    const response = new Response('static')
    expect(await webSession(sessions, () => response)(new Request(url))).toBe(response)
  })

  it('adds its headers to responses whose headers are immutable', async () => {
    const { sessions } = stage()
    const handler = webSession(sessions, (request) => {
      sessions.of(request).set('count', 1)
      return Response.redirect('http://localhost/next', 303)
    })
    const response = await handler(new Request(url))
    expect([response.status, response.headers.get('location')]).toEqual([303, 'http://localhost/next'])
    expect(response.headers.getSetCookie()).toHaveLength(1)
  })

  it('never puts a token on a response that the application hands out again', async () => {
    const { sessions } = stage()
    const constant = new Response(null, { status: 204, headers: { 'x-app': 'yes' } })
    const handler = webSession(sessions, (request) => {
      sessions.of(request).increment('count')
      return constant
    })
    const first = await handler(new Request(url))
    const second = await handler(new Request(url))
    expect([first.status, first.headers.get('x-app'), first.body]).toEqual([204, 'yes', null])
    expect(first.headers.getSetCookie()).toHaveLength(1)
    expect(second.headers.getSetCookie()).toHaveLength(1)
    expect(cookieOf(first)).not.toEqual(cookieOf(second))
    expect(constant.headers.getSetCookie()).toEqual([])
  })

  it.each([204, 205, 304, 200])(
    'SEC-22 keeps status %i, its text and the cookies of the application',
    async (status) => {
      const { sessions } = stage()
      const handler = webSession(sessions, (request) => {
        sessions.of(request).set('count', 1)
        const headers = new Headers({ vary: 'Accept', 'cache-control': 'public, max-age=60' })
        headers.append('set-cookie', 'a=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT')
        headers.append('set-cookie', 'b=2')
        return new Response(status === 200 ? 'body' : null, { status, statusText: 'As It Was', headers })
      })
      const response = await handler(new Request(url))
      expect([response.status, response.statusText]).toEqual([status, 'As It Was'])
      expect(response.headers.getSetCookie()).toEqual([
        'a=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT',
        'b=2',
        expect.stringMatching(/^__Host-sid=/),
      ])
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(response.headers.get('vary')).toBe('Accept, Cookie')
    },
  )

  it('streams bodies through', async () => {
    const { sessions } = stage()
    const more = gate()
    const handler = webSession(sessions, (request) => {
      sessions.of(request).set('count', 1)
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          controller.enqueue(new TextEncoder().encode('begin '))
          await more.promise
          controller.enqueue(new TextEncoder().encode('end'))
          controller.close()
        },
      })
      return new Response(body)
    })
    const response = await handler(new Request(url))
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    const { value } = await reader.read()
    expect(new TextDecoder().decode(value)).toBe('begin ')
    more.open()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('end')
  })

  it('REL-05 returns the response when the store has acknowledged, and not before', async () => {
    const { sessions, store } = stage()
    const held = store.faults.hold('create')
    let returned = false
    const response = webSession(sessions, (request) => {
      sessions.of(request).set('count', 1)
      return new Response('body')
    })(new Request(url)).finally(() => {
      returned = true
    })
    await held.reached
    await settle()
    expect(returned).toBe(false)
    held.release()
    expect((await response).headers.getSetCookie()).toHaveLength(1)
  })

  it('REL-05 releases the body of a response that is not sent', async () => {
    const { sessions, store } = stage()
    store.faults.fail('create')
    const errors: unknown[] = []
    let cancelled = false
    const handler = webSession(
      sessions,
      (request) => {
        sessions.of(request).set('count', 1)
        const body = new ReadableStream({
          cancel() {
            cancelled = true
          },
        })
        return new Response(body, { headers: { etag: '"1"' } })
      },
      { onError: (error) => errors.push(error) },
    )
    const response = await handler(new Request(url))
    expect([response.status, await response.text()]).toEqual([503, 'Service Unavailable'])
    expect([response.headers.getSetCookie(), response.headers.get('etag')]).toEqual([[], null])
    expect(cancelled).toBe(true)
    expect(errors).toEqual([expect.objectContaining({ code: 'STORE_FAILED' })])
  })

  it('REL-18 answers what is thrown by its status, and a thrown response as if it were returned', async () => {
    const { sessions, store } = stage()
    const handler = webSession(
      sessions,
      (request) => {
        sessions.of(request).set('count', 1)
        const { pathname } = new URL(request.url)
        if (pathname === '/response') throw Response.redirect('http://localhost/next')
        throw Object.assign(new Error('secret detail'), pathname === '/404' ? { statusCode: 404 } : {})
      },
      quiet,
    )
    const failed = await handler(new Request(url))
    expect([failed.status, await failed.text(), failed.headers.getSetCookie()]).toEqual([
      500,
      'Internal Server Error',
      [],
    ])
    expect(await store.count()).toBe(0)
    const missing = await handler(new Request(`${url}404`))
    expect([missing.status, await missing.text(), missing.headers.getSetCookie().length]).toEqual([404, 'Not Found', 1])
    const thrown = await handler(new Request(`${url}response`))
    expect([thrown.status, thrown.headers.getSetCookie().length]).toEqual([302, 1])
  })

  it('SEC-97 answers 503 without running the handler when the store is down', async () => {
    const { sessions, store } = stage()
    let runs = 0
    const handler = webSession(
      sessions,
      (request) => {
        runs++
        return new Response(`${sessions.of(request).increment('count')}`)
      },
      quiet,
    )
    const headers = cookieOf(await handler(new Request(url)))
    store.faults.fail('read')
    const response = await handler(new Request(url, { headers }))
    expect([response.status, runs, response.headers.getSetCookie()]).toEqual([503, 1, []])
  })

  it('keeps the cookie of an explicit save, also on a response that fails afterwards', async () => {
    const { sessions } = stage()
    const handler = webSession(sessions, async (request) => {
      const session = sessions.of(request)
      session.set('count', 1)
      await session.save()
      return new Response(null, { status: Number(new URL(request.url).pathname.slice(1)) })
    })
    for (const status of [200, 500]) {
      const response = await handler(new Request(url + status))
      expect(response.headers.getSetCookie()).toHaveLength(1)
      expect((await sessions.open(new Request(url, { headers: cookieOf(response) }))).get('count')).toBe(1)
    }
  })

  it('refuses what needs a cookie once the response was returned', async () => {
    const { sessions } = stage()
    const request = new Request(url)
    await webSession(sessions, () => new Response())(request)
    expect(() => sessions.of(request).set('count', 1)).toThrow(expect.objectContaining({ code: 'HEADERS_SENT' }))
  })

  it('leaves a response alone that has no header', async () => {
    const { sessions, store } = stage()
    const error = Response.error()
    const handler = webSession(sessions, (request) => {
      sessions.of(request).set('count', 1)
      return error
    })
    expect(await handler(new Request(url))).toBe(error)
    expect(await store.count()).toBe(0)
  })

  it('answers 500 for a handler that returns no response', async () => {
    const { sessions } = stage()
    const errors: unknown[] = []
    const handler = webSession(sessions, () => undefined as never, { onError: (error) => errors.push(error) })
    expect((await handler(new Request(url))).status).toBe(500)
    expect(errors).toHaveLength(1)
  })

  it('B2 opens nothing for requests that `when` excludes, and counts once when it is mounted twice', async () => {
    const { sessions, store } = stage()
    const inner = webSession(sessions, (request) => new Response(`${sessions.of(request).increment('count')}`))
    const outer = webSession(sessions, inner)
    const response = await outer(new Request(url))
    expect(response.headers.getSetCookie()).toHaveLength(1)
    store.calls.length = 0
    await outer(new Request(url, { headers: cookieOf(response) }))
    expect(store.calls.map(({ operation }) => operation)).toEqual(['read', 'replace'])
    const without = webSession(sessions, (request) => Response.json(catching(() => sessions.of(request))), {
      when: () => false,
    })
    expect(await (await without(new Request(url))).json()).toBe('NO_SESSION')
  })

  it('answers what a handler throws where there is no session as well', async () => {
    const { sessions } = stage()
    const errors: unknown[] = []
    const handler = webSession(
      sessions,
      (request) => {
        if (request.url.endsWith('/next')) throw Response.redirect('http://localhost/next')
        throw Object.assign(new Error('no'), { statusCode: 403 })
      },
      { when: () => false, onError: (error) => errors.push(error) },
    )
    const response = await handler(new Request(url))
    expect([response.status, await response.text()]).toEqual([403, 'Forbidden'])
    expect((await handler(new Request(`${url}next`))).status).toBe(302)
    expect(errors).toEqual([expect.objectContaining({ message: 'no' })])
  })

  it('knows TLS by the url', async () => {
    const { sessions } = stage({ cookie: { secure: 'auto', name: 'sid' } })
    const handler = webSession(sessions, (request) => {
      sessions.of(request).set('count', 1)
      return new Response()
    })
    const cookies = await Promise.all(
      ['https://example.com/', 'http://example.com/'].map(async (each) => {
        const [cookie = ''] = (await handler(new Request(each))).headers.getSetCookie()
        return /; Secure/i.test(cookie)
      }),
    )
    expect(cookies).toEqual([true, false])
  })
})

function catching(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return (error as { code: string }).code
  }
}
