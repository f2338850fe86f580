import { expect, it } from 'vitest'
import { isOutage } from '../../../src/errors.ts'
import type { Server } from '../../services/process.ts'
import {
  type Backend,
  behindProxy,
  calmly,
  expectFault,
  expectOutage,
  isLong,
  limitMs,
  type Proxied,
  storeTimeout,
} from './behind-proxy.ts'
import { startCountingApp } from './counting-app.ts'
import { Visitor, visitors } from './visitors.ts'
import { eventually, holdUps, listenersOf, openHandles, pause } from './watch.ts'

/** A server that is not there: at the start, or every now and then. */
export function outageCases(backend: Backend, server: () => Server): void {
  it('REL-02 server down at start: requests fail in time, and succeed once it is up, without a restart', async () => {
    await server().stop(backend.signals[0])
    await behindProxy(
      backend,
      server(),
      async (proxied) => {
        const { sessions } = proxied
        const site = await startCountingApp(sessions)
        try {
          for (let round = 0; round < 3; round++) {
            await expectFault(() => sessions.ready())
            await expectFault(() => new Visitor(sessions).add())
            const { status, token, ms } = await site.ask('/add')
            expect([status, token]).toEqual([503, null])
            expect(ms).toBeLessThanOrEqual(limitMs)
            // Who wants nothing of the store needs none.
            expect(await site.ask('/')).toMatchObject({ status: 200, body: 'null', token: null })
          }
          expect(site.errors).not.toEqual([])
          for (const error of site.errors) expectOutage(error)
          await server().start()
          await proxied.recovered()
          const { token, body } = await calmly(() => site.succeed('/add'))
          expect([body, token !== null]).toEqual(['1', true])
          expect(await calmly(() => site.succeed('/', { token }))).toMatchObject({ body: '1' })
          expect(Number((await calmly(() => site.succeed('/add', { token }))).body)).toBeGreaterThanOrEqual(2)
        } finally {
          await site.close()
        }
      },
      { direct: true },
    )
  })

  const restarts = isLong ? 20 : backend.restarts
  it(`REL-03 server restarted ${restarts} times in traffic: errors only during outages, nothing piles up${
    backend.durable ? ', nothing acknowledged is lost' : ''
  }`, async () => {
    await behindProxy(backend, server(), async (proxied) => {
      const traffic = await startTraffic(proxied.sessions)
      const sizes: object[] = []
      for (let round = 0; round < restarts; round++) {
        traffic.outage(true)
        await server().stop(backend.signals[round % backend.signals.length])
        await pause(20)
        await server().start()
        await proxied.recovered()
        traffic.outage(false)
        await pause(100)
        // The first round has everything that a client needs.
        if (round === 0 || round === restarts - 1) sizes.push(await settledSize(proxied))
      }
      const { all, allowed, unexpected } = await traffic.stop()
      expect(unexpected).toEqual([])
      for (const error of allowed) expectOutage(error)
      // Without any the outages were not felt, and nothing was shown.
      expect(allowed.length).toBeGreaterThan(0)
      for (const visitor of all) await calmly(() => visitor.verify())
      const lost = all.reduce((sum, visitor) => sum + visitor.lost, 0)
      if (backend.durable) expect(lost).toBe(0)
      else expect(lost).toBeLessThanOrEqual(all.length * restarts)
      const [first, last] = sizes
      expect(last).toEqual(first)
    })
  })

  it('a port that is closed and one that closes its connections are outages that end', async () => {
    await behindProxy(backend, server(), async (proxied) => {
      const { sessions, proxy } = proxied
      const all = await visitors(sessions, 4)
      for (const fault of ['refuse', 'halfClose', 'cut'] as const) {
        await proxy[fault]()
        if (fault === 'refuse') for (const visitor of all) await expectFault(() => visitor.add())
        else await Promise.all(all.map((visitor) => visitor.add().catch(expectOutage)))
        await proxy.resume()
        await proxied.recovered()
        await Promise.all(all.map((visitor) => calmly(() => visitor.add())))
      }
      for (const visitor of all) await calmly(() => visitor.verify())
      expect(all.map(({ lost }) => lost)).toEqual([0, 0, 0, 0])
    })
  })
}

/** Eight visitors who never stop. */
async function startTraffic(sessions: Proxied['sessions']) {
  const all = await visitors(sessions, 8)
  const allowed: unknown[] = []
  const unexpected: unknown[] = []
  /** Counts the changes between calm and outage: odd during an outage. */
  let era = 0
  let going = true
  async function browse(visitor: Visitor): Promise<void> {
    while (going) {
      const began = era
      const heldUp = holdUps()
      try {
        await visitor.add()
      } catch (error) {
        if (began % 2 === 1 || era !== began) allowed.push(error)
        // When this process does not run for a while, deadlines pass with the answers waiting to be read.
        else if (!isOutage(error) || heldUp() < storeTimeout / 3) unexpected.push(error)
      }
      await pause(2)
    }
  }
  const browsing = all.map(browse)
  return {
    outage(begins: boolean) {
      if (begins !== (era % 2 === 1)) era += 1
    },
    async stop() {
      going = false
      await Promise.all(browsing)
      return { all, allowed, unexpected }
    },
  }
}

/** What a client holds, when it has come to rest: what stays open only for a moment is not counted. */
async function settledSize({ emitters, proxy }: Proxied): Promise<object> {
  const measure = () => ({ handles: openHandles(), listeners: listenersOf(emitters), connections: proxy.connections })
  let size = measure()
  await eventually(async () => {
    await pause(50)
    const next = measure()
    const calm = JSON.stringify(next) === JSON.stringify(size)
    size = next
    return calm
  }, 2_000)
  return size
}
