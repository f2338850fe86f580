import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { createCluster as createCluster5 } from 'redis5'
import { describe, it } from 'vitest'
import { redisStore } from '../../src/stores/redis.ts'
import { storeCases } from '../../src/testing/index.ts'
import { sharedServer } from '../services/address.ts'

const { host, port } = await sharedServer('redis-cluster')
const rootNodes = [{ url: `redis://${host}:${port}` }]
const clients = {
  redis: await createCluster({ rootNodes }).connect(),
  'redis 5': await createCluster5({ rootNodes }).connect(),
  ioredis: new Cluster([{ host, port }]),
}

let made = 0
for (const [name, client] of Object.entries(clients)) {
  describe(`L2 X11 redisStore fulfils the store contract on a cluster with ${name}`, () => {
    const cases = storeCases(({ clock }) => redisStore({ client, clock, prefix: `${process.pid}:${made++}:` }))
    for (const { title, run } of cases) it(title, run)
  })
}
