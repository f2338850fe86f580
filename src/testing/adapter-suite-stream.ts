import type { Session } from '../contract/session.ts'
import { type AdapterStageCase, pause, tokenName } from './adapter-stage.ts'
import { check, same } from './expect.ts'

/** Responses that the handler does not end itself, and responses without a body. */
export const streamCases: AdapterStageCase[] = [
  {
    title:
      'REL-20 a body that is piped into the response begins when the session is stored, with the cookie, and is whole',
    routes: () => ({
      '/': async (session) => {
        session.set('name', 'Ada')
        return { status: 200, body: streamOf(numbered) }
      },
      '/show': async (session) => ({ status: 200, body: JSON.stringify(session.toJSON().data) }),
    }),
    async play({ browser, store }) {
      const held = store.faults.hold('create')
      const visitor = browser()
      let begun = false
      const reply = visitor.begin('/').finally(() => {
        begun = true
      })
      await Promise.race([held.reached, reply])
      await pause(20)
      const early = begun
      held.release()
      check(!early, 'the response has begun before the store had acknowledged the session')
      const { status, tokens, body } = await reply
      same([status, tokens.length], [200, 1], 'the status and the Set-Cookie headers of the session')
      const received = await body()
      check(received === numbered.join(''), `the body is not what was streamed: ${received.length} characters`)
      same((await visitor.send('/show')).body, '{"name":"Ada"}', 'the data')
    },
  },
  {
    title: 'REL-05 a body that is piped into the response is not sent when the session can not be stored',
    routes: () => ({
      '/': async (session) => {
        session.set('name', 'Ada')
        return { status: 200, body: streamOf(numbered) }
      },
    }),
    async play({ browser, store }) {
      store.faults.fail('create')
      const { status, cookies, body } = await browser().send('/')
      same([status, cookies], [503, []], 'the status and the cookies')
      check(!body.includes(numbered[0] ?? ''), 'the body must not be what was streamed')
    },
  },
  {
    title: 'a first write while the body is streamed is too late for a cookie, and throws HEADERS_SENT',
    routes: ({ signal }) => ({
      '/': async (session) => {
        const late = async function* () {
          yield 'begin '
          // A framework that collects the body before it sends anything brings the header with its end.
          await Promise.race([signal('the header is there').reached, pause(500)])
          yield codeOf(session)
        }
        return { status: 200, body: streamOf(late()) }
      },
    }),
    async play({ browser, store, signal }) {
      const { status, cookies, body } = await browser().begin('/')
      signal('the header is there').reach()
      same([status, cookies, await body()], [200, [], 'begin HEADERS_SENT'], 'the reply')
      same(await store.count(), 0, 'records')
    },
  },
  {
    title: 'HEAD is answered as GET is, without the body: cookie, Vary, and 503 without the store',
    routes: () => ({
      '/': async (session) => ({ status: 200, body: `${session.increment('count')}` }),
    }),
    async play({ browser, store }) {
      const visitor = browser()
      const first = await visitor.send('/', { method: 'HEAD' })
      same([first.status, first.body, first.tokens.length], [200, '', 1], 'the first reply')
      check(/\bcookie\b/i.test(first.header('vary') ?? ''), `Vary must contain Cookie: ${first.header('vary')}`)
      check(/\bno-store\b/.test(first.header('cache-control') ?? ''), 'Cache-Control must contain no-store')
      same((await visitor.send('/')).body, '2', 'the count of the next request')
      const cookie = `${tokenName}=${visitor.token}`
      for (const operation of ['read', 'replace'] as const) {
        store.faults.fail(operation)
        const failed = await visitor.send('/', { method: 'HEAD', cookie })
        same([failed.status, failed.body, failed.cookies], [503, '', []], `the reply when ${operation} fails`)
        store.faults.clear()
      }
      same((await visitor.send('/')).body, '3', 'the count in the end')
    },
  },
]

/** More than fits into the buffer of a response or of a socket. */
const numbered = Array.from({ length: 100 }, (_, at) => `${at}:${'x'.repeat(10_000)}\n`)

function codeOf(session: Session): string {
  try {
    session.set('name', 'Ada')
    return 'no error'
  } catch (error) {
    return String((error as { code?: unknown }).code)
  }
}

/** A stream that makes each piece when it is asked for. */
function streamOf(texts: Iterable<string> | AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const pieces = Symbol.asyncIterator in texts ? texts : texts[Symbol.iterator]()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await pieces.next()
      if (done) controller.close()
      else controller.enqueue(encoder.encode(value))
    },
  })
}
