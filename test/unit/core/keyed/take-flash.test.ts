import { describe, expect, it } from 'vitest'
import { codeOf, dataOf, type System, systemOf, tokenOf, told, visit } from '../system.ts'

const minute = 60_000

async function withMessage(system: System): Promise<string> {
  const token = await tokenOf(system, { a: 1 })
  await visit(system, token, (session) => {
    session.flash.set('note', { text: 'hello' })
    session.flash.set('other', 'stays')
  })
  return token
}

describe('flash.take', () => {
  it('of any number of requests in two processes gives the message to exactly one', async () => {
    const system = await systemOf()
    const other = await system.another()
    const token = await withMessage(system)
    const sessions = await Promise.all(
      Array.from({ length: 12 }, (_, at) => (at % 2 ? system : other).sessions.open(token)),
    )
    const taken = await Promise.all(sessions.map((session) => session.flash.take('note')))
    expect(taken.filter((value) => value !== undefined)).toEqual([{ text: 'hello' }])
    expect((await system.sessions.open(token)).flash.all()).toEqual({ other: 'stays' })
  })

  it('removes the message alone: the other changes of the request wait for its commit', async () => {
    const system = await systemOf()
    const token = await withMessage(system)
    const session = await system.sessions.open(token)
    const list = [1]
    session.set('list', list)
    session.increment('n')
    expect(await session.flash.take('note')).toEqual({ text: 'hello' })
    expect(await dataOf(system, token)).toEqual({ a: 1 })
    list.push(2)
    expect([session.get('list') === list, session.get('n')]).toEqual([true, 1])
    expect((await system.sessions.commit(session)).outcome).toBe('saved')
    expect(await dataOf(system, token)).toEqual({ a: 1, list: [1, 2], n: 1 })
    expect(told(system, 'conflict')).toEqual([])
  })

  it('a message that was read before is not removed twice, nor a later one under its key', async () => {
    const system = await systemOf()
    const token = await withMessage(system)
    const session = await system.sessions.open(token)
    expect(session.flash.get('note')).toEqual({ text: 'hello' })
    expect(await session.flash.take('note')).toEqual({ text: 'hello' })
    await visit(system, token, (it) => it.flash.set('note', 'later'))
    expect((await system.sessions.commit(session)).outcome).toBe('nothing')
    expect((await system.sessions.open(token)).flash.peek('note')).toBe('later')
  })

  it('gives what another request has left since, and brings what it has written', async () => {
    const system = await systemOf()
    const token = await withMessage(system)
    const session = await system.sessions.open(token)
    await visit(await system.another(), token, (it) => {
      it.flash.set('note', 'newer')
      it.set('a', 2)
    })
    expect([await session.flash.take('note'), session.get('a')]).toEqual(['newer', 2])
  })

  it('follows a rotation, and the answer gets the new token', async () => {
    const system = await systemOf({ rotateEvery: '5m' })
    const token = await withMessage(system)
    const session = await system.sessions.open(token)
    system.clock.advance(6 * minute)
    const { carried } = await visit(system, token)
    expect(await session.flash.take('note')).toEqual({ text: 'hello' })
    expect((await system.sessions.commit(session)).token).toBe(carried)
    expect((await system.sessions.open(carried)).flash.all()).toEqual({ other: 'stays' })
  })

  it('carries data of an older version over before it stores it', async () => {
    const old = await systemOf()
    const token = await withMessage(old)
    let runs = 0
    const system = await old.another({
      migrate: {
        version: 1,
        up(data) {
          runs++
          return { ...data, shape: 1 }
        },
      },
    })
    const session = await system.sessions.open(token)
    expect(await session.flash.take('note')).toEqual({ text: 'hello' })
    runs = 0
    expect(await dataOf(system, token)).toEqual({ a: 1, shape: 1 })
    // It was stored in the present shape.
    expect(runs).toBe(0)
  })

  it('is nothing for a session that has ended or moved, that is new, or that has no such message', async () => {
    const system = await systemOf()
    const token = await withMessage(system)
    const [ended, moved] = [await system.sessions.open(token), await system.sessions.open(token)]
    expect(await ended.flash.take('none')).toBeUndefined()
    expect(await ended.flash.take('__proto__')).toBeUndefined()
    expect(await (await system.sessions.open(null)).flash.take('note')).toBeUndefined()
    const { carried } = await visit(system, token, (session) => session.regenerate())
    expect(await moved.flash.take('note')).toBeUndefined()
    await visit(system, carried, (session) => session.destroy())
    expect(await ended.flash.take('note')).toBeUndefined()
  })

  it('that fails has taken nothing', async () => {
    const system = await systemOf()
    const token = await withMessage(system)
    const session = await system.sessions.open(token)
    system.store.faults.fail('replace', { times: 1 })
    expect(await codeOf(() => session.flash.take('note'))).toBe('STORE_FAILED')
    expect(session.flash.peek('note')).toEqual({ text: 'hello' })
    expect(await session.flash.take('note')).toEqual({ text: 'hello' })
  })

  it('whose acknowledgement is lost has taken it', async () => {
    const system = await systemOf()
    const token = await withMessage(system)
    const session = await system.sessions.open(token)
    system.store.faults.loseReply('replace', { times: 1 })
    expect(await session.flash.take('note')).toEqual({ text: 'hello' })
    expect((await system.sessions.open(token)).flash.peek('note')).toBeUndefined()
  })

  it('waits for a save() of the same request', async () => {
    const system = await systemOf()
    const token = await withMessage(system)
    const session = await system.sessions.open(token)
    session.increment('n')
    const held = system.store.faults.hold('replace', { times: 1 })
    const saved = session.save()
    await held.reached
    const taken = session.flash.take('note')
    session.increment('n')
    held.release()
    await saved
    expect(await taken).toEqual({ text: 'hello' })
    await system.sessions.commit(session)
    expect(await dataOf(system, token)).toEqual({ a: 1, n: 2 })
  })
})
