import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import { freePort, type Server, startServer, temporaryFolder } from './process.ts'

const run = promisify(execFile)

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

/** What a server answers to a command, as `redis-cli` prints it. */
export async function askRedis({ port }: Pick<Server, 'port'>, command: readonly string[]): Promise<string> {
  const { stdout } = await run('redis-cli', ['-p', String(port), ...command])
  return stdout.trim()
}

/** Resolves when a server's answer matches, with the answer. */
export async function untilTold(
  server: Pick<Server, 'port'>,
  command: readonly string[],
  expected: RegExp | ((answer: string) => boolean),
): Promise<string> {
  const until = Date.now() + 60_000
  for (;;) {
    const answer = await askRedis(server, command).catch(String)
    if (typeof expected === 'function' ? expected(answer) : expected.test(answer)) return answer
    if (Date.now() > until) throw new Error(`${command.join(' ')} still answers: ${answer}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Resolves when all replicas of a server have what it had when this was called. */
export async function replicasHaveAllOf(server: Server, replicas: number): Promise<void> {
  const command = ['INFO', 'replication']
  const offset = Number(/master_repl_offset:(\d+)/.exec(await askRedis(server, command))?.[1])
  await untilTold(server, command, (answer) => {
    const offsets = [...answer.matchAll(/slave\d+:.*offset=(\d+)/g)].map(([, each]) => Number(each))
    return offsets.length === replicas && offsets.every((each) => each >= offset)
  })
}
