import type { Store } from 'coatcheck'
import { type Connection, serverRows } from '../../test/fixtures/backends.ts'
import type { Server } from '../../test/services/process.ts'
import { type ServerName, servers } from '../../test/services/servers.ts'
import { memcached, mongodb, mysql, type Protocol, postgres, redis } from './protocols.ts'
import { wireTo } from './wire.ts'

/** A store on its server, and what is said between them. */
export interface Counted {
  readonly store: Store
  /** The commands since the last call. */
  taken(): string[]
  close(): Promise<void>
}

/** How to read what a server is told. Clients of another one are asked which commands they send. */
const protocols: Partial<Record<ServerName, Protocol>> = { redis, postgres, mariadb: mysql, memcached, mongodb }

/** Each backend with each of its clients. */
export const backends: Record<string, (clock: () => number) => Promise<Counted>> = Object.fromEntries(
  serverRows.flatMap(([name, { server, clients, standIn }]) =>
    Object.entries(clients).map(([client, connect]) => [
      `${name} (${client}${standIn === undefined ? '' : `, on ${standIn}`})`,
      async (clock: () => number) => {
        const started = await servers[server]()
        const protocol = protocols[server]
        return protocol === undefined ? told(started, connect, clock) : overheard(started, protocol, connect, clock)
      },
    ]),
  ),
)

type Connect = (typeof serverRows)[number][1]['clients'][string]

/** Read on the wire. */
async function overheard(server: Server, protocol: Protocol, connect: Connect, clock: () => number): Promise<Counted> {
  const wire = await wireTo(server.port, protocol)
  // One connection, as statements are prepared anew on each and requests are handed round.
  const connection = await connect({ host: server.host, port: wire.port }, { connections: 1 })
  return counted(connection, clock, wire.taken, async () => {
    wire.close()
    await server.close()
  })
}

/** Told by the client, which finds its server by itself and so goes past any proxy. */
async function told(server: Server, connect: Connect, clock: () => number): Promise<Counted> {
  const commands: string[] = []
  const connection = await connect(server, { told: (command) => commands.push(command) })
  return counted(
    connection,
    clock,
    () => commands.splice(0),
    () => server.close(),
  )
}

async function counted(
  connection: Connection,
  clock: () => number,
  taken: () => string[],
  end: () => Promise<void>,
): Promise<Counted> {
  return {
    store: await connection.store({ space: 'bench', folder: '', clock }),
    taken,
    async close() {
      await connection.end()
      await end()
    },
  }
}
