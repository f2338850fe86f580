import type { RequestListener } from 'node:http'
import secureSession from '@fastify/secure-session'
import fastify from 'fastify'
import { visitor } from '../sessions-data.ts'

declare module '@fastify/secure-session' {
  interface SessionData {
    [key: string]: unknown
    count: number
  }
}

/** Fastify 5 with `@fastify/secure-session`, or without sessions if there is no secret. */
export async function secureSessionServer(secret: string | null): Promise<RequestListener> {
  const app = fastify()
  let count = 0
  if (secret === null) {
    app.get('/write', async () => ({ count: ++count }))
    app.get('/read', async () => ({ count }))
  } else {
    await app.register(secureSession, { key: Buffer.from(secret).subarray(0, 32), cookie: { path: '/', secure: true } })
    app.get('/write', async ({ session }) => {
      if (session.get('count') === undefined) {
        for (const [key, value] of Object.entries(visitor)) session.set(key, value)
      }
      const next = (session.get('count') ?? 0) + 1
      session.set('count', next)
      return { count: next }
    })
    app.get('/read', async ({ session }) => ({ count: session.get('count') }))
  }
  await app.ready()
  return app.routing
}
