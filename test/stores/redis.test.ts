import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { createClient, createClientPool } from 'redis'
import { createClient as createClient5 } from 'redis5'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisStore } from '../../src/stores/redis/index.ts'
import { storeCases } from '../../src/testing/index.ts'
import { bundleChild } from '../fixtures/children.ts'
import { sharedServer } from '../services/address.ts'

const { host, port } = await sharedServer('redis')
const url = `redis://${host}:${port}`
// Writes are not sent twice.
const once = { autoResendUnfulfilledCommands: false }
const pool = createClientPool({ url }, { maximum: 4 })
await pool.connect()
const clients = {
  redis: await createClient({ url }).connect(),
  'redis, RESP2': await createClient({ url, RESP: 2 }).connect(),
  'redis, a pool': pool,
  'redis 5': await createClient5({ url }).connect(),
  ioredis: new Redis(port, host, once),
  'ioredis with a keyPrefix': new Redis(port, host, { keyPrefix: '[app]*:', ...once }),
}
afterAll(() => {
  for (const client of Object.values(clients)) 'destroy' in client ? client.destroy() : client.disconnect()
})

let made = 0
for (const [name, client] of Object.entries(clients)) {
  describe(`redisStore fulfils the store contract with ${name}`, () => {
    const cases = storeCases(({ clock }) => redisStore({ client, clock, prefix: `${process.pid}:${made++}:` }))
    for (const { title, run } of cases) it(title, run)
  })
}

const bun = fileURLToPath(new URL('../runtimes/node_modules/.bin/bun', import.meta.url))

describe.runIf(existsSync(bun))('redisStore fulfils the store contract with the client of Bun', () => {
  const titles = storeCases(() => redisStore({ client: clients.ioredis })).map(({ title }) => title)
  const results = new Map<string, string | null>()

  beforeAll(async () => {
    const child = await bundleChild(new URL('./redis/conformance.ts', import.meta.url))
    const suite = spawn(bun, [child, String(port), `${process.pid}:bun:`], { stdio: ['ignore', 'pipe', 'inherit'] })
    for await (const line of createInterface({ input: suite.stdout })) {
      const { title, error = null } = JSON.parse(line) as { title: string; error?: string }
      results.set(title, error)
    }
  }, 120_000)

  for (const title of titles) it(title, () => expect(results.get(title)).toBeNull())

  it('runs no other cases', () => expect([...results.keys()]).toEqual(titles))
})
