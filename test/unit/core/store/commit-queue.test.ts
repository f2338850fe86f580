import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CommitQueue, type Slot } from '../../../../src/core/store/commit-queue.ts'
import { SessionError } from '../../../../src/errors.ts'
import { gate, settle } from '../../../fixtures/gate.ts'

const outage = new SessionError('STORE_TIMEOUT', 'no answer')
const record = (version: number) => ({ payload: 'p', version, expiresAt: 1 })

describe('CommitQueue', () => {
  it('runs the work of one key in order of arrival, one at a time, and other keys beside it', async () => {
    const queue = new CommitQueue()
    const log: string[] = []
    const gates = new Map(['a1', 'a2', 'b1'].map((name) => [name, gate()]))
    const run = (key: string, name: string) =>
      queue.run(key, async () => {
        log.push(`${name} begins`)
        await gates.get(name)?.promise
        log.push(`${name} ends`)
        return name
      })
    const all = [run('a', 'a1'), run('a', 'a2'), run('b', 'b1')]
    await settle()
    expect(log).toEqual(['a1 begins', 'b1 begins'])
    gates.get('b1')?.open()
    await settle()
    gates.get('a1')?.open()
    await settle()
    expect(log.slice(2)).toEqual(['b1 ends', 'a1 ends', 'a2 begins'])
    gates.get('a2')?.open()
    expect(await Promise.all(all)).toEqual(['a1', 'a2', 'b1'])
  })

  it('begins at once when nobody is before', async () => {
    const queue = new CommitQueue()
    let began = false
    const done = queue.run('a', async () => {
      began = true
    })
    expect(began).toBe(true)
    await done
  })

  it('hands on what the one before has stored, and forgets it when nobody waits', async () => {
    const queue = new CommitQueue()
    const seen: unknown[] = []
    const write = (version: number) =>
      queue.run('a', async (slot) => {
        seen.push(slot.latest?.version)
        await settle(1)
        slot.latest = record(version)
      })
    await Promise.all([write(1), write(2), write(3)])
    await write(4)
    expect(seen).toEqual([undefined, 1, 2, undefined])
  })

  it('an ordinary failure concerns its own work only', async () => {
    const queue = new CommitQueue()
    const results = await Promise.allSettled([
      queue.run('a', async () => {
        throw new Error('the schema says no')
      }),
      queue.run('a', () => {
        throw new SessionError('SESSION_CONFLICT', 'busy')
      }),
      queue.run('a', async () => 'stored'),
    ])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
  })

  it('REL-01 when the store is out, those who waited fail alike at once, and whoever comes later tries', async () => {
    const queue = new CommitQueue()
    let tried = 0
    const attempt = () =>
      queue.run('a', async () => {
        tried++
        await settle(2)
        throw outage
      })
    const results = await Promise.allSettled(Array.from({ length: 100 }, attempt))
    expect(tried).toBe(1)
    for (const result of results) expect(result).toEqual({ status: 'rejected', reason: outage })
    expect(await queue.run('a', async (slot) => slot.fault)).toBeUndefined()
    const other = queue.run('b', async () => 'another key')
    expect(await other).toBe('another key')
  })

  it('keeps nothing of what is done: a later slot is a new one', async () => {
    const queue = new CommitQueue()
    const slots = new Set<Slot>()
    for (let round = 0; round < 5; round++) {
      const fails = round % 2 === 0
      const runs = [1, 2, 3].map(() =>
        queue.run('a', async (slot) => {
          slots.add(slot)
          if (fails) throw outage
        }),
      )
      await Promise.allSettled(runs)
    }
    expect(slots.size).toBe(5)
    for (const slot of slots) expect(slot.users).toBe(0)
    // Resolves only if no slot is left.
    await queue.idle()
  })

  it('is idle when all is done, including what was queued meanwhile, and never fails for it', async () => {
    const queue = new CommitQueue()
    const [first, second] = [gate(), gate()]
    let idle = false
    const done = [queue.run('a', () => first.promise), queue.run('b', () => Promise.reject(outage))]
    for (const each of done) Promise.resolve(each).catch(() => undefined)
    const waiting = queue.idle().then(() => {
      idle = true
    })
    await settle()
    expect(idle).toBe(false)
    const later = queue.run('a', () => second.promise)
    first.open()
    await settle()
    expect(idle).toBe(false)
    second.open()
    await Promise.all([later, waiting])
    expect(idle).toBe(true)
  })

  it('REL-34 is not idle while something is under way that takes no turn', async () => {
    const queue = new CommitQueue()
    const [first, second] = [gate<string>(), gate<string>()]
    const works = [queue.watch(first.promise), queue.watch(second.promise)]
    let idle = false
    const waiting = queue.idle().then(() => {
      idle = true
    })
    first.fail(outage)
    await expect(works[0]).rejects.toBe(outage)
    await settle()
    expect(idle).toBe(false)
    second.open('stored')
    expect(await works[1]).toBe('stored')
    await waiting
    expect(idle).toBe(true)
  })

  it('whatever comes and fails in whatever order: one at a time per key, first come first served', async () => {
    const job = fc.record({ key: fc.constantFrom('a', 'b', 'c'), turns: fc.nat(3), fails: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(job, { maxLength: 20 }), async (jobs) => {
        const queue = new CommitQueue()
        const busy = new Set<string>()
        const order = new Map<string, number[]>()
        const results = jobs.map(({ key, turns, fails }, at) =>
          queue.run(key, async () => {
            expect(busy.has(key)).toBe(false)
            busy.add(key)
            order.set(key, [...(order.get(key) ?? []), at])
            await settle(turns)
            busy.delete(key)
            if (fails) throw new Error('on purpose')
          }),
        )
        const settled = await Promise.allSettled(results)
        expect(settled.map(({ status }) => status === 'rejected')).toEqual(jobs.map(({ fails }) => fails))
        for (const served of order.values()) expect(served).toEqual([...served].sort((a, b) => a - b))
        await queue.idle()
      }),
      { numRuns: 100 },
    )
  })
})
