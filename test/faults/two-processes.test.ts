import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createConnection } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { has, type PartName } from '../../tools/services.mjs'
import { bundleChild } from '../fixtures/children.ts'
import { sharedServer } from '../services/address.ts'
import type { SharedName } from '../services/broker.ts'
import { couchbaseBucket, couchbaseUrl } from '../services/couchbase.ts'

interface State {
  readonly count: number | null
  readonly log: readonly string[]
  readonly user?: string
}

/** A store that processes can share: the text that opens it, and what has to be here for it. */
interface Shared {
  readonly name: string
  readonly needs?: PartName
  /** Which Node runs the servers; default: this one. */
  readonly node?: string
  text(folder: string): string | Promise<string>
}

const address = async (name: SharedName) => {
  const { host, port } = await sharedServer(name)
  return `${host}:${port}`
}
const table = `processes_${process.pid}`
const newerNode = 'test/runtimes/node_modules/.bin/node'
const hasSqlite = process.getBuiltinModule?.('node:sqlite' as 'module') !== undefined

const stores: Shared[] = [
  { name: 'file', text: (folder) => `file:${folder}` },
  {
    name: 'sqlite',
    text: (folder) => `sqlite:${folder}/sessions.db`,
    ...(hasSqlite ? {} : { needs: 'runtimes', node: newerNode }),
  },
  {
    name: 'postgres',
    needs: 'postgres',
    text: async () => `postgres://postgres@${await address('postgres')}/postgres?table=${table}`,
  },
  { name: 'mysql', needs: 'mariadb', text: async () => `mysql://root@${await address('mariadb')}/${await database()}` },
  { name: 'redis', needs: 'redis', text: async () => `redis://${await address('redis')}?prefix=${table}:` },
  {
    name: 'memcached',
    needs: 'memcached',
    text: async () => `memcached://${await address('memcached')}?prefix=${table}:`,
  },
  {
    name: 'mongodb',
    needs: 'mongodb',
    text: async () => `mongodb://${await address('mongodb')}/processes?collection=${table}`,
  },
  {
    name: 'couchbase',
    needs: 'couchbase',
    text: async () =>
      `${(await couchbaseUrl(await sharedServer('couchbase'))).replace('://', `://${couchbaseBucket}:none@`)}/${couchbaseBucket}?prefix=${table}:`,
  },
]

async function database(): Promise<string> {
  const admin = await createConnection({ ...(await sharedServer('mariadb')), user: 'root' })
  await admin.query(`CREATE DATABASE IF NOT EXISTS ${table}`)
  await admin.end()
  return table
}

let directory: string
let servers: ChildProcess[] = []
let origins: string[] = []

async function start({ text, node = process.execPath }: Shared): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), 'coatcheck-processes-'))
  const child = await bundleChild(new URL('./children/http-server.ts', import.meta.url))
  const shared = await text(directory)
  servers = [0, 1].map(() => spawn(node, [child, shared], { stdio: ['ignore', 'pipe', 'inherit'] }))
  origins = await Promise.all(servers.map(portOf))
}

async function stop(): Promise<void> {
  await Promise.all(
    servers.map(async (server) => {
      server.kill('SIGKILL')
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
    }),
  )
  rmSync(directory, { recursive: true })
}

async function portOf(server: ChildProcess): Promise<string> {
  if (server.stdout === null) throw new Error('the server has no output')
  for await (const line of createInterface(server.stdout)) return `http://127.0.0.1:${line}`
  throw new Error('the server ended')
}

/** Sends one request to one of the two servers. */
async function send(
  path: string,
  cookie: string,
  server: number,
): Promise<{ state: State; cookie: string; status: number }> {
  const response = await fetch(`${origins[server % 2]}${path}`, { headers: { cookie } })
  const text = await response.text()
  const [set] = response.headers.getSetCookie()
  return {
    status: response.status,
    state: response.ok ? JSON.parse(text) : { count: null, log: [] },
    cookie: set?.split(';')[0] ?? cookie,
  }
}

/** Sends many requests, so many at a time: half to each server. */
async function sendAll(paths: readonly string[], cookie: string, width: number): Promise<number[]> {
  const statuses: number[] = []
  let next = 0
  const worker = async () => {
    for (let i = next++; i < paths.length; i = next++) statuses.push((await send(paths[i] ?? '', cookie, i)).status)
  }
  await Promise.all(Array.from({ length: width }, worker))
  return statuses
}

describe.for(stores)('two processes, one store, over HTTP: $name', (shared) => {
  const isHere = shared.needs === undefined || has(shared.needs)
  const it = test.skipIf(!isHere)
  beforeAll(async () => {
    if (isHere) await start(shared)
  })
  afterAll(async () => {
    if (isHere) await stop()
  })

  it('X1 1,000 parallel increments are exact', async () => {
    const { cookie } = await send('/increment', '', 0)
    const statuses = await sendAll(Array(999).fill('/increment'), cookie, 50)
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect((await send('/', cookie, 0)).state.count).toBe(1000)
    expect((await send('/', cookie, 1)).state.count).toBe(1000)
  }, 120_000)

  it('X1 entries that both push all arrive, and each once', async () => {
    const { cookie } = await send('/log?entry=first', '', 0)
    const entries = Array.from({ length: 100 }, (_, i) => `entry-${i}`)
    await sendAll(
      entries.map((entry) => `/log?entry=${entry}`),
      cookie,
      20,
    )
    const { log } = (await send('/', cookie, 1)).state
    expect([...log].sort()).toEqual(['first', ...entries].sort())
  }, 60_000)

  it('X2 an end in one process is the end in the other, whatever is under way there', async () => {
    for (let round = 0; round < 10; round++) {
      const { cookie } = await send('/increment', '', 0)
      await Promise.all([
        ...Array.from({ length: 8 }, (_, i) => send('/increment', cookie, i)),
        send('/logout', cookie, round),
        ...Array.from({ length: 8 }, (_, i) => send('/increment', cookie, i)),
      ])
      // What comes now may start a session of its own; the old one stays ended.
      expect((await send('/', cookie, round + 1)).state.count).toBeNull()
    }
  }, 60_000)

  it('X5 a sign-in in one process moves the session, and its data arrives whole', async () => {
    const { cookie } = await send('/increment', '', 0)
    const [signedIn] = await Promise.all([
      send('/login', cookie, 0),
      ...Array.from({ length: 10 }, (_, i) => send('/increment', cookie, i)),
    ])
    expect(signedIn.cookie).not.toBe(cookie)
    const { state } = await send('/', signedIn.cookie, 1)
    expect(state.user).toBe('ada')
    expect(state.count).toBeGreaterThanOrEqual(1)
    expect((await send('/', cookie, 1)).state.user).toBeUndefined()
  }, 60_000)
})
