import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort, runAs, type Server, startServer, temporaryFolder } from './process.ts'

/** Where `root` may log in without a password over TCP. MariaDB refuses to run as the system's root. */
const account = 'mysql'

/** Starts a MariaDB of its own, with an empty database `test` and a `root` without a password. */
export async function startMariadb(args: readonly string[] = []): Promise<Server> {
  const port = await freePort()
  const folder = temporaryFolder('mariadb', account)
  const data = join(folder, 'data')
  // `--no-defaults`: whatever this machine's own server is set to. A small redo log is made in no time.
  const common = ['--no-defaults', `--datadir=${data}`, `--tmpdir=${folder}`, '--innodb-log-file-size=16M']
  runAs(account, 'mariadb-install-db', [...common, '--auth-root-authentication-method=normal'])
  return startServer({
    name: 'mariadb',
    port,
    folder,
    user: account,
    command: 'mariadbd',
    args: [
      ...common,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${join(folder, 'socket')}`,
      '--skip-name-resolve',
      '--max-connections=300',
      // Test data need not survive a crash of the machine; a killed server keeps them all the same.
      '--innodb-flush-log-at-trx-commit=2',
      '--innodb-flush-method=nosync',
      ...args,
    ],
    ready: () => mariadbAnswers(port),
  })
}

/** Rejects unless a MariaDB greets on the port. */
export async function mariadbAnswers(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    socket.setTimeout(1000, () => socket.destroy(new Error('no greeting')))
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    // The fifth byte is the version of the protocol; an error packet has 255 there.
    if (chunk[4] !== 10) throw new Error(`MariaDB says ${chunk.subarray(4)}`)
  } finally {
    socket.destroy()
  }
}
