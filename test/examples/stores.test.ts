import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { has, type PartName, partNames } from '../../tools/services.mjs'
import { sharedServer } from '../services/address.ts'
import { couchbaseBucket, couchbaseUrl } from '../services/couchbase.ts'

const children: ChildProcess[] = []
const secret = randomBytes(32).toString('base64')
const folder = mkdtemp(join(tmpdir(), 'coatcheck-example-'))

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
afterAll(async () => rm(await folder, { recursive: true }))

interface Running {
  readonly origin: string
  /** Resolves with its exit code when it has ended by itself. */
  stop(): Promise<number | null>
}

async function start(store: string): Promise<Running> {
  const child = spawn(process.execPath, ['tools/run-ts.mjs', 'examples/stores/server.ts'], {
    env: { ...process.env, PORT: '0', STORE: store, SECRET: secret },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  let printed = ''
  for await (const chunk of child.stdout) {
    printed += chunk
    const [, port] = /localhost:(\d+)/.exec(printed) ?? []
    if (port === undefined) continue
    return {
      origin: `http://127.0.0.1:${port}`,
      async stop() {
        const exit = once(child, 'exit')
        child.kill('SIGTERM')
        const [code] = await exit
        return code
      },
    }
  }
  throw new Error(`the example ended: ${printed}`)
}

async function visit({ origin }: Running, cookie = ''): Promise<{ text: string; cookie: string }> {
  const response = await fetch(origin, { headers: { cookie, connection: 'close' } })
  const [set] = response.headers.getSetCookie()
  return { text: await response.text(), cookie: set?.split(';')[0] ?? cookie }
}

const on = async (name: Parameters<typeof sharedServer>[0]): Promise<string> => {
  const { host, port } = await sharedServer(name)
  return `${host}:${port}`
}

const stores: Record<string, () => Promise<string>> = {
  file: async () => `file:${await folder}/sessions`,
  postgres: async () => `postgres://postgres@${await on('postgres')}/postgres?table=example_visits`,
  mysql: async () => `mysql://root@${await on('mariadb')}/test?table=example_visits`,
  redis: async () => `redis://${await on('redis')}?prefix=example:`,
  memcached: async () => `memcached://${await on('memcached')}?prefix=example:`,
  mongodb: async () => `mongodb://${await on('mongodb')}/example`,
  couchbase: async () => {
    const url = await couchbaseUrl(await sharedServer('couchbase'))
    return `${url.replace('//', '//user:password@')}/${couchbaseBucket}?prefix=example:`
  },
  'sealed-cookie': async () => 'cookie:',
}

describe('the example of openStore', { timeout: 60_000 }, () => {
  it.for(Object.entries(stores))('counts visits in %s, also after a restart', async ([name, text], { skip }) => {
    const part = name === 'mysql' ? 'mariadb' : name
    if (partNames.includes(part as PartName) && !has(part as PartName)) skip()
    const before = await start(await text())
    const first = await visit(before)
    expect(first.text).toBe(`Visit 1, kept by ${name}.\n`)
    const second = await visit(before, first.cookie)
    expect(second.text).toContain('Visit 2,')
    expect(await before.stop()).toBe(0)
    const after = await start(await text())
    expect((await visit(after, second.cookie)).text).toContain('Visit 3,')
  })

  it('counts visits in memory, which a restart empties', async () => {
    const before = await start('memory:')
    const { cookie } = await visit(before)
    expect((await visit(before, cookie)).text).toBe('Visit 2, kept by memory.\n')
    await before.stop()
    expect((await visit(await start('memory:'), cookie)).text).toContain('Visit 1,')
  })
})
