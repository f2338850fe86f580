import type { AdapterHandler } from './adapter-contract.ts'
import { type AdapterStageCase, pause } from './adapter-stage.ts'
import { check, same } from './expect.ts'

const begin: AdapterHandler = async (session) => {
  session.set('begun', true)
  return { status: 200 }
}
const show: AdapterHandler = async (session) => ({ status: 200, body: JSON.stringify(session.toJSON().data) })
const increment: AdapterHandler = async (session) => ({ status: 200, body: `${session.increment('count')}` })

/** When a session is stored, and what of it. */
export const commitCases: AdapterStageCase[] = [
  {
    title: 'REL-06 a redirect is sent when the store has acknowledged, and the page behind it sees the data',
    routes: () => ({
      '/login': async (session) => {
        session.set('user', 'Ada')
        return { status: 302, headers: [['location', '/home']] }
      },
      '/home': show,
    }),
    async play({ browser, store }) {
      const held = store.faults.hold('create')
      const visitor = browser()
      let sent = false
      const redirect = visitor.send('/login', { method: 'POST' }).finally(() => {
        sent = true
      })
      await Promise.race([held.reached, redirect])
      await pause(20)
      const early = sent
      held.release()
      check(!early, 'the response was sent before the store had acknowledged the session')
      const { status, header } = await redirect
      same([status, header('location')], [302, '/home'], 'the redirect')
      same((await visitor.send('/home')).body, '{"user":"Ada"}', 'the page behind it')
    },
  },
  {
    title: 'REL-18 a response of 5xx and a thrown error store no data and set no cookie; 4xx stores',
    routes: () => ({ ...failing((session) => session.set('half', 'written')), '/begin': begin, '/show': show }),
    async play({ browser, store }) {
      for (const path of ['/500', '/throw', '/reject']) {
        const visitor = browser()
        const { status, tokens } = await visitor.send(path)
        check(status >= 500, `${path} must answer 5xx, not ${status}`)
        same([tokens, await store.count()], [[], 0], `what ${path} leaves behind`)
      }
      const known = browser()
      await known.send('/begin')
      for (const path of ['/500', '/throw', '/reject']) await known.send(path)
      same((await known.send('/show')).body, '{"begun":true}', 'a session after failed requests')
      same((await known.send('/404')).status, 404, 'the status')
      same((await known.send('/show')).body, '{"begun":true,"half":"written"}', 'a session after a 404')
    },
  },
  {
    title: 'REL-18 a session that was destroyed stays so when the handler fails afterwards',
    routes: () => ({ ...failing((session) => session.destroy()), '/begin': begin, '/show': show }),
    async play({ browser, store }) {
      for (const path of ['/500', '/throw', '/reject', '/404']) {
        const visitor = browser()
        await visitor.send('/begin')
        const cookie = `__Host-sid=${visitor.token}`
        await visitor.send(path)
        same((await visitor.send('/show', { cookie })).body, '{}', `the session after ${path}`)
        same(await store.count(), 0, `records after ${path}`)
      }
    },
  },
  {
    title: 'X1 two overlapping requests that write different keys both survive, on a slow store too',
    routes: ({ signal }) => {
      const together =
        (key: string, other: string): AdapterHandler =>
        async (session) => {
          session.set(key, true)
          signal(key).reach()
          await signal(other).reached
          return { status: 200 }
        }
      return { '/begin': begin, '/left': together('left', 'right'), '/right': together('right', 'left'), '/show': show }
    },
    async play({ browser, store }) {
      const visitor = browser()
      await visitor.send('/begin')
      store.faults.delay('*', 5)
      const replies = await Promise.all([visitor.send('/left'), visitor.send('/right')])
      same(
        replies.map(({ status }) => status),
        [200, 200],
        'statuses',
      )
      const { body } = await visitor.send('/show')
      same(JSON.parse(body), { begun: true, left: true, right: true }, 'the data')
    },
  },
  {
    title: 'X1 fifty parallel increments of one session add up',
    routes: () => ({ '/': increment, '/show': show }),
    async play({ browser }) {
      const visitor = browser()
      await visitor.send('/')
      const replies = await Promise.all(Array.from({ length: 50 }, () => visitor.send('/')))
      check(
        replies.every(({ status, tokens }) => status === 200 && tokens.length === 0),
        'every increment answers 200 and sets no cookie',
      )
      same((await visitor.send('/show')).body, '{"count":51}', 'the sum')
    },
  },
  {
    title: 'F12 the session is that of the request, and current() answers it in all that the handler awaits',
    routes: ({ sessions }) => ({
      '/': async (session) => {
        same(sessions.current() === session, true, 'current() is the session of the request')
        await pause(1)
        await Promise.all([pause(1), Promise.resolve()])
        same(sessions.tryCurrent() === session, true, 'current() after waiting')
        return increment(session, { method: 'GET', path: '/', body: '' })
      },
    }),
    async play({ browser, sessions }) {
      const visitor = browser()
      const bodies = [await visitor.send('/'), await visitor.send('/')].map(({ body }) => body)
      same(bodies, ['1', '2'], 'what the handler answered')
      same(sessions.tryCurrent(), undefined, 'current() outside of a request')
    },
  },
  {
    title: 'D16 save() stores in the middle of a request, and the response still carries the cookie',
    routes: () => ({
      '/': async (session) => {
        session.set('step', 1)
        await session.save()
        session.set('step', 2)
        return { status: 200 }
      },
      '/show': show,
    }),
    async play({ browser, store }) {
      const visitor = browser()
      same((await visitor.send('/')).tokens.length, 1, 'Set-Cookie headers of the session')
      same((await visitor.send('/show')).body, '{"step":2}', 'the data')
      same(await store.count(), 1, 'records')
    },
  },
]

/** Every way to fail after `change`, and one way not to. */
function failing(change: (session: Parameters<AdapterHandler>[0]) => void): Record<string, AdapterHandler> {
  return {
    '/500': async (session) => {
      change(session)
      return { status: 500 }
    },
    '/404': async (session) => {
      change(session)
      return { status: 404 }
    },
    '/throw': (session) => {
      change(session)
      throw new Error('thrown on purpose')
    },
    '/reject': async (session) => {
      change(session)
      await pause(1)
      throw new Error('rejected on purpose')
    },
  }
}
