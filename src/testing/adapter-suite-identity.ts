import type { AdapterHandler } from './adapter-contract.ts'
import { type AdapterStageCase, tokenName } from './adapter-stage.ts'
import { check, same } from './expect.ts'

const begin: AdapterHandler = async (session) => {
  session.set('cart', ['hat'])
  return { status: 200 }
}
const show: AdapterHandler = async (session) => ({
  status: 200,
  body: JSON.stringify({ user: session.userId ?? null, ...session.toJSON().data }),
})
const anonymous = '{"user":null}'

/** New tokens and the end of old ones. */
export const identityCases: AdapterStageCase[] = [
  {
    title: 'SEC-40 destroy removes the record and the cookie, and the old token is nothing any more',
    routes: () => ({
      '/begin': begin,
      '/show': show,
      '/logout': async (session) => {
        session.destroy()
        return { status: 200 }
      },
    }),
    async play({ browser, store }) {
      const visitor = browser()
      await visitor.send('/begin')
      const cookie = `${tokenName}=${visitor.token}`
      const { tokens } = await visitor.send('/logout', { method: 'POST' })
      same(tokens.length, 1, 'Set-Cookie headers of the session')
      same([visitor.token, await store.count()], [undefined, 0], 'the cookie in the jar and the records')
      same((await browser().send('/show', { cookie })).body, anonymous, 'what the old token shows')
    },
  },
  {
    title: 'SEC-40 SEC-41 a slow request does not bring a destroyed session back, and sets no cookie',
    routes: ({ signal }) => ({
      '/begin': begin,
      '/show': show,
      '/slow': async (session) => {
        session.set('late', true)
        signal('slow has begun').reach()
        await signal('destroyed').reached
        return { status: 200 }
      },
      '/logout': async (session) => {
        session.destroy()
        return { status: 200 }
      },
    }),
    async play({ browser, store, signal }) {
      const visitor = browser()
      await visitor.send('/begin')
      const cookie = `${tokenName}=${visitor.token}`
      const slow = visitor.send('/slow')
      await signal('slow has begun').reached
      await visitor.send('/logout')
      signal('destroyed').reach()
      same((await slow).tokens, [], 'Set-Cookie headers of the slow response')
      same((await browser().send('/show', { cookie })).body, anonymous, 'what the token shows')
      same(await store.count(), 0, 'records')
    },
  },
  {
    title: 'SEC-33 login and regenerate set a new token, keep the data, and the old token is anonymous',
    routes: () => ({
      '/begin': begin,
      '/show': show,
      '/login': async (session) => {
        session.login('ada')
        return { status: 303, headers: [['location', '/show']] }
      },
      '/regenerate': async (session) => {
        session.regenerate()
        return { status: 200 }
      },
    }),
    async play({ browser }) {
      for (const [path, shown] of [
        ['/login', '{"user":"ada","cart":["hat"]}'],
        ['/regenerate', '{"user":null,"cart":["hat"]}'],
      ] as const) {
        const visitor = browser()
        await visitor.send('/begin')
        const before = visitor.token
        const { tokens } = await visitor.send(path, { method: 'POST' })
        same(tokens.length, 1, `Set-Cookie headers after ${path}`)
        check(visitor.token !== before, `${path} must set a new token`)
        same((await visitor.send('/show')).body, shown, `what the new token shows after ${path}`)
        const late = await browser().send('/show', { cookie: `${tokenName}=${before}` })
        same([late.body, late.tokens], [anonymous, []], `what the old token gets after ${path}`)
      }
    },
  },
  {
    title: 'X5 requests that run in parallel to a login log nobody out',
    routes: ({ signal }) => ({
      '/begin': begin,
      '/show': show,
      '/poll': async (session) => {
        session.set('seen', true)
        signal('polling').reach()
        await signal('signed in').reached
        return { status: 200 }
      },
      '/login': async (session) => {
        session.login('ada')
        return { status: 200 }
      },
    }),
    async play({ browser, signal }) {
      const visitor = browser()
      await visitor.send('/begin')
      const old = `${tokenName}=${visitor.token}`
      const polling = visitor.send('/poll')
      await signal('polling').reached
      await visitor.send('/login', { method: 'POST' })
      signal('signed in').reach()
      same((await polling).tokens, [], 'Set-Cookie headers of the request that ran meanwhile')
      same((await visitor.send('/show', { cookie: old })).tokens, [], 'Set-Cookie headers of a late request')
      same(JSON.parse((await visitor.send('/show')).body).user, 'ada', 'who is signed in')
    },
  },
]
