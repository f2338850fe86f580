import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type NextFunction, type Request, type Response } from 'express'
import { expressSession } from '../../../src/adapters/express.ts'
import type { Sessions } from '../../../src/index.ts'
import { stopwatch } from './watch.ts'

/** What came back. */
export interface AppAnswer {
  /** 0 if the client went away before. */
  readonly status: number
  readonly body: string
  /** The session cookie's value, if one was set. */
  readonly token: string | null
  /** How long it took, in ms, less those in which this process was held up. */
  readonly ms: number
}

/** An Express application: `/add` counts in the session, `/` shows the number. */
export interface CountingApp {
  /** Asks on a connection of its own. With `abortAfter` ms the client goes away. */
  ask(path: string, options?: { readonly token?: string | null; readonly abortAfter?: number }): Promise<AppAnswer>
  /** As `ask`; throws what the application was told when the answer is not 200. */
  succeed(path: string, options?: { readonly token?: string | null }): Promise<AppAnswer>
  /** Errors that reached the application's error handler or `onError`. */
  readonly errors: unknown[]
  /** How long each request took from its arrival to its answer, in ms, less those in which this process was held up. */
  readonly served: number[]
  close(): Promise<void>
}

export async function startCountingApp(sessions: Sessions): Promise<CountingApp> {
  const errors: unknown[] = []
  const served: number[] = []
  const app = express()
  app.use((_req, res, next) => {
    const elapsed = stopwatch()
    res.once('finish', () => served.push(elapsed()))
    next()
  })
  app.use(expressSession(sessions, { onError: (error) => errors.push(error) }))
  app.get('/add', (req, res) => res.json(sessions.of(req).increment('count')))
  app.get('/', (req, res) => res.json(sessions.of(req).get('count') ?? null))
  app.use((error: { status?: number }, _req: Request, res: Response, _next: NextFunction) => {
    errors.push(error)
    res.status(error.status ?? 500).end()
  })
  const server = createServer(app).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo

  const site: CountingApp = {
    errors,
    served,
    async succeed(path, options) {
      const answer = await site.ask(path, options)
      if (answer.status === 200) return answer
      throw errors.at(-1) ?? new Error(`the answer was ${answer.status}`)
    },
    ask(path, { token = null, abortAfter } = {}) {
      return new Promise((resolve, reject) => {
        const elapsed = stopwatch()
        const headers = token === null ? {} : { cookie: `__Host-sid=${token}` }
        const request = httpRequest({ port, host: '127.0.0.1', path, headers, agent: false }, (response) => {
          let body = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => {
            body += chunk
          })
          response.on('error', failed)
          response.on('end', () => {
            const [cookie = null] = response.headers['set-cookie'] ?? []
            const given = cookie === null ? null : (/^__Host-sid=([^;]+)/.exec(cookie)?.[1] ?? null)
            resolve({ status: response.statusCode ?? 0, body, token: given, ms: elapsed() })
          })
        })
        let gone = false
        function failed(error: Error): void {
          if (gone) resolve({ status: 0, body: '', token: null, ms: elapsed() })
          else reject(error)
        }
        request.on('error', failed)
        if (abortAfter !== undefined) {
          const timer = setTimeout(() => {
            gone = true
            request.destroy(new Error('the client went away'))
          }, abortAfter)
          request.on('close', () => clearTimeout(timer))
        }
        request.end()
      })
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return site
}
