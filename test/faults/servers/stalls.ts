import { expect, it } from 'vitest'
import type { Server } from '../../services/process.ts'
import { startSite } from './site.ts'
import {
  type Backend,
  calmly,
  expectFault,
  expectOutage,
  limitMs,
  onStage,
  type Stage,
  Visitor,
  visitors,
} from './stage.ts'
import { eventually, pause } from './watch.ts'

/** A server that is there and says nothing. */
export function stallCases(backend: Backend, server: () => Server): void {
  const stalls: Record<string, [stall: (stage: Stage) => void, resume: (stage: Stage) => unknown]> = {
    'a stopped server (SIGSTOP)': [(stage) => stage.pause(), (stage) => stage.resume()],
    'a network that swallows everything': [({ proxy }) => proxy.stall(), ({ proxy }) => proxy.resume()],
  }
  for (const [what, [stall, resume]] of Object.entries(stalls)) {
    it(`REL-01 ${what}: requests end in time, and succeed afterwards`, async () => {
      await onStage(backend, server(), async (stage) => {
        const { sessions } = stage
        const site = await startSite(sessions)
        try {
          const all = await visitors(sessions, 6)
          for (let round = 0; round < 2; round++) {
            stall(stage)
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
            await resume(stage)
            await stage.recovered()
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
    await onStage(backend, server(), async (stage) => {
      const all = await visitors(stage.sessions, 4)
      for (let round = 0; round < 3; round++) {
        // Commits that are on their way when the server stops.
        await Promise.all(all.map((visitor, at) => visitor.add(() => at === 0 && stage.pause()).catch(expectOutage)))
        stage.resume()
        await stage.recovered()
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
    await onStage(backend, server(), async (stage) => {
      const all = await visitors(stage.sessions, 4)
      await Promise.all(all.map((visitor) => calmly(() => visitor.add())))
      stage.proxy.abandon()
      const works = () =>
        Promise.all(all.map((visitor) => visitor.add())).then(
          () => true,
          (error) => {
            expectOutage(error)
            return false
          },
        )
      expect(await eventually(works, silenceMs, 50)).toBe(true)
      await stage.recovered()
      await Promise.all(all.map((visitor) => calmly(() => visitor.add())))
      expect(all.map(({ lost }) => lost)).toEqual([0, 0, 0, 0])
    })
  })
}
