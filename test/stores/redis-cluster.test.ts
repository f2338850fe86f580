import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { createCluster as createCluster5 } from 'redis5'
import { afterAll, describe, expect, it } from 'vitest'
import { redisStore } from '../../src/stores/redis/index.ts'
import { storeCases } from '../../src/testing/index.ts'
import { sharedServer } from '../services/address.ts'

const { host, port } = await sharedServer('redis-cluster')
const rootNodes = [{ url: `redis://${host}:${port}` }]
const clients = {
  redis: await createCluster({ rootNodes }).connect(),
  'redis 5': await createCluster5({ rootNodes }).connect(),
  ioredis: new Cluster([{ host, port }], { retryDelayOnFailover: 0 }),
}

afterAll(() => {
  for (const client of Object.values(clients)) 'destroy' in client ? client.destroy() : client.disconnect()
})

let made = 0
for (const [name, client] of Object.entries(clients)) {
  describe(`L2 X11 redisStore fulfils the store contract on a cluster with ${name}`, () => {
    const cases = storeCases(({ clock }) => redisStore({ client, clock, prefix: `${process.pid}:${made++}:` }))
    for (const { title, run } of cases) it(title, run)
  })

  it(`SEC-81 braces in the prefix, or in a user's id, only choose the slot, with ${name}`, async () => {
    const userIds = ['{', '}{', '{}', '{a}', 'a{b}c{d}', 'ann']
    for (const prefix of ['{tag}:', '}{', '{}', 'a{', `{${process.pid}`]) {
      const store = redisStore({ client, prefix: `${made++}${prefix}` })
      const keys = userIds.map((_, index) => `record-of-a-user-${index}`)
      const expiresAt = Date.now() + 60_000
      for (const [index, userId] of userIds.entries()) {
        await store.create(keys[index] ?? '', { payload: userId, version: 1, expiresAt, userId })
      }
      for (const [index, userId] of userIds.entries()) expect(await store.keysOf(userId)).toEqual([keys[index]])
      expect(await store.count()).toBe(keys.length)
      const { entries } = await store.list({ limit: 100 })
      expect(entries.map(({ key }) => key).sort()).toEqual(keys)
    }
  })

  it(`REL-38 wait asks every master for its replicas, with ${name}`, async () => {
    const prefix = `${process.pid}:${made++}:`
    const record = { payload: 'payload', version: 1, expiresAt: Date.now() + 60_000, userId: 'ann' }
    const patient = redisStore({ client, prefix, wait: { replicas: 1, timeoutMs: 20_000 } })
    for (let index = 0; index < 10; index++)
      expect(await patient.create(`a-record-to-wait-for-${index}`, record)).toBe(true)
    const demanding = redisStore({ client, prefix, wait: { replicas: 2, timeoutMs: 10 } })
    await expect(demanding.delete('a-record-to-wait-for-1')).rejects.toThrow('1 of 2')
  })
}
