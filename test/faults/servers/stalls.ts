import { expect, it } from 'vitest'
import type { Server } from '../../services/process.ts'
import { type Backend, behindProxy, calmly, expectFault, expectOutage, limitMs, type Proxied } from './behind-proxy.ts'
import { startCountingApp } from './counting-app.ts'
import { Visitor, visitors } from './visitors.ts'
import { eventually, pause } from './watch.ts'

/** A server that is there and says nothing. */
export function stallCases(backend: Backend, server: () => Server): void {
  const stalls: Record<string, [stall: (proxied: Proxied) => void, resume: (proxied: Proxied) => unknown]> = {
    'a stopped server (SIGSTOP)': [(proxied) => proxied.pause(), (proxied) => proxied.resume()],
    'a network that swallows everything': [({ proxy }) => proxy.stall(), ({ proxy }) => proxy.resume()],
  }
  for (const [what, [stall, resume]] of Object.entries(stalls)) {
    it(`REL-01 ${what}: requests end in time, and succeed afterwards`, async () => {
      await behindProxy(backend, server(), async (proxied) => {
        const { sessions } = proxied
        const site = await startCountingApp(sessions)
        try {
          const all = await visitors(sessions, 6)
          for (let round = 0; round < 2; round++) {
            stall(proxied)
            for (let wave = 0; wave < 2; wave++) {
              await Promise.all([
                expectFault(() => sessions.ready()),
                expectFault(() => new Visitor(sessions).add()),
                ...all.map((visitor) => expectFault(() => visitor.add())),
                ...all.map(async ({ token }) => {
                  const { status, ms } = await site.ask('/', { token })
                  expect(status).toBe(503)
                  expect(ms).toBeLessThanOrEqual(limitMs)
                }),
              ])
            }
            await resume(proxied)
            await proxied.recovered()
            await Promise.all(all.map((visitor) => calmly(() => visitor.add())))
          }
          // What was sent before the stall's end and done after it may have been done; it is counted once at most.
          await pause(100)
          for (const visitor of all) await calmly(() => visitor.verify())
          expect(all.map(({ lost }) => lost)).toEqual([0, 0, 0, 0, 0, 0])
        } finally {
          await site.close()
        }
      })
    })
  }

  it('REL-07 a stall between reading and writing: what was sent is done once at most, and no later write is lost', async () => {
    await behindProxy(backend, server(), async (proxied) => {
      const all = await visitors(proxied.sessions, 4)
      for (let round = 0; round < 3; round++) {
        // Commits that are on their way when the server stops.
        await Promise.all(all.map((visitor, at) => visitor.add(() => at === 0 && proxied.pause()).catch(expectOutage)))
        proxied.resume()
        await proxied.recovered()
        await Promise.all(all.map((visitor) => calmly(() => visitor.add())))
        await pause(50)
        for (const visitor of all) await calmly(() => visitor.verify())
      }
      expect(all.map(({ lost }) => lost)).toEqual([0, 0, 0, 0])
    })
  })

  const { silenceMs } = backend
  if (silenceMs === null) return
  it(`connections that have gone silent are given up within ${silenceMs} ms of traffic`, async () => {
    await behindProxy(backend, server(), async (proxied) => {
      const all = await visitors(proxied.sessions, 4)
      await Promise.all(all.map((visitor) => calmly(() => visitor.add())))
      proxied.proxy.abandon()
      const works = () =>
        Promise.all(all.map((visitor) => visitor.add())).then(
          () => true,
          (error) => {
            expectOutage(error)
            return false
          },
        )
      expect(await eventually(works, silenceMs, 50)).toBe(true)
      await proxied.recovered()
      await Promise.all(all.map((visitor) => calmly(() => visitor.add())))
      expect(all.map(({ lost }) => lost)).toEqual([0, 0, 0, 0])
    })
  })
}
