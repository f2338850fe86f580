import { expect, it } from 'vitest'
import { proxyTo } from '../services/proxy.ts'
import { startRedis } from '../services/redis.ts'
import { freshSeed, historyCases } from './cases.ts'
import { checkHistory } from './check.ts'
import { runTrial } from './run.ts'
import { lostAnswers } from './server-faults.ts'
import { redisTarget } from './targets.ts'

historyCases('Redis', () => redisTarget('redis'))

it('planted: a client that sends again what was not answered is found (REL-07)', { timeout: 120_000 }, async () => {
  const server = await startRedis()
  const proxy = await proxyTo(server.port)
  try {
    const { anomalies } = await runTrial({
      target: { through: 'ioredis', at: proxy.port, planted: 'resending' },
      seed: freshSeed(),
      durationMs: 0,
      faults: [lostAnswers(proxy)],
      sparesClients: true,
      enough: (history) => checkHistory(history).length > 0,
    })
    expect(anomalies).not.toEqual([])
  } finally {
    await proxy.close()
    await server.close()
  }
})
