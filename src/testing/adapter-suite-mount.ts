import type { AdapterHandler } from './adapter-contract.ts'
import type { AdapterStageCase } from './adapter-stage.ts'
import { same } from './expect.ts'

const increment: AdapterHandler = async (session) => ({ status: 200, body: `${session.increment('count')}` })

/** Which objects know the session, and how often an adapter counts. */
export const mountCases: AdapterStageCase[] = [
  {
    title: 'mounted twice, it counts once: one session, one read, one write, one cookie',
    serving: { mounts: 2 },
    routes: () => ({ '/': increment }),
    async play({ browser, store }) {
      const visitor = browser()
      const { tokens, body } = await visitor.send('/')
      same([tokens.length, body], [1, '1'], 'the Set-Cookie headers of the session, and the count')
      store.calls.length = 0
      same((await visitor.send('/')).body, '2', 'the count of the second request')
      const operations = store.calls.map(({ operation }) => operation)
      same(operations, ['read', 'replace'], 'store calls of the second request')
    },
  },
  {
    title: 'tryOf knows the session by every object that a handler holds, and by no other',
    routes: ({ sessions }) => ({
      '/': async (session, { carriers = [] }) => {
        for (const carrier of carriers) {
          same(sessions.tryOf(carrier) === session, true, 'tryOf returns the session of the request')
          same(sessions.of(carrier) === session, true, 'of returns the session of the request')
        }
        same(sessions.tryOf({}), undefined, 'tryOf of an object that no adapter has seen')
        return increment(session, { method: 'GET', path: '/', body: '' })
      },
    }),
    async play({ browser }) {
      const visitor = browser()
      for (const count of ['1', '2']) {
        const { status, body } = await visitor.send('/')
        same([status, body], [200, count], 'the reply')
      }
    },
  },
]
