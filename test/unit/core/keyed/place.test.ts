import { describe, expect, it } from 'vitest'
import { allRecords, browserRequest, codeOf, dataOf, settle, systemOf, tokenOf, told } from '../system.ts'

describe('a first record', () => {
  it('gets a token that nobody had before, whatever the client has sent', async () => {
    const system = await systemOf()
    const chosen = system.engine.tokens.draw()
    const request = browserRequest(chosen)
    const session = await system.sessions.open(request)
    session.set('a', 1)
    expect((await system.sessions.commit(session)).outcome).toBe('created')
    expect(request.cookies).toHaveLength(1)
    expect(request.cookies[0]).not.toBe(chosen)
    expect(await dataOf(system, chosen)).toBeNull()
  })

  it('has the id that was asked for before it was stored', async () => {
    const system = await systemOf()
    const session = await system.sessions.open(null)
    const { id, root } = session
    session.set('a', 1)
    const { token } = await system.sessions.commit(session)
    const stored = await system.sessions.open(token)
    expect([stored.id, stored.root]).toEqual([id, root])
    expect(told(system, 'created')).toEqual([{ id, root }])
  })

  it('gets another token if the drawn one is taken, and gives up when that goes on', async () => {
    const system = await systemOf()
    const taken = await tokenOf(system, { a: 1 })
    let draws = 0
    const other = await system
      .another({ id: { generate: () => (draws++ < 4 ? taken : system.engine.tokens.draw()) } })
      .catch((error: unknown) => error)
    // Two equal tokens are refused at construction, so the first two must differ.
    expect(other).toMatchObject({ code: 'ID_INVALID' })
    const drawn = ['first'.padEnd(43, 'x'), 'second'.padEnd(43, 'x')]
    const stuck = await system.another({ id: { generate: () => drawn.shift() ?? taken } })
    const session = await stuck.sessions.open(null)
    session.set('a', 2)
    expect(await codeOf(() => session.save())).toBe('ID_COLLISION')
    drawn.push(taken, 'third'.padEnd(43, 'x'))
    expect((await stuck.sessions.commit(session)).token).toBe('third'.padEnd(43, 'x'))
    expect(await dataOf(system, taken)).toEqual({ a: 1 })
  })

  it('whose acknowledgement is lost is found, and is the session', async () => {
    const system = await systemOf()
    const session = await system.sessions.open(null)
    session.set('a', 1)
    system.store.faults.loseReply('create', { times: 1 })
    const { outcome, token } = await system.sessions.commit(session)
    expect([outcome, await dataOf(system, token ?? '')]).toEqual(['created', { a: 1 }])
    expect((await allRecords(system)).size).toBe(1)
  })

  it('that cannot be looked for either is removed again, and the session is due under another token', async () => {
    const system = await systemOf()
    const session = await system.sessions.open(null)
    session.login('ada')
    system.store.faults.loseReply('create', { times: 1 })
    system.store.faults.fail('read', { times: 1 })
    expect(await codeOf(() => session.save())).toBe('STORE_FAILED')
    await settle()
    expect(await allRecords(system)).toEqual(new Map())
    await system.sessions.commit(session)
    expect(await system.sessions.users.list('ada')).toHaveLength(1)
  })

  it('is refused by limits.create before anything is stored', async () => {
    let allowed = false
    const system = await systemOf({ limits: { create: () => allowed } })
    const session = await system.sessions.open(null)
    session.set('a', 1)
    expect(await codeOf(() => session.save())).toBe('LIMIT_REACHED')
    expect([system.store.calls, told(system, 'limit')]).toEqual([[], [{ limit: 'create' }]])
    allowed = true
    expect((await system.sessions.commit(session)).outcome).toBe('created')
  })

  it('holds what was there when save() was called, not what came while the store took its time', async () => {
    const system = await systemOf()
    const session = await system.sessions.open(null)
    const job = { step: 1 }
    session.set('job', job)
    const held = system.store.faults.hold('create', { times: 1 })
    const saved = session.save()
    await held.reached
    job.step = 2
    session.increment('n')
    held.release()
    await saved
    const [record] = (await allRecords(system)).values()
    expect(record?.payload).toContain('{"d":{"job":{"step":1}}}')
    const { token } = await system.sessions.commit(session)
    expect(await dataOf(system, token ?? '')).toEqual({ job: { step: 2 }, n: 1 })
  })
})
