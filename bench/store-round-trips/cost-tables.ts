import { fileURLToPath } from 'node:url'
import { startPostgres } from '../../test/services/postgres.ts'
import { startRedis } from '../../test/services/redis.ts'
import { addedTables, type Contender } from '../added-tables.ts'
import { against, type Row, type Table } from '../report.ts'
import { costsOf, startSampler } from '../samplers.ts'
import type { Effort } from './run.ts'

const script = fileURLToPath(new URL('run.ts', import.meta.url))
const byHandBudget = 1.2
const connectRedisBudget = 0.5

/** P3: what a session in Redis costs the server process. */
export async function redisTables(effort: Effort): Promise<Table[]> {
  const server = await startRedis()
  const beyond = 'express, none'
  const own = { name: 'express, redisStore (redis)' }
  const other = { name: 'express, redisStore (ioredis)' }
  const onExpress: Contender[] = [
    { name: beyond },
    { name: own.name, beyond },
    { name: 'express, by hand (redis)', beyond, rival: { ...own, budget: byHandBudget } },
    { name: 'express, express-session + connect-redis', beyond, rival: { ...own, budget: connectRedisBudget } },
    { name: other.name, beyond },
    { name: 'express, by hand (ioredis)', beyond, rival: { ...other, budget: byHandBudget } },
  ]
  const base = 'node:http, none'
  const bare = { name: 'node:http, redisStore (redis)' }
  const onNode: Contender[] = [
    { name: base },
    { name: bare.name, beyond: base },
    { name: 'node:http, by hand (redis)', beyond: base, rival: { ...bare, budget: byHandBudget } },
  ]
  try {
    const port = String(server.port)
    return [
      ...(await addedTables(script, 'Express 5 and Redis', onExpress, effort, port)),
      ...(await addedTables(script, 'node:http and Redis', onNode, effort, port)),
    ]
  } finally {
    await server.close()
  }
}

/** What a session in PostgreSQL costs the server process. */
export async function postgresTables(effort: Effort): Promise<Table[]> {
  const server = await startPostgres()
  const beyond = 'express, none'
  const own = { name: 'express, postgresStore (pg)' }
  const contenders: Contender[] = [
    { name: beyond },
    { name: own.name, beyond },
    { name: 'express, by hand (pg)', beyond, rival: own },
    { name: 'express, express-session + connect-pg-simple', beyond, rival: own },
  ]
  try {
    return await addedTables(script, 'Express 5 and PostgreSQL', contenders, effort, String(server.port))
  } finally {
    await server.close()
  }
}

const sealedBudgets: Readonly<Record<string, number>> = {
  'iron-session': 1 / 10,
  'cookie-session': 1,
  'secure-session': 1.5,
}

/** P2 over HTTP. */
export async function sealedTables(effort: Effort): Promise<Table[]> {
  const [express, node, fastify] = ['express, none', 'node:http, none', 'fastify, none']
  const onExpress = { name: 'express, sealedCookie' }
  const onNode = { name: 'node:http, sealedCookie' }
  const budgetOf = (peer: string) => ({ budget: sealedBudgets[peer] ?? Number.NaN })
  const contenders: Contender[] = [
    { name: express },
    { name: onExpress.name, beyond: express },
    { name: 'express, cookie-session', beyond: express, rival: { ...onExpress, ...budgetOf('cookie-session') } },
    {
      ...{ name: 'express, iron-session', beyond: express, share: 1 / 4 },
      rival: { ...onExpress, ...budgetOf('iron-session') },
    },
    { name: node },
    { name: onNode.name, beyond: node },
    { name: fastify },
    { name: 'fastify, secure-session', beyond: fastify, rival: { ...onNode, ...budgetOf('secure-session') } },
  ]
  return addedTables(script, 'Sealed cookies', contenders, effort)
}

/** P2 without HTTP. */
export async function sealedInProcessTable({ rounds, calls }: Effort): Promise<Table[]> {
  const sampler = await startSampler(script, 'sealed')
  const costs = await costsOf(
    () => sampler,
    sampler.names,
    rounds,
    (name) => Math.ceil(name.startsWith('iron') ? calls / 4 : calls),
  )
  sampler.stop()
  return ['read + write', 'read only'].map((work) => {
    const rows = sampler.names.filter((name) => name.endsWith(work))
    const own = costs(`sealedCookie, ${work}`)
    return {
      title: `Sealed cookies in process, ${work}`,
      rows: rows.map((name): Row => {
        const cost = costs(name)
        const budget = sealedBudgets[name.split(',')[0] ?? '']
        return budget === undefined ? { name, cost } : { name, cost, comparison: against(own, cost, name, budget) }
      }),
    }
  })
}
