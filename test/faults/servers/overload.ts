import { expect, it } from 'vitest'
import type { Server } from '../../services/process.ts'
import { type Backend, behindProxy, calmly, expectOutage, limitMs, storeTimeout } from './behind-proxy.ts'
import { startCountingApp } from './counting-app.ts'
import { Visitor, visitors } from './visitors.ts'
import { eventually, pause, stopwatch, usedBytes } from './watch.ts'

/** More than can be done. */
export function overloadCases(backend: Backend, server: () => Server): void {
  it('REL-08 500 requests at once through a pool of 2, 30 % of the clients leave: success or 503 in time, then all is idle', async () => {
    await behindProxy(
      backend,
      server(),
      async (proxied) => {
        const { sessions, proxy, pool } = proxied
        // A session each: commits of one session wait for each other, and not for the pool.
        const all = await visitors(sessions, 500)
        const site = await startCountingApp(sessions)
        try {
          proxy.delay(20)
          const answers = await Promise.all(
            all.map(async (visitor, at) => {
              const leaves = at % 10 < 3
              const options = leaves ? { abortAfter: (at * 7) % 150 } : {}
              const answer = await site.ask('/add', { token: visitor.token, ...options })
              if (answer.status === 200) visitor.acknowledged += 1
              else visitor.unknown += 1
              return { ...answer, leaves }
            }),
          )
          const stayed = answers.filter(({ leaves }) => !leaves)
          expect(stayed).toHaveLength(350)
          expect(new Set(stayed.map(({ status }) => status))).toSatisfy((seen: Set<number>) =>
            [...seen].every((status) => status === 200 || status === 503),
          )
          // One deadline for the read, one for the save.
          expect(Math.max(...site.served)).toBeLessThanOrEqual(storeTimeout + limitMs)
          expect(site.served.length).toBeGreaterThanOrEqual(350)
          for (const error of site.errors) expectOutage(error)
          if (pool !== undefined) {
            // Without it the pool was never exhausted.
            expect(stayed.some(({ status }) => status === 503)).toBe(true)
            // What is still waiting for a connection is done for nobody.
            await eventually(() => pool().waiting === 0 && pool().idle === pool().open, 2_000)
            expect(pool()).toEqual({ open: pool().open, idle: pool().open, waiting: 0 })
            expect(pool().open).toBeLessThanOrEqual(2)
          }
          proxy.delay(0)
          await proxied.recovered(2)
          if (pool !== undefined) expect(pool()).toEqual({ open: 2, idle: 2, waiting: 0 })
          await Promise.all(all.slice(0, 20).map((visitor) => calmly(() => visitor.add())))
          await Promise.all(all.slice(20).map((visitor) => visitor.verify().catch(expectOutage)))
        } finally {
          await site.close()
        }
      },
      { poolSize: 2 },
    )
  })

  it('REL-09 requests that keep coming to a dead store: memory stays flat, and nothing is left waiting', async () => {
    await behindProxy(backend, server(), async (proxied) => {
      const { sessions, proxy } = proxied
      const [one] = await visitors(sessions, 1)
      const hot = one?.token ?? null
      // Requests that had read their session when the store died, and want to save it: all of them the same.
      const late = await Promise.all(Array.from({ length: 50 }, () => proxied.open(hot)))
      for (const session of late) session.increment('count')
      proxy.stall()
      const used: number[] = []
      const resident: number[] = []
      while (!isFlat(used)) {
        // What leaks with each request never comes to rest.
        expect(used.length, `bytes after each wave: ${used.join(' ')}`).toBeLessThan(mostWaves)
        const elapsed = stopwatch()
        const works = Array.from({ length: waveSize }, (_, at) => {
          const session = late[at]
          if (session !== undefined) return sessions.commit(session)
          return at % 4 === 0 ? new Visitor(sessions).add() : sessions.open(hot)
        })
        for (const result of await Promise.allSettled(works)) {
          expect(result.status).toBe('rejected')
          if (result.status === 'rejected') expectOutage(result.reason)
        }
        expect(elapsed()).toBeLessThanOrEqual(limitMs)
        // A client that refuses at once gets time for its own deadlines too.
        await pause(50)
        used.push(usedBytes())
        resident.push(process.memoryUsage.rss())
      }
      // What a client keeps outside of the heap shows here, among much else.
      expect((resident.at(-1) ?? 0) - (resident[1] ?? 0)).toBeLessThan(64 * 1024 * 1024)
      await proxy.resume()
      await proxied.recovered()
      const elapsed = stopwatch()
      await sessions.close()
      expect(elapsed()).toBeLessThan(limitMs)
    })
  })
}

const waveSize = 300
const mostWaves = 30
const span = 4
/** A command that a client keeps takes 500 bytes at least, and thousands with its promise. */
const bytesPerRequest = 250

/**
 * Whether memory has come to rest. A program takes more at first, while it is compiled and buffers get their size; the
 * least of several measurements has the least of what is just about to be freed.
 */
function isFlat(used: readonly number[]): boolean {
  if (used.length < 2 * span + 1) return false
  const growth = Math.min(...used.slice(-span)) - Math.min(...used.slice(-2 * span, -span))
  return growth < bytesPerRequest * span * waveSize
}
