import { describe, expect, it } from 'vitest'
import { browserRequest, codeOf, dataOf, secret, settle, systemOf, tokenOf, told, visit } from '../../core/system.ts'

const minute = 60_000

describe('session.reload', () => {
  it('is SESSION_GONE for what was ended, revoked or moved on purpose, and follows a rotation', async () => {
    for (const [how, gone] of [
      ['destroy', true],
      ['regenerate', true],
      ['revokeAll', true],
      ['rotation', false],
    ] as const) {
      const system = await systemOf({ kind: 'sealed', rotateEvery: '5m' })
      const token = await tokenOf(system, { n: 1 }, 'ada')
      const socket = await system.sessions.open(token)
      socket.increment('n')
      if (how === 'revokeAll') await system.sessions.users.revokeAll('ada')
      else {
        system.clock.advance(how === 'rotation' ? 6 * minute : 0)
        await visit(system, token, (session) => {
          if (how === 'destroy') session.destroy()
          if (how === 'regenerate') session.regenerate()
          session.set('theirs', 1)
        })
      }
      expect(await codeOf(() => socket.reload())).toBe(gone ? 'SESSION_GONE' : undefined)
      if (!gone) expect(socket.toJSON().data).toEqual({ n: 2, theirs: 1 })
    }
  })

  it('finds a session that other requests have kept alive', async () => {
    const system = await systemOf({ kind: 'sealed' })
    const token = await tokenOf(system, { n: 1 })
    const socket = await system.sessions.open(token)
    for (let minutes = 0; minutes < 40; minutes += 20) {
      system.clock.advance(20 * minute)
      expect((await visit(system, token)).outcome).toBe('touched')
    }
    expect(await codeOf(() => socket.reload())).toBeUndefined()
    expect(socket.get('n')).toBe(1)
  })
})

describe('a session that has expired while a request held it', () => {
  it.each(['sealed', 'sealed, nothing remembered'] as const)(
    'is not brought back by a write or a move: %s',
    async (kind) => {
      for (const work of [
        (session: { set(key: string, value: unknown): void }) => session.set('late', 1),
        (session: { regenerate(): void }) => session.regenerate(),
        (session: { touch(): void }) => session.touch(),
      ]) {
        const system = await systemOf({ kind })
        const session = await system.sessions.open(await tokenOf(system, { a: 1 }))
        system.clock.advance(31 * minute)
        work(session)
        const { outcome, token } = await system.sessions.commit(session)
        expect([['gone', 'nothing'].includes(outcome), token]).toEqual([true, null])
      }
    },
  )
})

describe('what a process remembers of its own', () => {
  it('keeps a reader from answering with an older session than a writer has: nothing on the server is needed', async () => {
    const system = await systemOf({ kind: 'sealed, nothing remembered' })
    const token = await tokenOf(system, { a: 1 })
    system.clock.advance(10 * minute)
    const request = browserRequest(token)
    const reader = await system.sessions.open(request)
    reader.get('a')
    const { carried } = await visit(system, token, (session) => session.set('a', 2))
    expect(carried).not.toBe(token)
    expect((await system.sessions.commit(reader)).outcome).toBe('nothing')
    expect(request.cookies).toEqual([])
  })

  it('a reader whom nobody has overtaken brings a token with the new deadline', async () => {
    const system = await systemOf({ kind: 'sealed, nothing remembered' })
    const token = await tokenOf(system, { a: 1 })
    system.clock.advance(10 * minute)
    const request = browserRequest(token)
    const { outcome } = await system.sessions.commit(await system.sessions.open(request))
    expect([outcome, request.cookies.length]).toEqual(['touched', 1])
    system.clock.advance(25 * minute)
    expect(await dataOf(system, request.cookies[0] ?? '')).toEqual({ a: 1 })
    expect(await dataOf(system, token)).toBeNull()
  })

  it('keeps a slow request from undoing a logout', async () => {
    const system = await systemOf({ kind: 'sealed, nothing remembered' })
    const token = await tokenOf(system, { a: 1 })
    system.clock.advance(10 * minute)
    const [reader, writer, mover] = await Promise.all([1, 2, 3].map(() => system.sessions.open(token)))
    if (reader === undefined || writer === undefined || mover === undefined) throw new Error('not opened')
    await visit(system, token, (session) => session.logout())
    writer.set('a', 2)
    mover.regenerate()
    for (const session of [reader, writer, mover]) {
      expect(await system.sessions.commit(session)).toMatchObject({ outcome: 'gone', token: null })
    }
    expect(await dataOf(system, token)).toBeNull()
  })
})

describe('an end', () => {
  it.each(['sealed', 'sealed, nothing remembered'] as const)('says who did it: %s', async (kind) => {
    const system = await systemOf({ kind })
    const session = await system.sessions.open(await tokenOf(system, { a: 1 }, 'ada'))
    const { id, root } = session
    session.logout()
    await system.sessions.commit(session)
    expect(told(system, 'destroyed')).toEqual([{ id, root, userId: 'ada', reason: 'logout', by: 'ada' }])
  })

  it.each(['sealed', 'sealed, nothing remembered'] as const)(
    'is told once, also if two requests end it: %s',
    async (kind) => {
      const system = await systemOf({ kind })
      const token = await tokenOf(system, { a: 1 })
      const [one, other] = [await system.sessions.open(token), await system.sessions.open(token)]
      for (const session of [one, other]) {
        session.logout()
        expect((await system.sessions.commit(session)).outcome).toBe('ended')
      }
      expect(told(system, 'destroyed')).toHaveLength(1)
    },
  )
})

describe('a sealed session', () => {
  it('under an older secret is sealed again under the newest by the next request, even one that only reads', async () => {
    const older = 'an older secret of 32 bytes at the least, as well'
    for (const kind of ['sealed', 'sealed, nothing remembered'] as const) {
      const before = await systemOf({ kind, secret: older })
      const token = await tokenOf(before, { a: 1 })
      const both = await before.another({ secret: [secret, older] })
      const { outcome, carried } = await visit(both, token, (session) => session.get('a'))
      expect([outcome, carried === token]).toEqual(['touched', false])
      expect((await visit(both, carried)).outcome).toBe('nothing')
      expect(await dataOf(await before.another({ secret }), carried)).toEqual({ a: 1 })
      expect(await dataOf(await before.another({ secret }), token)).toBeNull()
    }
  })

  it('that does not fit the cookie is refused with what to do, told as a limit, and the old one stays', async () => {
    const system = await systemOf({ kind: 'sealed' })
    const token = await tokenOf(system, { a: 1 }, 'ada')
    const session = await system.sessions.open(token)
    session.set('long', 'x'.repeat(5000))
    expect(await codeOf(() => session.save())).toBe('COOKIE_TOO_LARGE')
    const { root } = session
    expect(told(system, 'limit')).toEqual([{ limit: 'cookie', root, userId: 'ada' }])
    session.delete('long')
    await session.save()
    await settle()
    expect(await dataOf(system, token)).toEqual({ a: 1 })
  })

  it('a rotation that does not fit is left out, and nobody is told', async () => {
    const plain = await systemOf({ kind: 'sealed' })
    let token = ''
    // The largest session that fits: a rotation adds the id that it had.
    for (let length = 2300; ; length++) {
      const made = await tokenOf(plain, { text: 'x'.repeat(length) }).catch(() => null)
      if (made === null) break
      token = made
    }
    const system = await plain.another({ rotateEvery: '5m', renewAfter: '29m' })
    system.clock.advance(6 * minute)
    expect(await visit(system, token)).toMatchObject({ outcome: 'nothing', token: null })
    expect(told(system, 'limit')).toEqual([])
    expect(await codeOf(() => visit(system, token, (session) => session.regenerate()))).toBe('COOKIE_TOO_LARGE')
    expect((await visit(system, token, (session) => session.set('text', ''))).outcome).toBe('moved')
  })

  it('cannot take a message at once, nor be listed, found or counted', async () => {
    const system = await systemOf({ kind: 'sealed' })
    const session = await system.sessions.open(await tokenOf(system, { a: 1 }))
    for (const work of [
      () => session.flash.take('note'),
      () => system.sessions.list(),
      () => system.sessions.count(),
      () => system.sessions.find(session.id),
      () => system.sessions.revoke(session.id),
      () => system.sessions.users.list('ada'),
      () => system.sessions.users.revoke('ada', session.root),
    ]) {
      expect(await codeOf(work)).toBe('UNSUPPORTED')
    }
    const bare = await systemOf({ kind: 'sealed, nothing remembered' })
    expect(await codeOf(() => bare.sessions.users.revokeAll('ada'))).toBe('UNSUPPORTED')
  })
})
