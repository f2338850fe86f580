import type { AdapterHandler } from './adapter-contract.ts'
import { type AdapterStageCase, tokenName } from './adapter-stage.ts'
import { check, same } from './expect.ts'

const increment: AdapterHandler = async (session) => ({ status: 200, body: `${session.increment('count')}` })
/** The store's own limit is 200 ms; the rest is room for a busy machine. */
const patienceMs = 5_000

/** Stores that fail, and stores that never answer. */
export const faultCases: AdapterStageCase[] = [
  {
    title: 'SEC-97 REL-04 without its store a session is 503, the handler does not run, and the cookie lives on',
    routes: ({ signal }) => ({
      '/': increment,
      '/guarded': async () => {
        signal('the handler ran').reach()
        return { status: 200 }
      },
    }),
    async play({ browser, store, signal }) {
      const visitor = browser()
      await visitor.send('/')
      let ran = false
      signal('the handler ran').reached.then(() => {
        ran = true
      })
      store.faults.fail('*')
      const { status, cookies } = await visitor.send('/guarded')
      same([status, cookies, ran], [503, [], false], 'status, cookies, and whether the handler ran')
      store.faults.clear()
      same((await visitor.send('/')).body, '2', 'the count after the outage')
    },
  },
  {
    title: 'REL-01 a store that never answers is 503 after storeTimeout',
    options: { storeTimeout: 200 },
    routes: () => ({ '/': increment }),
    async play({ browser, store }) {
      const visitor = browser()
      await visitor.send('/')
      for (const operation of ['read', 'replace'] as const) {
        store.faults.hang(operation)
        const begun = Date.now()
        const { status, cookies } = await visitor.send('/')
        same([status, cookies], [503, []], `the reply when ${operation} hangs`)
        check(Date.now() - begun < patienceMs, `${operation} kept the client waiting for ${Date.now() - begun} ms`)
        store.faults.clear()
      }
    },
  },
  {
    title: 'REL-05 a session that can not be saved is a 5xx without a cookie and without what the handler answered',
    routes: () => ({
      '/': async (session) => {
        session.set('secret', 1)
        return {
          status: 200,
          headers: [
            ['content-type', 'text/html'],
            ['etag', '"1"'],
          ],
          body: '<p>saved</p>',
        }
      },
      '/redirect': async (session) => {
        session.set('secret', 1)
        return { status: 302, headers: [['location', '/']] }
      },
      '/count': increment,
    }),
    async play({ browser, store }) {
      for (const path of ['/', '/redirect']) {
        store.faults.fail('create')
        const first = await browser().send(path)
        same([first.status, first.cookies], [503, []], `the reply to a first visit of ${path}`)
        check(!first.body.includes('saved'), 'the body must not be that of a success')
        same([first.header('etag'), first.header('location')], [null, null], 'headers of the success')
        store.faults.clear()
      }
      const known = browser()
      await known.send('/count')
      const { token } = known
      store.faults.fail('replace')
      const { status, tokens } = await known.send('/count')
      same([status, tokens, known.token], [503, [], token], 'the reply to a known visitor')
      store.faults.clear()
      same((await known.send('/count')).body, '2', 'the count: the failed request left nothing')
    },
  },
  {
    title: 'REL-05 a handler that fails while the store is down is still a failure, not a hang',
    routes: () => ({
      '/': increment,
      '/fail': async (session) => {
        session.destroy()
        throw new Error('failed on purpose')
      },
    }),
    async play({ browser, store }) {
      const visitor = browser()
      await visitor.send('/')
      const cookie = `${tokenName}=${visitor.token}`
      store.faults.fail('replace')
      const { status } = await visitor.send('/fail', { cookie })
      check(status >= 500, `the status must be 5xx, not ${status}`)
    },
  },
]
