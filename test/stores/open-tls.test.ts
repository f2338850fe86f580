import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { createPool } from 'mysql2/promise'
import { afterAll, describe, expect, it } from 'vitest'
import { type OpenedKeyedStore, openStore } from '../../src/stores/index.ts'
import { type BackendName, canRun, serverRows } from '../fixtures/backends.ts'
import { sharedServer } from '../services/address.ts'
import { startMariadb } from '../services/mariadb.ts'
import { startMemcached } from '../services/memcached.ts'
import { startPostgres } from '../services/postgres.ts'
import { freePort, runAs, temporaryFolder } from '../services/process.ts'
import { startRedis } from '../services/redis.ts'

const record = { payload: 'first', version: 1, expiresAt: 4_000_000_000_000 }
const ends: Array<() => unknown> = []
let keys = 0

afterAll(async () => {
  for (const end of ends.reverse()) await end()
})

/** A certificate for `localhost` of an authority that nobody knows. */
interface Certificate {
  readonly ca: string
  readonly cert: string
  readonly key: string
  /** Makes another one in its place, for another name. */
  renew(name: string): void
}

function certificateOf(user: string): Certificate {
  const folder = temporaryFolder('tls', user)
  const file = (name: string): string => join(folder, name)
  const openssl = (...args: string[]): void => runAs(user, 'openssl', args)
  const newKey = ['-newkey', 'rsa:2048', '-nodes', '-keyout']
  openssl(
    'req',
    '-x509',
    ...newKey,
    file('ca.key'),
    '-out',
    file('ca.pem'),
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
  )
  openssl('req', ...newKey, file('key.pem'), '-out', file('request'), '-subj', '/CN=test server')
  const renew = (name: string): void => {
    writeFileSync(file('extension'), `subjectAltName=DNS:${name}\n`)
    const signing = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2']
    openssl('x509', '-req', '-in', file('request'), ...signing, '-extfile', file('extension'), '-out', file('cert.pem'))
  }
  renew('localhost')
  return { ca: file('ca.pem'), cert: file('cert.pem'), key: file('key.pem'), renew }
}

/** What comes of one operation. */
async function outcomeOf(text: string): Promise<string> {
  const store = (await openStore(text)) as OpenedKeyedStore
  try {
    keys += 1
    return String(await store.create(`key-of-an-opened-store-${process.pid}-${keys}`, record))
  } catch (error) {
    const causes = [error, (error as Error).cause].map(
      (each) => `${(each as { code?: string } | undefined)?.code} ${each}`,
    )
    return causes.join(' ')
  } finally {
    await store.close()
  }
}

const untrusted = /self-signed|SELF_SIGNED|unable to verify|UNABLE_TO_VERIFY/i
const misnamed = /ERR_TLS_CERT_ALTNAME_INVALID|does not match certificate/

/** Ends TLS in front of a server that has none. */
async function behindTls(port: number): Promise<{ port: number; ca: string }> {
  const { ca, cert, key } = certificateOf('root')
  const sockets = new Set<Socket>()
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (client) => {
    const upstream = connect(port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
    }
    client.pipe(upstream).pipe(client)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return { port: typeof address === 'object' && address !== null ? address.port : 0, ca }
}

const checks: Partial<Record<BackendName, () => Promise<void>>> = {
  async redis() {
    const { ca, cert, key } = certificateOf('root')
    const port = await freePort()
    const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', ca, '--tls-auth-clients', 'no']
    const server = await startRedis(['--tls-port', String(port), ...files])
    ends.push(() => server.close())
    expect(await outcomeOf(`rediss://localhost:${port}`)).toMatch(untrusted)
    expect(await outcomeOf(`rediss://localhost:${port}?tlsCAFile=${ca}`)).toBe('true')
    expect(await outcomeOf(`rediss://127.0.0.1:${port}?tlsCAFile=${ca}`)).toMatch(misnamed)
    expect(await outcomeOf(`rediss://localhost:${port}?tlsAllowInvalidCertificates=true`)).toBe('true')
    expect(await outcomeOf(`rediss://localhost:${port}?tlsAllowInvalidCertificates=false`)).toMatch(untrusted)
  },

  async postgres() {
    const { ca, cert, key } = certificateOf('postgres')
    const settings = ['ssl=on', `ssl_cert_file=${cert}`, `ssl_key_file=${key}`]
    const { port, close } = await startPostgres(settings.flatMap((setting) => ['-c', setting]))
    ends.push(close)
    const url = `postgres://postgres@localhost:${port}/postgres`
    for (const mode of ['sslmode=require', 'sslmode=prefer', 'sslmode=verify-full', 'ssl=true']) {
      expect(await outcomeOf(`${url}?${mode}`)).toMatch(untrusted)
    }
    expect(await outcomeOf(`postgres:user=postgres dbname=postgres port=${port}`)).toMatch(untrusted)
    expect(await outcomeOf(`${url}?sslmode=require&sslrootcert=${ca}`)).toBe('true')
    expect(await outcomeOf(`${url}?sslmode=no-verify`)).toBe('true')
    expect(await outcomeOf(`${url}?sslmode=disable`)).toBe('true')
    const byAddress = url.replace('localhost', '127.0.0.1')
    expect(await outcomeOf(`${byAddress}?sslmode=require&sslrootcert=${ca}`)).toMatch(misnamed)
    expect(await outcomeOf(`${byAddress}?sslmode=verify-ca&sslrootcert=${ca}`)).toBe('true')
  },

  async mysql() {
    const { ca, cert, key, renew } = certificateOf('mysql')
    const { port, close } = await startMariadb([`--ssl-cert=${cert}`, `--ssl-key=${key}`, `--ssl-ca=${ca}`])
    ends.push(close)
    const url = `mysql://root@localhost:${port}/test`
    for (const mode of ['ssl=true', 'ssl-mode=REQUIRED', 'ssl={}']) {
      expect(await outcomeOf(`${url}?${mode}`)).toMatch(untrusted)
    }
    expect(await outcomeOf(`mysql:root@tcp(localhost:${port})/test?tls=true`)).toMatch(untrusted)
    expect(await outcomeOf(`mysql:root@tcp(localhost:${port})/test?tls=skip-verify`)).toBe('true')
    expect(await outcomeOf(`${url}?ssl=true&tlsCAFile=${ca}`)).toBe('true')
    expect(await outcomeOf(`${url}?ssl=true&tlsAllowInvalidCertificates=true`)).toBe('true')
    renew('elsewhere.example')
    const pool = createPool({ port, user: 'root' })
    await pool.query('FLUSH SSL')
    await pool.end()
    expect(await outcomeOf(`${url}?ssl=true&tlsCAFile=${ca}`)).toMatch(misnamed)
  },

  async memcached() {
    const server = await startMemcached()
    ends.push(() => server.close())
    const { port, ca } = await behindTls(server.port)
    expect(await outcomeOf(`memcached://localhost:${port}?tls=true`)).toMatch(untrusted)
    expect(await outcomeOf(`memcached://localhost:${port}?tls=true&tlsCAFile=${ca}`)).toBe('true')
    expect(await outcomeOf(`memcached://localhost:${port}?tls=true&tlsAllowInvalidCertificates=true`)).toBe('true')
  },

  async mongodb() {
    const { port, ca } = await behindTls((await sharedServer('mongodb')).port)
    const url = `mongodb://localhost:${port}/sessions?directConnection=true&serverSelectionTimeoutMS=1000&tls=true`
    expect(await outcomeOf(url)).toMatch(untrusted)
    expect(await outcomeOf(`${url}&tlsCAFile=${ca}`)).toBe('true')
    expect(await outcomeOf(`${url}&tlsAllowInvalidCertificates=true`)).toBe('true')
  },
}

describe('SEC-85 a certificate that cannot be verified is refused, unless the text says otherwise', {
  timeout: 120_000,
}, () => {
  for (const [name, row] of serverRows.filter(([, { tls }]) => tls)) {
    it.runIf(canRun(row))(name, async () => {
      const check = checks[name]
      if (check === undefined) throw new Error(`this file has no check for ${name}`)
      await check()
    })
  }
})
