import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { createSessions } from '../../src/index.ts'
import { redisStore } from '../../src/stores/redis/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { startRedis } from '../services/redis.ts'
import { monitorOf } from '../services/redis-monitor.ts'

const server = await startRedis()
const client = new Redis(server.port, { autoResendUnfulfilledCommands: false })
const monitor = await monitorOf(server.port)
afterAll(async () => {
  monitor.close()
  client.disconnect()
  await server.close()
})
beforeEach(async () => void (await client.flushall()))

const key = (name: string) => `record-of-${name}`.padEnd(43, '-')
const record = { payload: 'payload', version: 1, expiresAt: Date.now() + 3_600_000, userId: 'ann' }

describe('SEC-81 redisStore', () => {
  it.each(['a*[b]?', '*', '?', '[a-z]*:', '\\*', 'a\\', '{}', '}{', 'a{b}*', '%s $1 ', 'žluť:', "' OR 1=1 --"])(
    'with the prefix %j lists and counts its own keys only',
    async (prefix) => {
      const store = redisStore({ client, prefix })
      const neighbours = [
        '',
        'aXb?',
        'aXbY',
        'abc',
        'a*b?',
        'coatcheck:',
        '*:',
        'a',
        '\\',
        '\\x',
        'q:',
        '{',
        'aaa',
        `x${prefix}`,
      ]
      for (const each of neighbours.filter((other) => other !== prefix)) {
        const other = redisStore({ client, prefix: each })
        await other.create(key('another'), record)
      }
      expect(await store.count()).toBe(0)
      await store.create(key('mine'), record)
      await store.create(key('mine-too'), record)
      const { entries } = await store.list({ limit: 100 })
      expect(entries.map((entry) => entry.key).sort()).toEqual([key('mine'), key('mine-too')])
      expect(await store.count()).toBe(2)
      expect((await store.list({ limit: 100, prefix: 'record-of-mine-t' })).entries).toHaveLength(1)
      expect((await store.keysOf('ann')).sort()).toEqual([key('mine'), key('mine-too')])
      await store.delete(key('mine'))
      expect(await store.read(key('mine-too'))).toEqual(record)
      expect(await client.dbsize()).toBeGreaterThan(2 * (neighbours.length - 2))
    },
  )

  it.each(['*', 'user:*', '}{', 'a b', '=', 'ann\r\nFLUSHALL\r\n', '../u=ann', '\u0000'])(
    'keeps an owner called %j apart from all others',
    async (userId) => {
      const store = redisStore({ client })
      await store.create(key('ann'), record)
      await store.create(key('other'), { ...record, userId })
      expect(await store.keysOf('ann')).toEqual([key('ann')])
      expect(await store.keysOf(userId)).toEqual([key('other')])
      expect((await store.list({ limit: 10 })).entries).toHaveLength(2)
    },
  )

  it('never gets to see a token: none is in any command', async () => {
    const sessions = createSessions<{ n: number }>({
      store: redisStore({ client }),
      secret: 'a secret of at least thirty-two bytes',
    })
    const tokens: string[] = []
    const request = async (handle: (session: Awaited<ReturnType<typeof sessions.open>>) => unknown) => {
      const session = await sessions.open(tokens.at(-1) ?? null)
      handle(session)
      const { token } = await sessions.commit(session)
      if (token !== null) tokens.push(token)
    }
    const seen = await monitor.during(async () => {
      await request((session) => session.set('n', 1))
      await request((session) => session.increment('n'))
      await request((session) => session.login('ann'))
      await request((session) => session.regenerate())
      await request((session) => session.touch())
      await sessions.list({})
      await request((session) => session.destroy())
    })
    expect(tokens).toHaveLength(3)
    expect(seen.length).toBeGreaterThan(20)
    const everything = JSON.stringify(seen)
    expect(everything).toContain('EVALSHA')
    for (const token of tokens) {
      expect(everything).not.toContain(token)
      expect(everything).not.toContain(token.slice(-20))
    }
    await sessions.close()
  })

  it('shows no key, owner or payload in an error', async () => {
    await client.lpush(`coatcheck:${key('broken')}`, 'no string')
    const store = redisStore({ client, wait: { replicas: 1, timeoutMs: 1 } })
    const faults = await Promise.all(
      [
        () => store.read(key('broken')),
        () => store.touch(key('broken'), record.expiresAt, 1),
        () => store.create(key('broken'), record),
        () => store.create(key('secret'), { ...record, payload: 'secret', userId: 'secret' }),
      ].map(async (call) => {
        try {
          return `no error: ${JSON.stringify(await call())}`
        } catch (error) {
          return String(error)
        }
      }),
    )
    for (const fault of faults) {
      expect(fault).toMatch(/^(ReplyError: WRONGTYPE|Error: redisStore: 0 of 1)/)
      expect(fault).not.toMatch(/record-of|secret|payload/)
    }
  })
})

it('SEC-85 redisStore needs no more rights than its page names', async () => {
  const page = readFileSync(new URL('../../docs/stores/redis.md', import.meta.url), 'utf8')
  const rights = /A minimal ACL: `([^`]+)`/.exec(page)?.[1]?.split(/\s+/) ?? []
  expect(rights.length).toBeGreaterThan(5)
  await client.call('ACL', ['SETUSER', 'application', 'on', '>password', 'resetkeys', '-@all', ...rights])
  const limited = new Redis(server.port, {
    username: 'application',
    password: 'password',
    autoResendUnfulfilledCommands: false,
  })
  const clock = manualClock(Date.now())
  const store = redisStore({ client: limited, clock })
  const day = 86_400_000
  await client.script('FLUSH')
  expect(await store.create(key('ann'), record)).toBe(true)
  expect(await store.replace(key('ann'), { ...record, version: 2, userId: 'bob' }, 1)).toBe(true)
  expect(await store.touch(key('ann'), clock() + 3 * day, 2)).toBe(true)
  clock.advance(2 * 3_600_000)
  expect(await store.keysOf('ann')).toEqual([])
  expect(await store.keysOf('bob')).toEqual([key('ann')])
  expect((await store.list({ limit: 10 })).entries).toHaveLength(1)
  expect(await store.count()).toBe(1)
  await store.delete(key('ann'))
  const waiting = redisStore({ client: limited, clock, wait: { replicas: 1, timeoutMs: 1 } })
  await expect(waiting.delete(key('ann'))).rejects.toThrow('0 of 1')
  await expect(redisStore({ client: limited, prefix: 'others:' }).read(key('ann'))).rejects.toThrow('NOPERM')
  limited.disconnect()
})
