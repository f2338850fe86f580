import type { RequestListener, ServerResponse } from 'node:http'
import { createSessions, type SealedStore, type Store } from 'coatcheck'
import { expressSession } from 'coatcheck/express'
import { nodeSession } from 'coatcheck/node'
import { postgresStore } from 'coatcheck/stores/postgres'
import { redisStore } from 'coatcheck/stores/redis'
import { sealedCookie } from 'coatcheck/stores/sealed-cookie'
import connectPgSimple from 'connect-pg-simple'
import { RedisStore } from 'connect-redis'
import cookieSession from 'cookie-session'
import express, { type Express, type Request, type Response } from 'express'
import expressSessionPeer from 'express-session'
import { Redis } from 'ioredis'
import { getIronSession } from 'iron-session'
import pg from 'pg'
import { createClient } from 'redis'
import { type Visitor, visitor } from '../sessions-data.ts'
import { byHand, postgresByHand, redisByHand } from './by-hand.ts'
import { secureSessionServer } from './fastify-servers.ts'

export const secret = 'x4Qe9vN1-bench-only-7TzKp2LmWc8Rd5Hj'

/** The session of a peer, which is a plain object. */
type Data = Partial<Visitor>

/**
 * The servers, each run in a process of its own, with the port of the database. `/write` counts up, `/read` tells the
 * count; the first write of a visitor makes a session of 200 bytes.
 */
export const servers: Record<string, (port: number) => RequestListener | Promise<RequestListener>> = {
  'express, none': () => {
    let count = 0
    return routes(
      () => ++count,
      () => count,
    )
  },
  'express, redisStore (redis)': async (port) => express5(redisStore({ client: await nodeRedis(port) })),
  'express, by hand (redis)': async (port) => expressByHand(byHand(redisByHand(await nodeRedis(port)))),
  'express, express-session + connect-redis': async (port) =>
    expressPeer(new RedisStore({ client: await nodeRedis(port), prefix: 'connect:' })),
  'express, redisStore (ioredis)': (port) =>
    express5(redisStore({ client: new Redis({ port, autoResendUnfulfilledCommands: false }) })),
  'express, by hand (ioredis)': (port) => {
    const client = new Redis({ port, autoResendUnfulfilledCommands: false })
    return expressByHand(
      byHand({
        get: (key) => client.get(key),
        set: (key, text, lifeMs) => client.set(key, text, 'PX', lifeMs),
      }),
    )
  },

  'express, postgresStore (pg)': async (port) => {
    const store = postgresStore({ client: pool(port) })
    await store.createTable()
    return express5(store)
  },
  'express, by hand (pg)': async (port) => expressByHand(byHand(await postgresByHand(pool(port)))),
  'express, express-session + connect-pg-simple': (port) => {
    const Store = connectPgSimple(expressSessionPeer)
    return expressPeer(new Store({ pool: pool(port), createTableIfMissing: true }))
  },

  'express, sealedCookie': () => express5(sealedCookie()),
  'express, cookie-session': () => {
    const app = express()
    app.use(cookieSession({ keys: [secret] }))
    return countOn(app, (req) => (req as unknown as { session: Data }).session)
  },
  'express, iron-session': ironSession,

  'node:http, none': () => {
    let count = 0
    return (req, res) => send(res, req.url === '/write' ? ++count : count)
  },
  'node:http, redisStore (redis)': async (port) => nodeHttp(redisStore({ client: await nodeRedis(port) })),
  'node:http, by hand (redis)': async (port) => nodeByHand(byHand(redisByHand(await nodeRedis(port)))),
  'node:http, sealedCookie': () => nodeHttp(sealedCookie()),

  'fastify, none': () => secureSessionServer(null),
  'fastify, secure-session': () => secureSessionServer(secret),
}

function express5(store: Store | SealedStore): Express {
  const sessions = createSessions<Visitor>({ store, secret })
  const app = express()
  app.use(expressSession(sessions))
  app.get('/write', (req, res) => {
    const session = sessions.of(req)
    if (session.isNew) for (const [key, value] of Object.entries(visitor)) session.set(key, value)
    res.json({ count: session.increment('count') })
  })
  app.get('/read', (req, res) => void res.json({ count: sessions.of(req).get('count') }))
  return app
}

function nodeHttp(store: Store | SealedStore): RequestListener {
  const sessions = createSessions<Visitor>({ store, secret })
  return nodeSession(sessions, (req, res) => {
    const session = sessions.of(req)
    if (req.url === '/read') return send(res, session.get('count'))
    if (session.isNew) for (const [key, value] of Object.entries(visitor)) session.set(key, value)
    send(res, session.increment('count'))
  })
}

function expressPeer(store: unknown): Express {
  const app = express()
  app.use(expressSessionPeer({ store, secret, resave: false, saveUninitialized: false }))
  return countOn(app, (req) => (req as unknown as { session: Data }).session)
}

function expressByHand({ write, read }: ReturnType<typeof byHand>): Express {
  const app = express()
  app.get('/write', async (req, res) => void res.json({ count: await write(req, res) }))
  app.get('/read', async (req, res) => void res.json({ count: await read(req) }))
  return app
}

function nodeByHand({ write, read }: ReturnType<typeof byHand>): RequestListener {
  return async (req, res) => send(res, await (req.url === '/write' ? write(req, res) : read(req)))
}

function ironSession(): Express {
  const app = express()
  const open = (req: Request, res: Response) =>
    getIronSession<Data>(req, res, { password: secret, cookieName: 'iron', cookieOptions: { secure: false } })
  app.get('/write', async (req, res) => {
    const session = await open(req, res)
    const count = counted(session)
    await session.save()
    res.json({ count })
  })
  app.get('/read', async (req, res) => void res.json({ count: (await open(req, res)).count }))
  return app
}

function countOn(app: Express, sessionOf: (req: Request) => Data): Express {
  app.get('/write', (req, res) => void res.json({ count: counted(sessionOf(req)) }))
  app.get('/read', (req, res) => void res.json({ count: sessionOf(req).count }))
  return app
}

function routes(write: () => number, read: () => number): Express {
  const app = express()
  app.get('/write', (_, res) => void res.json({ count: write() }))
  app.get('/read', (_, res) => void res.json({ count: read() }))
  return app
}

/** Counts up in a session that is a plain object, which the first time gets what a visitor's session holds. */
function counted(session: Data): number {
  if (session.count === undefined) Object.assign(session, structuredClone(visitor))
  session.count = (session.count ?? 0) + 1
  return session.count
}

function send(res: ServerResponse, count: number | undefined): void {
  res.setHeader('content-type', 'application/json; charset=utf-8')
  res.end(JSON.stringify({ count }))
}

async function nodeRedis(port: number) {
  return createClient({ socket: { port } }).connect()
}

function pool(port: number): pg.Pool {
  return new pg.Pool({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
}
