import { createHash } from 'node:crypto'
import { MemcacheClient } from 'memcache-client'
import { afterAll, describe, expect, it } from 'vitest'
import { createSessions } from '../../src/index.ts'
import { memcachedStore } from '../../src/stores/memcached/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { shown, tokenWith, visit } from '../fixtures/visits.ts'
import { sharedServer } from '../services/address.ts'
import { askMemcached, recorderBefore } from '../services/memcached.ts'

const second = 1000
const hour = 3600 * second
const day = 24 * hour
const { port } = await sharedServer('memcached')
const recorder = await recorderBefore(port)
const client = new MemcacheClient({ server: `127.0.0.1:${recorder.port}`, noDelay: true })
afterAll(async () => {
  client.shutdown()
  await recorder.close()
})

let prefixes = 0
const newPrefix = () => `s${process.pid}.${prefixes++}:`
const key = 'Kk-_'.repeat(11)

describe('memcachedStore', () => {
  it('SEC-82 sends exactly the intended commands, one or two for each operation', async () => {
    const clock = manualClock()
    const prefix = newPrefix()
    const store = memcachedStore({ client, prefix, clock })
    const now = clock()
    const at = now + hour
    const payload = 'žluť\r\nEND\r\ngets x\r\n'
    const record = { payload, version: 1, expiresAt: at }
    recorder.heard()

    await store.create(key, record)
    expect(sent(prefix)).toBe(write(`add P${key}`, 3601, `1 1 ${at} 0 -\n${payload}`))
    await store.create(key, record)
    expect(sent(prefix)).toBe(`${write(`add P${key}`, 3601, `1 1 ${at} 0 -\n${payload}`)}gets P${key}\r\n`)
    await store.read(key)
    expect(sent(prefix)).toBe(`gets P${key}\r\n`)
    await store.touch(key, at + 1, 1)
    expect(sent(prefix)).toBe(`gets P${key}\r\n${write(`cas P${key}`, 3602, `1 1 ${at + 1} 0 -\n${payload}`, ' CAS')}`)
    await store.replace(key, { payload: '', version: 2, expiresAt: at }, 1)
    expect(sent(prefix)).toBe(`gets P${key}\r\n${write(`cas P${key}`, 3601, `1 2 ${at} 0 -\n`, ' CAS')}`)
    await store.replace(key, { payload: 'never', version: 2, expiresAt: at }, 1)
    expect(sent(prefix)).toBe(`gets P${key}\r\n`)
    clock.set(at)
    await store.create(key, { ...record, expiresAt: at + hour })
    const text = `1 1 ${at + hour} 0 -\n${payload}`
    expect(sent(prefix)).toBe(
      `${write(`add P${key}`, 3601, text)}gets P${key}\r\n${write(`cas P${key}`, 3601, text, ' CAS')}`,
    )
    await store.delete(key)
    expect(sent(prefix)).toBe(`delete P${key}\r\n`)
    await store.touch(key, at + hour, 1)
    expect(sent(prefix)).toBe(`gets P${key}\r\n`)
  })

  it('SEC-82 sends exactly the intended commands for a record with an owner, whose id is never part of a key', async () => {
    const clock = manualClock()
    const prefix = newPrefix()
    const store = memcachedStore({ client, prefix, clock })
    const now = clock()
    const userId = 'user 1\r\nflush_all\r\n'
    const index = `user:${createHash('sha256').update(userId).digest('base64url')}`
    const record = { payload: 'p', version: 1, expiresAt: now + hour, userId }
    recorder.heard()

    await store.create(key, record)
    expect(sent(prefix)).toBe(
      `gets P${index}\r\n` +
        write(`add P${index}`, 7201, `1\n${key} ${now + 2 * hour} ${now}\n`) +
        write(`add P${key}`, 3601, `1 1 ${now + hour} ${now + 2 * hour} 19\n${userId}p`),
    )
    await store.keysOf(userId)
    expect(sent(prefix)).toBe(`gets P${index}\r\ngets P${key}\r\n`)
    await store.replace(key, { ...record, version: 2 }, 1)
    expect(sent(prefix)).toBe(
      `gets P${key}\r\n${write(`cas P${key}`, 3601, `1 2 ${now + hour} ${now + 2 * hour} 19\n${userId}p`, ' CAS')}`,
    )
  })

  it('SEC-82 a session of 31 days is readable, whatever its clock says, where 31 days as such are the past', async () => {
    const prefix = newPrefix()
    await client.set(`${prefix}fact`, 'gone', { lifetime: (31 * day) / second })
    expect(await client.gets(`${prefix}fact`)).toBeUndefined()

    for (const start of [Date.now(), Date.UTC(2001, 0), Date.UTC(2037, 0)]) {
      const clock = manualClock(start)
      const store = memcachedStore({ client, prefix: newPrefix(), clock })
      const record = { payload: 'p', version: 1, expiresAt: clock() + 31 * day }
      await store.create(key, record)
      expect(await store.read(key)).toEqual(record)
      clock.advance(31 * day - 1)
      expect(await store.read(key)).toEqual(record)
      clock.advance(1)
      expect(await store.read(key)).toBeNull()
    }
  })

  it('SEC-82 REL-28 asks for a TTL that is never 0, negative, or more than memcached can count', async () => {
    const clock = manualClock()
    const store = memcachedStore({ client, prefix: newPrefix(), clock })
    const lifetimes = async (left: number) => {
      recorder.heard()
      await store.create(key, { payload: '', version: 1, expiresAt: clock() + left })
      const found = /^add \S+ 0 (\S+) /.exec(recorder.heard())?.[1]
      await store.delete(key)
      return Number(found)
    }
    for (const left of [Number.NaN, Number.NEGATIVE_INFINITY, -clock(), -31 * day, -1, 0, 1, second]) {
      expect(await lifetimes(left)).toBe(2)
    }
    expect(await lifetimes(second + 1)).toBe(3)
    expect(await lifetimes(30 * day - second)).toBe(2_592_000)
    const seconds = Math.floor(Date.now() / second)
    for (const days of [30, 31, 366]) {
      const late = (await lifetimes(days * day)) - seconds - (days + 1) * 86_400
      expect(late).toBeGreaterThanOrEqual(1)
      expect(late).toBeLessThan(60)
    }
    for (const left of [20 * 366 * day, 1e15, Number.POSITIVE_INFINITY]) expect(await lifetimes(left)).toBe(2 ** 31 - 1)
  })

  it('SEC-82 takes the longest prefix with the longest key, which are the 250 bytes of memcached', async () => {
    const prefix = newPrefix().padEnd(122, '~')
    const store = memcachedStore({ client, prefix })
    const longest = 'k'.repeat(128)
    const record = { payload: 'p', version: 1, expiresAt: Date.now() + hour, userId: 'u'.repeat(10_000) }
    expect(await store.create(longest, record)).toBe(true)
    expect(await store.read(longest)).toEqual(record)
    expect(await store.keysOf(record.userId)).toEqual([longest])
    expect(await askMemcached(port, `mg ${prefix}${longest} k`)).toBe(`HD k${prefix}${longest}`)
  })

  it('SEC-82 says when a record is above the limit of the server, and the connection goes on', async () => {
    const store = memcachedStore({ client, prefix: newPrefix() })
    const record = { payload: 'small', version: 1, expiresAt: Date.now() + hour }
    const large = { ...record, payload: 'x'.repeat(1024 * 1024) }
    await expect(store.create(key, large)).rejects.toThrow('too large')
    expect(await store.read(key)).toBeNull()
    expect(await store.create(key, record)).toBe(true)
    await expect(store.replace(key, { ...large, version: 2 }, 1)).rejects.toThrow('too large')
    expect(await store.read(key)).toEqual(record)
    expect(await store.replace(key, { ...record, version: 2 }, 1)).toBe(true)
  })

  it('SEC-82 a request whose session is above the limit of the server fails, and the one before stays', async () => {
    const sessions = createSessions({
      store: memcachedStore({ client, prefix: newPrefix() }),
      limits: { recordBytes: 4 * 1024 * 1024 },
    })
    const token = await tokenWith(sessions, { note: 'small' })
    const large = visit(sessions, token, (session) => session.set('note', 'x'.repeat(2 * 1024 * 1024)))
    await expect(large).rejects.toMatchObject({ code: 'STORE_FAILED', status: 503 })
    expect(await shown(sessions, token)).toEqual({ note: 'small' })
    await sessions.close()
  })
})

/** What was sent since the last call, with P for the prefix and CAS for the tokens of `cas`. */
function sent(prefix: string): string {
  return recorder
    .heard()
    .replaceAll(prefix, 'P')
    .replace(/^(cas \S+ \d+ \d+ \d+) \d+\r/gm, '$1 CAS\r')
}

function write(command: string, exptime: number, text: string, token = ''): string {
  return `${command} 0 ${exptime} ${Buffer.byteLength(text)}${token}\r\n${text}\r\n`
}
