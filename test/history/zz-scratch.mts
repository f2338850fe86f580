const unhandled: string[] = []
process.on('unhandledRejection', (e: any) => unhandled.push(e.message))
import postgres from 'postgres'
import { setTimeout, setImmediate } from 'node:timers/promises'
import { startPostgres } from '../services/postgres.ts'
import { proxyTo } from '../services/proxy.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
const server = await startPostgres()
const proxy = await proxyTo(server.port)
const sql = postgres({ host: '127.0.0.1', port: proxy.port, user: 'postgres', database: 'postgres', max: 4, onnotice: () => {} })
const store = postgresStore({ client: sql as never })
await store.createTable()
const key = 'k'.repeat(32)
await store.create(key, { payload: 'hello', version: 1, expiresAt: Date.now() + 1e6 })
const tally: Record<string, number> = {}
for (let round = 0; round < 300; round++) {
  await Promise.all([1, 2, 3, 4].map(() => store.read(key).catch(() => null)))
  await setTimeout(10)
  proxy.cut()
  const all: Promise<void>[] = []
  for (let k = 0; k < 60; k++) {
    await setImmediate()
    all.push(Promise.resolve(store.read(key)).then((r) => { const s = r === null ? 'NULL' : r.payload; tally[s] = (tally[s] ?? 0) + 1 }, (e) => { tally[e.code ?? e.message] = (tally[e.code ?? e.message] ?? 0) + 1 }))
  }
  await Promise.race([Promise.all(all), setTimeout(1500)])
}
console.log(tally, unhandled.length)
await proxy.close(); await server.close(); process.exit()
