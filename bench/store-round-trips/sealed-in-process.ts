import secureSession from '@fastify/secure-session'
import { createSessions } from 'coatcheck'
import { sealedCookie } from 'coatcheck/stores/sealed-cookie'
import cookieSession from 'cookie-session'
import fastify from 'fastify'
import { getIronSession } from 'iron-session'
import { PlainExchange } from '../plain-exchange.ts'
import type { Contestant } from '../samplers.ts'
import { type Visitor, visitor } from '../sessions-data.ts'
import { secret } from './servers.ts'

/** What a peer needs of a response before it can set a cookie. */
class PlainResponse {
  readonly headers: Record<string, unknown> = {}
  getHeader(name: string): unknown {
    return this.headers[name.toLowerCase()]
  }
  setHeader(name: string, value: unknown): void {
    this.headers[name.toLowerCase()] = value
  }
  writeHead(): void {
    // Nothing is sent.
  }
  setCookie(): string {
    return String(this.headers['set-cookie']).split(';')[0] ?? ''
  }
}

/**
 * A request that changes the session, or only reads it, from the `Cookie` header to the `Set-Cookie` header, without
 * HTTP. Each request brings the same cookie of 200 bytes of data.
 */
export async function sealedContestants(): Promise<Record<string, Contestant>> {
  return {
    ...(await coatcheck()),
    ...cookieSessionPeer(),
    ...(await ironSessionPeer()),
    ...(await secureSessionPeer()),
  }
}

async function coatcheck(): Promise<Record<string, Contestant>> {
  const sessions = createSessions<Visitor>({ store: sealedCookie(), secret })
  const first = new PlainExchange({ host: 'localhost' })
  const session = await sessions.open(first)
  for (const [key, value] of Object.entries(visitor)) session.set(key, value)
  await sessions.commit(session, { status: 200 })
  const cookie =
    Object.entries(first.response)
      .find(([name]) => /^set-cookie$/i.test(name))?.[1]
      .split(';')[0] ?? ''
  return {
    async 'sealedCookie, read + write'() {
      const opened = await sessions.open(new PlainExchange({ host: 'localhost', cookie }))
      expectCount(opened.increment('count'), 1)
      const { outcome } = await sessions.commit(opened, { status: 200 })
      if (outcome !== 'saved') throw new Error(`the commit ended with ${outcome}`)
    },
    async 'sealedCookie, read only'() {
      const opened = await sessions.open(new PlainExchange({ host: 'localhost', cookie }))
      expectCount(opened.get('count'), 0)
      await sessions.commit(opened, { status: 200 })
    },
  }
}

function cookieSessionPeer(): Record<string, Contestant> {
  const middleware = cookieSession({ keys: [secret] }) as unknown as (
    req: { headers: object; socket: object; session?: Partial<Visitor> },
    res: PlainResponse,
    next: () => void,
  ) => void
  const visit = (cookie: string, use: (session: Partial<Visitor>) => void): PlainResponse => {
    const req: { headers: object; socket: object; session?: Partial<Visitor> } = { headers: { cookie }, socket: {} }
    const res = new PlainResponse()
    middleware(req, res, () => use(req.session ?? {}))
    res.writeHead()
    return res
  }
  const set = visit('', (session) => void Object.assign(session, visitor)).headers['set-cookie'] as string[]
  const cookie = set.map((each) => each.split(';')[0]).join('; ')
  return {
    async 'cookie-session, read + write'() {
      const { headers } = visit(cookie, (session) => {
        session.count = (session.count ?? Number.NaN) + 1
        expectCount(session.count, 1)
      })
      if (headers['set-cookie'] === undefined) throw new Error('no cookie was set')
    },
    async 'cookie-session, read only'() {
      visit(cookie, (session) => expectCount(session.count, 0))
    },
  }
}

async function ironSessionPeer(): Promise<Record<string, Contestant>> {
  const options = { password: secret, cookieName: 'iron', cookieOptions: { secure: false } }
  const open = (cookie: string, res: PlainResponse) =>
    getIronSession<Partial<Visitor>>({ headers: { cookie } } as never, res as never, options)
  const first = new PlainResponse()
  const session = await open('', first)
  Object.assign(session, visitor)
  await session.save()
  const cookie = first.setCookie()
  return {
    async 'iron-session, read + write'() {
      const opened = await open(cookie, new PlainResponse())
      opened.count = (opened.count ?? Number.NaN) + 1
      expectCount(opened.count, 1)
      await opened.save()
    },
    async 'iron-session, read only'() {
      expectCount((await open(cookie, new PlainResponse())).count, 0)
    },
  }
}

/** Its seal with the cookie's syntax of the plugin that it brings along, without a request of Fastify. */
async function secureSessionPeer(): Promise<Record<string, Contestant>> {
  const app = fastify()
  await app.register(secureSession, { key: Buffer.from(secret).subarray(0, 32) })
  await app.ready()
  const attributes = { path: '/', httpOnly: true, secure: true, sameSite: 'lax' } as const
  const write = (session: ReturnType<typeof app.createSecureSession>) =>
    app.serializeCookie('session', app.encodeSecureSession(session), attributes)
  const [cookie = ''] = write(app.createSecureSession({ ...visitor })).split(';')
  const open = () => {
    const session = app.decodeSecureSession(app.parseCookie(cookie)['session'] ?? '')
    if (session === null) throw new Error('no session')
    return session
  }
  return {
    async 'secure-session, read + write'() {
      const session = open()
      session.set('count', (session.get('count') ?? Number.NaN) + 1)
      expectCount(session.get('count'), 1)
      write(session)
    },
    async 'secure-session, read only'() {
      expectCount(open().get('count'), 0)
    },
  }
}

/** A session that is not found would be cheap. */
function expectCount(count: number | undefined, expected: number): void {
  if (count !== expected) throw new Error(`the count is ${count}`)
}
