import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createSessions, type Session } from '../../src/index.ts'
import { fileStore } from '../../src/stores/file/index.ts'
import { faultyStore, memoryStore } from '../../src/testing/index.ts'
import { bundleChild, type Child, firstLineOf, outputOf, startChild } from '../fixtures/children.ts'
import { partsOf } from '../fixtures/cookie-jar.ts'
import { exchangeWith } from '../fixtures/exchange.ts'
import { gate, settle } from '../fixtures/gate.ts'
import { itOn } from '../fixtures/store-tests.ts'
import { errorOf, shown, tokenAfter, tokenWith, visit } from '../fixtures/visits.ts'

const minute = 60_000
const hour = 60 * minute
const children = new Set<Child>()
const folders: string[] = []
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

describe('time', () => {
  itOn(
    'two stores',
    'REL-27 both deadlines hold to the millisecond, for reading, finding and listing alike',
    async (stage) => {
      for (const [options, life] of [
        [{ idleTimeout: '10m', absoluteTimeout: '1h' }, 10 * minute],
        [{ idleTimeout: '1h', absoluteTimeout: '1h' }, hour],
      ] as const) {
        const sessions = stage.sessions(options)
        const token = await tokenWith(sessions, { name: 'Ada' })
        const { id, expiresAt } = await sessions.open(token)
        expect(expiresAt).toBe(stage.clock() + life)
        for (const [offset, alive] of [
          [-1, true],
          [0, false],
          [1, false],
        ] as const) {
          stage.clock.set(expiresAt + offset)
          const found = [
            (await shown(sessions, token)) !== null,
            (await sessions.find(id)) !== null,
            (await sessions.list()).sessions.length === 1,
            (await sessions.count()) === 1,
          ]
          expect(found, `${offset} ms`).toEqual([alive, alive, alive, alive])
        }
        await sessions.sweep()
      }
    },
  )

  itOn(
    'two stores',
    'REL-28 a request that outlives its session stores nothing, extends nothing, and sets no cookie',
    async (stage) => {
      const works: Record<string, (session: Session) => unknown> = {
        set: (session) => session.set('late', true),
        touch: (session) => session.touch(),
        regenerate: (session) => session.regenerate(),
        flash: (session) => session.flash.set('late', true),
        take: (session) => session.flash.take('present'),
      }
      const sessions = stage.sessions({ idleTimeout: '1h', absoluteTimeout: '1h' })
      for (const [what, work] of Object.entries(works)) {
        for (const offset of [-1, 0, 1, hour]) {
          const token = await tokenWith(sessions, { name: 'Ada' })
          const exchange = exchangeWith({ cookie: `__Host-sid=${token}` })
          const session = await sessions.open(exchange)
          stage.clock.advance(hour + offset)
          expect(session.isExpired()).toBe(offset >= 0)
          await work(session)
          const { token: issued } = await sessions.commit(session)
          const alive = offset < 0
          expect(issued !== null, `${what} ${offset}`).toBe(alive && what === 'regenerate')
          if (!alive) {
            expect(exchange.sent.filter(([name]) => name === 'set-cookie')).toEqual([])
            expect(await shown(sessions, token)).toBeNull()
          }
          // Nothing lives on beyond the deadline, not even one millisecond of it.
          stage.clock.advance(1)
          expect([(await sessions.list()).sessions, await shown(sessions, issued ?? token)]).toEqual([[], null])
          for (const { record } of await stage.records())
            expect(record.expiresAt).toBeLessThanOrEqual(stage.clock() + minute)
          stage.clock.advance(2 * minute)
          await sessions.sweep()
          expect(await stage.records()).toEqual([])
        }
      }
    },
  )

  itOn('two stores', 'REL-28 a sign-in by a request that outlived its session begins a new one', async (stage) => {
    const sessions = stage.sessions({ idleTimeout: '1h', absoluteTimeout: '1h' })
    const session = await sessions.open(await tokenWith(sessions, { name: 'Ada' }))
    stage.clock.advance(hour)
    session.login('ada')
    const token = await tokenAfter(sessions, session)
    const again = await sessions.open(token)
    expect([again.userId, again.keys(), again.expiresAt]).toEqual(['ada', [], stage.clock() + hour])
  })

  itOn(
    'two stores',
    'REL-29 a clock that goes back extends no session, and one that leaps ahead ends them without a fault',
    async (stage) => {
      const sessions = stage.sessions({ idleTimeout: '30m', absoluteTimeout: '2h', rotateEvery: '1h' })
      const start = stage.clock()
      const token = await tokenWith(sessions, { name: 'Ada' })
      stage.clock.set(start - hour)
      const session = await sessions.open(token)
      expect(session.get('name')).toBe('Ada')
      session.set('name', 'Bob')
      session.touch()
      expect((await sessions.commit(session)).outcome).toBe('saved')
      const { expiresAt, lastSeenAt } = await sessions.open(token)
      expect(expiresAt).toBeLessThanOrEqual(start + 30 * minute)
      expect(lastSeenAt).toBeLessThanOrEqual(stage.clock())
      // In steps, so that it is used all the time.
      stage.clock.set(start - hour)
      let steps = 0
      while ((await shown(sessions, token)) !== null && ++steps < 1000) {
        await visit(sessions, token, (each) => each.touch())
        stage.clock.advance(10 * minute)
        if (stage.clock() - start >= hour) break
      }
      expect(await shown(sessions, token)).not.toBeNull()
      let current = token
      while ((await shown(sessions, current)) !== null && ++steps < 1000) {
        current = (await visit(sessions, current, (each) => each.touch())).token ?? current
        stage.clock.advance(10 * minute)
      }
      expect(stage.clock()).toBe(start + 2 * hour)
      const other = await tokenWith(sessions, { name: 'Eve' })
      stage.clock.advance(365 * 24 * hour)
      expect(await shown(sessions, other)).toBeNull()
      expect(await sessions.sweep()).toBeGreaterThanOrEqual(1)
      stage.clock.set(0)
      const old = await tokenWith(sessions, { name: 'Old' })
      expect(await shown(sessions, old)).toEqual({ name: 'Old' })
    },
  )

  itOn(
    'two stores',
    'REL-29 nodes a minute apart serve the same session, and neither ends it early by a sweep',
    async (stage) => {
      const { clock } = stage
      const ahead = createSessions({ store: stage.store, clock: () => clock() + minute })
      const behind = createSessions({ store: stage.store, clock: () => clock() - minute })
      const nodes = [ahead, behind]
      const token = await tokenWith(ahead, { count: 0 })
      for (let step = 0; step < 60; step++) {
        const node = nodes[step % 2] ?? ahead
        expect(await visit(node, token, (session) => session.increment('count'))).toMatchObject({ outcome: 'saved' })
        clock.advance(5 * minute)
        await node.sweep()
      }
      expect(await shown(behind, token)).toEqual({ count: 60 })
      const moved = await behind.open(token)
      moved.login('ada')
      const next = await tokenAfter(behind, moved)
      expect((await ahead.open(next)).userId).toBe('ada')
      expect([await shown(ahead, token), await shown(behind, token)]).toEqual([null, null])
    },
  )

  itOn('two stores', 'REL-30 what reading calls expired a sweep removes, and nothing else', async (stage) => {
    const sessions = stage.sessions({ idleTimeout: '10m' })
    const token = await tokenWith(sessions, { name: 'Ada' })
    stage.clock.advance(5 * minute)
    await visit(sessions, token, (session) => session.touch())
    stage.clock.advance(10 * minute - 1)
    expect([await sessions.sweep(), await shown(sessions, token)]).toEqual([0, { name: 'Ada' }])
    stage.clock.advance(1)
    expect([await shown(sessions, token), await sessions.sweep(), await sessions.sweep()]).toEqual([null, 1, 0])
  })
})

describe('close', () => {
  const works: Record<string, (session: Session) => unknown> = {
    create: (session) => session.set('name', 'Ada'),
    replace: (session) => session.set('name', 'Bob'),
    move: (session) => session.regenerate(),
    end: (session) => session.destroy(),
    save: (session) => session.set('name', 'Bob'),
  }
  for (const [what, work] of Object.entries(works)) {
    it(`REL-33 REL-34 waits for a commit under way: ${what}`, async () => {
      const store = faultyStore(memoryStore())
      const sessions = createSessions({ store })
      const token = what === 'create' ? null : await tokenWith(sessions, { name: 'Ada' })
      const session = await sessions.open(token)
      work(session)
      const held = store.faults.hold(what === 'create' || what === 'move' ? 'create' : 'replace')
      const commit = what === 'save' ? session.save() : sessions.commit(session)
      await held.reached
      let closed = false
      const closing = sessions.close().then(() => {
        closed = true
      })
      await settle()
      expect([closed, store.calls.some(({ operation }) => operation === 'close')]).toEqual([false, false])
      held.release()
      await expect(commit).resolves.not.toThrow()
      await closing
      expect(store.calls.at(-1)?.operation).toBe('close')
    })
  }

  it('REL-33 is done once, whoever asks; afterwards no session is opened', async () => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store })
    const [first, second] = [sessions.close(), sessions[Symbol.asyncDispose]()]
    await Promise.all([first, second, sessions.close()])
    expect(store.calls.map(({ operation }) => operation)).toEqual(['close'])
    for (const source of [null, 'A'.repeat(43), exchangeWith()]) {
      expect(await errorOf(() => sessions.open(source))).toMatchObject({ code: 'CLOSED', status: 503 })
    }
  })

  it('REL-33 is what `await using` does at the end of a block', async () => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store })
    await sessions[Symbol.asyncDispose]()
    expect(store.calls).toHaveLength(1)
  })

  it('REL-33 does not wait for ever for a store that is dead', async () => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store, storeTimeout: 50 })
    const token = await tokenWith(sessions, { name: 'Ada' })
    const session = await sessions.open(token)
    session.set('name', 'Bob')
    store.faults.hang('replace')
    const commit = sessions.commit(session).catch(({ code }: { code: string }) => code)
    await sessions.close()
    expect(await commit).toBe('STORE_TIMEOUT')
  })

  it('REL-33 lets a store be that it cannot close, and tells what fails when closing', async () => {
    const { close: _, ...plain } = memoryStore()
    await createSessions({ store: plain }).close()
    const store = faultyStore(memoryStore())
    store.faults.fail('close', { error: new Error('still in use') })
    await expect(createSessions({ store }).close()).rejects.toThrow('still in use')
  })
})

describe('a process', () => {
  it('REL-33 ends by itself when its server and its sessions are closed', async () => {
    const child = await startApp(await folder())
    child.process.kill('SIGTERM')
    const [code, signal] = await once(child.process, 'close')
    expect([code, signal]).toEqual([0, null])
  })

  it('REL-34 told to stop amid two hundred requests has stored every one that it answered', async () => {
    const directory = await folder()
    const child = await startApp(directory)
    const answered: string[] = []
    let begun = 0
    let rejected = 0
    const first = gate()
    const visitAs = async (number: number) => {
      begun++
      const response = await fetch(`${child.origin}/${number}`, { headers: { connection: 'close' } })
      const token = partsOf(response.headers.getSetCookie()[0] ?? '').value
      if (response.status === 200 && token !== '') answered.push(`${number}:${token}`)
      if (answered.length === 20) first.open()
    }
    const requests = Array.from({ length: 200 }, (_, number) => visitAs(number).catch(() => rejected++))
    await first.promise
    child.process.kill('SIGTERM')
    const ended = once(child.process, 'close')
    await Promise.all(requests)
    const [code] = await ended
    expect(code).toBe(0)
    expect(begun).toBe(200)
    expect(answered.length).toBeGreaterThanOrEqual(20)
    const sessions = createSessions({ store: fileStore({ directory }) })
    for (const each of answered) {
      const [number, token = ''] = each.split(':')
      expect(await shown(sessions, token)).toEqual({ number })
    }
  })

  it('REL-35 serves twenty thousand requests of all kinds without its heap or its handles growing', {
    timeout: 120_000,
  }, async () => {
    const script = await bundleChild(new URL('./children/soak.ts', import.meta.url))
    const soak = startChild(['--expose-gc', script])
    children.add(soak)
    const { requests, heap, handles, counts } = JSON.parse(await outputOf(soak)) as {
      requests: number
      /** Bytes after a collection, at four moments. */
      heap: number[]
      handles: number[]
      counts: Record<string, number>
    }
    expect(requests).toBe(20_000)
    expect(counts).toMatchObject({ 200: expect.any(Number), 500: expect.any(Number), 503: expect.any(Number) })
    const [, settled = 0, , last = 0] = heap
    // Ten thousand requests lie between: a leak of 100 bytes in each would show.
    expect(last - settled).toBeLessThan(1_000_000)
    expect(new Set(handles).size).toBe(1)
  })
})

async function folder(): Promise<string> {
  const created = mkdtempSync(join(tmpdir(), 'coatcheck-life-'))
  folders.push(created)
  return created
}

async function startApp(directory: string): Promise<{ process: Child; origin: string }> {
  const child = startChild([await bundleChild(new URL('./children/app.ts', import.meta.url)), directory])
  children.add(child)
  return { process: child, origin: await firstLineOf(child) }
}
