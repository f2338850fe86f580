import { once } from 'node:events'
import { createServer } from 'node:http'
import type { TestProject } from 'vitest/node'
import type { Server } from './process.ts'
import { sharedServers } from './servers.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The origin of the broker that `sharedServer` asks. */
    broker: string
  }
}

/**
 * Runs once per run of the tests, in the process that outlives all test files: starts a server when the first test asks
 * for it and ends all of them with the run.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const started = new Map<string, Promise<Server>>()
  const broker = createServer((request, response) => {
    // A connection that is kept could be closed here while the next request is on its way.
    response.setHeader('connection', 'close')
    const name = request.url?.slice(1) ?? ''
    if (!Object.hasOwn(sharedServers, name)) return void response.writeHead(404).end(`no server "${name}" is shared`)
    const server = started.get(name) ?? sharedServers[name as keyof typeof sharedServers]()
    started.set(name, server)
    server.then(
      ({ host, port }) => response.end(JSON.stringify({ host, port })),
      (error) => response.writeHead(500).end(String(error)),
    )
  }).listen(0, '127.0.0.1')
  await once(broker, 'listening')
  const address = broker.address()
  if (address === null || typeof address === 'string') throw new Error('the broker has no port')
  project.provide('broker', `http://127.0.0.1:${address.port}`)
  return async () => {
    broker.close()
    broker.closeAllConnections()
    await Promise.allSettled([...started.values()].map(async (server) => (await server).close()))
  }
}
