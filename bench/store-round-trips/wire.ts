import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Protocol, Reader } from './protocols.ts'

/** A proxy in front of a server that knows which commands clients sent, whoever they are. */
export interface Wire {
  readonly port: number
  /** The commands since the last call, in the order of their arrival. */
  taken(): string[]
  close(): void
}

/** Starts a proxy in front of a port of this machine. What opens a connection is no command. */
export async function wireTo(target: number, protocol: Protocol): Promise<Wire> {
  const commands: string[] = []
  const sockets = new Set<Socket>()
  const listener = createServer({ noDelay: true }, (client) => {
    const reader: Reader = protocol((command) => commands.push(command))
    const server = connect({ port: target, host: '127.0.0.1', noDelay: true })
    // Read before it is passed on: whoever sees an answer sees the command that it answers.
    client.on('data', (chunk: Buffer) => {
      reader.sent(chunk)
      server.write(chunk)
    })
    server.on('data', (chunk: Buffer) => {
      reader.answered?.(chunk)
      client.write(chunk)
    })
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        client.destroy()
        server.destroy()
        sockets.delete(socket)
      })
    }
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    port: (listener.address() as AddressInfo).port,
    taken: () => commands.splice(0),
    close() {
      listener.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
