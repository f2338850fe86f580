import { expect, it } from 'vitest'
import { createSessions, type Session } from '../../src/index.ts'
import { faultyStore, memoryStore } from '../../src/testing/index.ts'
import { exchangeWith, shown, tokenWith, visit } from './stage.ts'

const first: Record<string, (s: Session) => void> = {
  create: (s) => s.set('a', 1),
  replace: (s) => s.set('a', 2),
  move: (s) => s.regenerate(),
}
for (const [what, work] of Object.entries(first)) for (const then of ['nothing', 'write']) {
  it(`${what} in flight, then destroy, then ${then}`, async () => {
    const store = faultyStore(memoryStore())
    const sessions = createSessions({ store })
    const token = what === 'create' ? null : await tokenWith(sessions, { a: 1 })
    const exchange = exchangeWith(token ? { cookie: `__Host-sid=${token}` } : {})
    const session = await sessions.open(exchange)
    work(session)
    const held = store.faults.hold(what === 'replace' ? 'replace' : 'create', { times: 1 })
    const p = session.save()
    await held.reached
    session.destroy()
    if (then === 'write') session.set('after', true)
    held.release()
    await p.catch((e) => console.log('save', e.code, e.message))
    let r: unknown
    try { r = await sessions.commit(session) } catch (e) { r = e }
    console.log(what, then, r, exchange.sent, (await sessions.list()).sessions.map((s) => s.data))
  })
}
it('update that mutates after set, replayed', async () => {
  const store = memoryStore()
  const [a, b] = [createSessions({ store }), createSessions({ store })]
  const token = await tokenWith(a, { x: 1 })
  const s = await a.open(token)
  s.set('list', [])
  s.update('list', (l: never) => { (l as string[]).push('once'); return l })
  await visit(b, token, (each) => each.set('x', 2))
  await a.commit(s)
  console.log('mutating update', await shown(a, token))
  const s2 = await a.open(token)
  ;(s2.get('list') as string[]).push('in place')
  s2.update('list', (l: never) => { (l as string[]).push('twice?'); return l })
  await visit(b, token, (each) => each.set('x', 3))
  await a.commit(s2)
  console.log('in place then mutating update', await shown(a, token))
  expect(1).toBe(1)
})
