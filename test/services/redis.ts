import { once } from 'node:events'
import { connect } from 'node:net'
import { freePort, type Server, startServer, temporaryFolder } from './process.ts'

/** Starts a Redis of its own, which keeps nothing on disk unless `args` say otherwise. */
export async function startRedis(args: readonly string[] = []): Promise<Server> {
  const port = await freePort()
  const folder = temporaryFolder('redis')
  return startServer({
    name: 'redis',
    port,
    folder,
    command: 'redis-server',
    args: ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', ...args],
    ready: () => redisAnswers(port),
  })
}

/** Rejects unless a Redis answers PING on the port. */
export async function redisAnswers(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    socket.setTimeout(1000, () => socket.destroy(new Error('no answer')))
    socket.write('PING\r\n')
    const [chunk] = await once(socket, 'data')
    if (!String(chunk).startsWith('+PONG')) throw new Error(`Redis says ${chunk}`)
  } finally {
    socket.destroy()
  }
}
