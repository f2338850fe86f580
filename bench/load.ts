import autocannon from 'autocannon'
import { startChild } from './children.ts'

const connections = 32

/** What the load is: the route is the same word on every server. */
export type Route = 'write' | 'read'

/** A server in a process of its own, and a visitor with a session for each connection to it. */
export interface Target {
  /** Microseconds of the server's CPU per request. */
  sample(route: Route, requests: number): Promise<number>
  stop(): void
}

/** Starts a bench in the role `server <name> ...facts`, which it answers with `serve`. */
export async function startTarget(script: string, server: string, ...facts: string[]): Promise<Target> {
  const { child, first: port } = await startChild<number>(script, 'server', server, ...facts)
  const origin = `http://127.0.0.1:${port}`
  const cookies = await Promise.all(Array.from({ length: connections }, () => firstVisit(origin)))
  await expectCount(origin, cookies[0] ?? '', server)

  return {
    async sample(route, requests) {
      const before = await usage(origin)
      let next = 0
      const { non2xx, errors } = await autocannon({
        url: `${origin}/${route}`,
        connections,
        amount: requests,
        // How often it looks whether it is done.
        sampleInt: 20,
        setupClient(client) {
          const cookie = cookies[next++ % connections]
          if (cookie) client.setHeaders({ cookie })
        },
      })
      if (non2xx > 0 || errors > 0) throw new Error(`${server}: ${non2xx} refusals, ${errors} errors`)
      const after = await usage(origin)
      return (after.cpu - before.cpu) / (after.requests - before.requests)
    },
    stop: () => void child.kill(),
  }
}

/** The cookie that the first write sets; empty if there is none. */
async function firstVisit(origin: string): Promise<string> {
  const response = await fetch(`${origin}/write`)
  await response.text()
  return response.headers
    .getSetCookie()
    .map((each) => each.split(';')[0])
    .join('; ')
}

/** A session that is not found would be cheap: shows that a visitor who has counted to 1 is known. */
async function expectCount(origin: string, cookie: string, server: string): Promise<void> {
  if (cookie === '') return
  const { count } = (await (await fetch(`${origin}/read`, { headers: { cookie } })).json()) as { count?: number }
  if (count !== 1) throw new Error(`${server}: the session was not found`)
}

async function usage(origin: string): Promise<{ requests: number; cpu: number }> {
  return (await (await fetch(`${origin}/usage`)).json()) as { requests: number; cpu: number }
}
