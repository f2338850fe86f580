import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort, runAs, type Server, startServer, temporaryFolder } from './process.ts'

/** Debian keeps one folder per version, outside of the path; other systems have the commands in the path. */
const debian = '/usr/lib/postgresql'
const account = 'postgres'

/**
 * Starts a PostgreSQL of its own: database and superuser `postgres`, everybody on 127.0.0.1 trusted. It survives being
 * killed but not a crash of the machine, which makes it fast.
 */
export async function startPostgres(args: readonly string[] = []): Promise<Server> {
  const port = await freePort()
  const folder = temporaryFolder('postgres', account)
  const data = join(folder, 'data')
  runAs(account, binary('initdb'), [
    '--pgdata',
    data,
    '--username',
    account,
    '--auth',
    'trust',
    '--encoding',
    'UTF8',
    '--locale',
    'C',
    '--no-sync',
  ])
  const settings = [
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${folder}`,
    'max_connections=200',
    'fsync=off',
    'full_page_writes=off',
    'synchronous_commit=off',
  ].flatMap((setting) => ['-c', setting])
  return startServer({
    name: 'postgres',
    port,
    folder,
    user: account,
    command: binary('postgres'),
    args: ['-D', data, '-p', String(port), ...settings, ...args],
    ready: () => postgresAnswers(port),
  })
}

/** Rejects unless a PostgreSQL takes connections on the port. */
export async function postgresAnswers(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    socket.setTimeout(1000, () => socket.destroy(new Error('no answer')))
    const parameters = Buffer.from(`user\0${account}\0database\0postgres\0\0`)
    const head = Buffer.alloc(8)
    head.writeInt32BE(head.length + parameters.length)
    head.writeInt32BE(0x00030000, 4) // Protocol 3.0.
    socket.write(Buffer.concat([head, parameters]))
    const [chunk] = await once(socket, 'data')
    // "R" asks for authentication or grants it; an error, as while it starts up, begins with "E".
    if (!String(chunk).startsWith('R')) throw new Error(`PostgreSQL says ${chunk}`)
  } finally {
    socket.destroy()
  }
}

function binary(name: string): string {
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const found = versions.map((version) => join(debian, version, 'bin', name)).find((path) => existsSync(path))
  return found ?? name
}
