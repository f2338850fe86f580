import type { RequestListener, ServerResponse } from 'node:http'
import { createSessions } from 'coatcheck'
import { expressSession } from 'coatcheck/express'
import { nodeSession } from 'coatcheck/node'
import { memoryStore } from 'coatcheck/stores/memory'
import cookieSession from 'cookie-session'
import express, { type Express, type Request, type Response } from 'express'
import expressSessionPeer from 'express-session'
import { getIronSession } from 'iron-session'

/** What every server answers: `/write` counts up, `/read` tells the count. */
type Data = { count?: number }

const secret = 'x4Qe9vN1-bench-only-7TzKp2LmWc8Rd5Hj'

/** The servers, each run in a process of its own. */
export const servers: Record<string, () => RequestListener> = {
  'express, none': () => {
    let count = 0
    const app = express()
    app.get('/write', (_, res) => void res.json({ count: ++count }))
    app.get('/read', (_, res) => void res.json({ count }))
    return app
  },

  'express, coatcheck': () => {
    const sessions = createSessions<Data>({ store: memoryStore() })
    const app = express()
    app.use(expressSession(sessions))
    app.get('/write', (req, res) => void res.json({ count: sessions.of(req).increment('count') }))
    app.get('/read', (req, res) => void res.json({ count: sessions.of(req).get('count') }))
    return app
  },

  'express, express-session': () => {
    const app = express()
    app.use(expressSessionPeer({ secret, resave: false, saveUninitialized: false }))
    return countOn(app, (req) => (req as unknown as { session: Data }).session)
  },

  'express, cookie-session': () => {
    const app = express()
    app.use(cookieSession({ keys: [secret] }))
    return countOn(app, (req) => (req as unknown as { session: Data }).session)
  },

  'express, iron-session': () => {
    const app = express()
    const open = (req: Request, res: Response) =>
      getIronSession<Data>(req, res, { password: secret, cookieName: 'iron', cookieOptions: { secure: false } })
    app.get('/write', async (req, res) => {
      const session = await open(req, res)
      session.count = (session.count ?? 0) + 1
      await session.save()
      res.json({ count: session.count })
    })
    app.get('/read', async (req, res) => {
      const session = await open(req, res)
      res.json({ count: session.count })
    })
    return app
  },

  'node:http, none': () => {
    let count = 0
    return (req, res) => send(res, req.url === '/write' ? ++count : count)
  },

  'node:http, coatcheck': () => {
    const sessions = createSessions<Data>({ store: memoryStore() })
    return nodeSession(sessions, (req, res) => {
      const session = sessions.of(req)
      send(res, req.url === '/write' ? session.increment('count') : (session.get('count') ?? 0))
    })
  },
}

function countOn(app: Express, sessionOf: (req: Request) => Data): Express {
  app.get('/write', (req, res) => {
    const session = sessionOf(req)
    session.count = (session.count ?? 0) + 1
    res.json({ count: session.count })
  })
  app.get('/read', (req, res) => void res.json({ count: sessionOf(req).count }))
  return app
}

function send(res: ServerResponse, count: number): void {
  res.setHeader('content-type', 'application/json; charset=utf-8')
  res.end(JSON.stringify({ count }))
}
