import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { freePort, type Server, startServer, temporaryFolder } from './process.ts'

/** Starts a memcached of its own, with 64 MB unless `args` say otherwise. */
export async function startMemcached(args: readonly string[] = []): Promise<Server> {
  const port = await freePort()
  return startServer({
    name: 'memcached',
    port,
    folder: temporaryFolder('memcached'),
    command: 'memcached',
    // Started as root it wants to know which user to become.
    args: ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-u', 'memcache', ...args],
    async ready() {
      const answer = await askMemcached(port, 'version')
      if (!answer.startsWith('VERSION ')) throw new Error(`memcached says ${answer}`)
    },
  })
}

/** The first piece of what a server answers to one line, without any client. */
export async function askMemcached(port: number, line: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  try {
    socket.setTimeout(5000, () => socket.destroy(new Error('no answer')))
    socket.write(`${line}\r\n`)
    const [chunk] = await once(socket, 'data')
    return String(chunk).trimEnd()
  } finally {
    socket.destroy()
  }
}

/** A proxy that keeps what clients send. */
export interface Recorder {
  readonly port: number
  /** What came since the last call. */
  heard(): string
  close(): Promise<void>
}

/** Starts a proxy in front of a port of this machine that passes everything on and remembers what clients send. */
export async function recorderBefore(target: number): Promise<Recorder> {
  const chunks: Buffer[] = []
  const listener = createServer((client) => {
    const server = connect(target, '127.0.0.1')
    client.on('data', (chunk: Buffer) => chunks.push(chunk))
    client.pipe(server).pipe(client)
    for (const socket of [client, server]) socket.on('error', () => undefined)
    client.on('close', () => server.destroy())
    server.on('close', () => client.destroy())
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    port: (listener.address() as AddressInfo).port,
    heard: () => Buffer.concat(chunks.splice(0)).toString(),
    async close() {
      listener.close()
      await once(listener, 'close')
    },
  }
}
