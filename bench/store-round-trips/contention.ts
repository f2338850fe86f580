import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createSessions, type Store } from 'coatcheck'
import { postgresStore } from 'coatcheck/stores/postgres'
import { redisStore } from 'coatcheck/stores/redis'
import pg from 'pg'
import { createClient } from 'redis'
import { startPostgres } from '../../test/services/postgres.ts'
import { startRedis } from '../../test/services/redis.ts'
import { startChild } from '../children.ts'
import { postgres, redis } from './protocols.ts'
import { wireTo } from './wire.ts'

const script = fileURLToPath(new URL('run.ts', import.meta.url))
const increments = 1000
const processes = 2
/** P5: round trips per increment, on average. */
const budget = 3

export interface Contention {
  readonly backend: string
  /** What the session says in the end. */
  readonly count: number
  /** How many commits ended otherwise than with a save. */
  readonly failed: number
  readonly roundTrips: number
  readonly commands: Readonly<Record<string, number>>
  /** What P5 wants and has not got. */
  readonly missed?: string
}

const servers = { redis: startRedis, postgres: startPostgres }
const protocols = { redis, postgres }

type Backend = keyof typeof servers

/** P5: many increments of one session at once, through two processes. */
export async function contentions(): Promise<Contention[]> {
  return [await contentionOn('redis'), await contentionOn('postgres')]
}

export function printContention({ backend, count, failed, roundTrips, commands, missed }: Contention): void {
  const each = Object.entries(commands).map(([name, times]) => `${times} ${name}`)
  const verdict = missed === undefined ? '' : `   MISSED: ${missed}`
  console.log(`\n${backend}: ${increments} increments at once through ${processes} processes`)
  console.log(`  the count is ${count}, ${failed} failed`)
  console.log(`  ${roundTrips} round trips per increment, budget ${budget} (${each.join(', ')})${verdict}`)
}

async function contentionOn(backend: Backend): Promise<Contention> {
  const server = await servers[backend]()
  const wire = await wireTo(server.port, protocols[backend])
  const mine = await storeOn(backend, server.port)
  const sessions = createSessions<{ count: number }>({ store: mine.store })
  const created = await sessions.open(null)
  created.set('count', 0)
  const { token } = await sessions.commit(created)
  const started = await Promise.all(
    Array.from({ length: processes }, () =>
      startChild<string>(script, 'increments', backend, String(wire.port), token ?? ''),
    ),
  )
  try {
    wire.taken()
    const answers = started.map(({ child }) => once(child, 'message') as Promise<[number]>)
    for (const { child } of started) child.send('go')
    const failed = (await Promise.all(answers)).reduce((sum, [each]) => sum + each, 0)
    const commands: Record<string, number> = {}
    // A statement is parsed on the way of its first execution on a connection: no round trip of its own.
    for (const name of wire.taken()) if (name !== 'PARSE') commands[name] = (commands[name] ?? 0) + 1
    const total = Object.values(commands).reduce((sum, each) => sum + each, 0)
    const count = (await sessions.open(token ?? '')).get('count') ?? 0
    const roundTrips = total / increments
    const contention = { backend, count, failed, roundTrips, commands }
    if (count !== increments) return { ...contention, missed: 'increments were lost' }
    return roundTrips <= budget ? contention : { ...contention, missed: 'too many round trips' }
  } finally {
    for (const { child } of started) child.kill()
    await mine.end()
    wire.close()
    await server.close()
  }
}

/** The child's side: makes its part of the increments when it is told to, and answers how many failed. */
export async function serveIncrements(backend: string, port: number, token: string): Promise<void> {
  const { store } = await storeOn(backend as Backend, port)
  const sessions = createSessions<{ count: number }>({ store, storeTimeout: '60s' })
  await sessions.open(token)
  process.on('message', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: increments / processes }, async () => {
        const session = await sessions.open(token)
        session.increment('count')
        const { outcome } = await sessions.commit(session)
        if (outcome !== 'saved') throw new Error(`the commit ended with ${outcome}`)
      }),
    )
    const failures = results.filter(({ status }) => status === 'rejected')
    if (failures.length > 0) console.error(failures[0])
    process.send?.(failures.length)
  })
  process.send?.('ready')
}

async function storeOn(backend: Backend, port: number): Promise<{ store: Store; end(): unknown }> {
  if (backend === 'redis') {
    const client = await createClient({ socket: { port } }).connect()
    return { store: redisStore({ client }), end: () => client.destroy() }
  }
  const client = new pg.Pool({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
  const store = postgresStore({ client })
  await store.createTable()
  return { store, end: () => client.end() }
}
